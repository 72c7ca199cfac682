"""How much of a text was heard, from how much of its sound was played."""

from __future__ import annotations

import pytest

from calling.media.operations.relay.word_clock import Reach, heard

TEXTS = [
    "Life is a complex set of many small things.",
    "Your order 4711, of 12 pieces, costs 99 euros and 50 cents; it comes on Tuesday!",
    "Der Zug nach Frankfurt fährt um 14 Uhr 35 von Gleis 7.",
    "Ask the BBC — or the FBI — about it…",
    "今天天气很好，我们去公园吧。",
    "Hi",
    "  leading and trailing  ",
]


@pytest.mark.parametrize("text", TEXTS)
def test_it_begins_with_nothing_grows_word_by_word_and_ends_with_all(text: str) -> None:
    before = ""
    for ms in range(0, 3100, 10):
        now = heard(text, Reach(1, ms, 100, 2900))
        assert text.startswith(now) and now.startswith(before)
        before = now
    assert heard(text, Reach(1, 100, 100, 2900)) == ""
    assert before == text.rstrip()


def test_a_piece_without_a_voice_was_heard_when_it_is_over() -> None:
    assert heard("...", Reach(1, 0, 0, 0)) == ""
    assert heard("...", Reach(1, 20, 0, 0)) == "..."
    assert heard("", Reach(1, 20, 0, 100)) == ""
