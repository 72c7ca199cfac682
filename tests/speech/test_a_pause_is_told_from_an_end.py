"""With a turn detector, a pause in which somebody has not finished may last longer before it is an end."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import numpy as np
import pytest

from bench import turns as bench
from bench.people import advice, prompts
from calling.speech import installed, turns, weights
from calling.speech.frames import RATE, Pcm, Sound
from calling.speech.recogniser import Heard
from calling.speech.recognition_queue import Question
from calling.speech.server import SpeechServer
from calling.speech.transcriber import Transcriber, Wish
from calling.speech.turns import HEARD_SECONDS, prepared
from calling.speech.utterances import HOLD_MS, WINDOW_MS, Utterances
from tests.speech.test_words_are_recognised_during_the_pause import QUIET, VOICE, Loud

NOWHERE = Path("/nonexistent")
END_MS = 512


class Stage:
    """A party, and a detector that gives the same score to every pause once it `answers`."""

    def __init__(self, score: float | None, *, early: bool = True) -> None:
        self.told: list[str] = []
        self.asked: list[float] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.score, self._number = score, 0
        wish = Wish("quick", "en", partial=False, end_silence_ms=END_MS, early=early)
        finished = self._finished if score is not None else None
        tell = lambda words: self.told.append(words["say"])  # noqa: E731
        self.transcriber = Transcriber(wish, Loud(), self._recognise, tell, finished)

    async def _recognise(self, question: Question) -> Heard:
        return Heard("words", 1.0)

    async def _finished(self, pcm: Pcm) -> float:
        self.asked.append(len(pcm) / RATE)
        score = self.score
        assert score is not None
        await self.answers.wait()
        return score

    async def hears(self, pcm: Pcm, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.transcriber.hear(Sound(self._number, pcm))
            self._number += 1
            await asyncio.sleep(0)

    @property
    def ends(self) -> int:
        return self.told.count("quiet")


@pytest.mark.parametrize(("score", "ends"), [(None, 1), (0.9, 1), (turns.FINISHED, 1), (0.2, 0)])
async def test_a_pause_of_the_usual_length_ends_what_sounds_finished(score: float | None, ends: int) -> None:
    stage = Stage(score)
    await stage.hears(VOICE, 1.0)
    await stage.hears(QUIET, 0.7)
    assert stage.ends == ends and len(stage.asked) == (score is not None)


async def test_a_longer_one_ends_what_does_not() -> None:
    stage = Stage(0.2)
    await stage.hears(VOICE, 1.0)
    await stage.hears(QUIET, (END_MS + HOLD_MS) / 1000 - 0.1)
    assert stage.ends == 0
    await stage.hears(QUIET, 0.2)
    assert stage.ends == 1 and len(stage.asked) == 1


async def test_who_goes_on_after_a_held_pause_has_said_one_utterance() -> None:
    stage = Stage(0.2)
    for _ in range(3):
        await stage.hears(VOICE, 1.0)
        await stage.hears(QUIET, 1.0)
    await stage.hears(QUIET, 1.0)
    await stage.transcriber.finish()
    assert stage.ends == 1 and stage.told.count("final") == 1 and len(stage.asked) == 3
    assert stage.asked == sorted(stage.asked), "each question is about all that was said so far"


async def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    stage = Stage(0.2)
    stage.answers.clear()
    await stage.hears(VOICE, 1.0)
    await stage.hears(QUIET, 0.8)
    assert stage.ends == 1
    await stage.hears(VOICE, 1.0)
    stage.score = 0.9
    stage.answers.set()
    await stage.hears(QUIET, 0.8)
    assert stage.ends == 2 and len(stage.asked) == 2


async def test_nobody_asks_where_nobody_waits_for_the_words() -> None:
    stage = Stage(0.2, early=False)
    await stage.hears(VOICE, 1.0)
    await stage.hears(QUIET, 0.8)
    assert stage.ends == 1 and stage.asked == []


def test_a_hold_is_for_one_pause() -> None:
    following = Utterances(END_MS)
    for _ in range(10):
        following.window(0.9)
    following.hold(following.last_voice_ms)
    pause = [0.0] * (END_MS // WINDOW_MS + 5)

    def ends() -> int:
        return sum(found is not None and found.whole for found in map(following.window, pause))

    assert ends() == 0
    following.window(0.9)
    assert ends() == 1


@pytest.mark.parametrize("seconds", [0.5, HEARD_SECONDS, 20])
def test_the_model_is_given_the_last_eight_seconds(seconds: float) -> None:
    pcm = (np.sin(np.arange(int(seconds * RATE))) * 3000 + 50).astype(np.int16)
    given = prepared(pcm)
    assert given.shape == (HEARD_SECONDS * RATE,) and given.dtype == np.float32
    assert abs(float(given.mean())) < 1e-3 and abs(float(given.var()) - 1) < 1e-2
    last = given[-RATE // 2 :]
    assert np.corrcoef(last, pcm[-RATE // 2 :])[0, 1] > 0.999


def test_another_file_than_the_known_one_is_refused_and_silence_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = weights.KNOWN[installed.TURNS]
    (tmp_path / known.name).mkdir()
    (tmp_path / known.name / known.file).write_bytes(b"another")
    monkeypatch.setattr(installed, "turns", lambda own: True)
    with pytest.raises(weights.NoWeights, match="another hash"):
        turns.detector(tmp_path)
    server = SpeechServer(tmp_path)
    assert server._turn_detector() is None


def test_without_the_model_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "turns", lambda own: False)
    assert turns.detector(tmp_path) is None


def test_a_sentence_is_cut_between_its_words() -> None:
    word, gap = np.full(RATE, 3000, np.int16), np.zeros(RATE // 5, np.int16)
    found = bench.cuts(np.concatenate((word, gap, word, gap, word)))
    assert [round(len(each) / RATE, 1) for each in found] == [1.0, 2.2]


@pytest.mark.soak_only
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not installed.turns(NOWHERE), reason="needs the package of requirements-turns.lock")
def test_ends_are_taken_and_some_pauses_are_held() -> None:
    said = prompts("en")
    if not said:
        pytest.skip(advice("en"))
    detector, dice = turns.detector(NOWHERE), random.Random(1)
    assert detector is not None
    dice.shuffle(said)
    answers = bench.measure(detector, said[:40], dice)
    (ended, ends), (mistaken, pauses) = bench.share(answers, True), bench.share(answers, False)
    print(f"\n{ends} ends, {100 * ended:.0f} % taken; {pauses} pauses, {100 - 100 * mistaken:.0f} % held")
    assert ended >= 0.9 and mistaken <= 0.8 and (ends, pauses) > (30, 30)
