"""Where somebody begins and ends to speak, from scores alone."""

from __future__ import annotations

from calling.speech.utterances import LEAD_MS, LONGEST_MS, WINDOW_MS, Utterance, Utterances


def whole(scores: list[float], end_silence_ms: int = 700) -> list[Utterance]:
    following = Utterances(end_silence_ms)
    heard = [following.window(each) for each in scores]
    return [each for each in heard if each is not None and each.whole]


def test_a_pause_shorter_than_the_end_of_speech_joins_two_words() -> None:
    (one,) = whole([0.0] * 20 + [0.9] * 20 + [0.1] * 15 + [0.9] * 20 + [0.1] * 40)
    assert one.start_ms == 20 * WINDOW_MS - LEAD_MS
    assert one.end_ms == 75 * WINDOW_MS + LEAD_MS


def test_a_longer_one_parts_them() -> None:
    two = whole([0.9] * 20 + [0.1] * 30 + [0.9] * 20 + [0.1] * 30)
    assert len(two) == 2 and two[0].end_ms < two[1].start_ms + LEAD_MS


def test_a_click_is_no_word() -> None:
    assert whole(([0.9] * 2 + [0.0] * 30) * 5) == []


def test_a_first_window_with_a_voice_may_begin_an_utterance() -> None:
    following, maybe = Utterances(), []
    for score in [0.0, 0.9, 0.0, 0.9, 0.9, 0.9, 0.9, 0.0]:
        following.window(score)
        maybe.append(following.maybe)
    assert maybe == [False, True, False, True, False, False, False, False]


def test_who_speaks_without_end_is_cut() -> None:
    cut = whole([0.9] * (2 * LONGEST_MS // WINDOW_MS + 10))
    assert [each.end_ms - each.start_ms <= LONGEST_MS for each in cut] == [True, True]


def test_what_goes_on_when_the_sound_ends_is_whole() -> None:
    following = Utterances()
    for _ in range(20):
        following.window(0.9)
    last = following.close()
    assert last is not None and last.whole and following.close() is None
