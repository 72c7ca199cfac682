"""Tokens become pieces that a voice can say: no word is torn, lost or said twice."""

from __future__ import annotations

import random

import pytest

from calling.media.operations.relay.clauses import LONGEST, Clauses


def cut(*tokens: str, hungry: bool = False) -> list[str]:
    made = Clauses()
    found = [piece for token in tokens for piece in made.add(token, hungry=hungry)]
    return [*found, *made.flush()]


@pytest.mark.parametrize(
    ("tokens", "pieces"),
    [
        (["Hello. How are you?"], ["Hello. ", "How are you?"]),
        (["Hel", "lo", ". ", "How are y", "ou?"], ["Hello. ", "How are you?"]),
        (["It costs 3.", "50 euros. ", "Fine?"], ["It costs 3.50 euros. ", "Fine?"]),
        (["Ask Dr. Smith or Mrs. Jones. Bye."], ["Ask Dr. Smith or Mrs. Jones. ", "Bye."]),
        (["J. R. R. Tolkien wrote it. Yes."], ["J. R. R. Tolkien wrote it. ", "Yes."]),
        (['She said "Go!" and went. Then?'], ['She said "Go!" ', "and went. ", "Then?"]),
        (["One\nTwo\n\nThree"], ["One\n", "Two\n\n", "Three"]),
        (["Wait... what?! No."], ["Wait... ", "what?! ", "No."]),
        (["你好。", "今天天气很好！再见"], ["你好。", "今天天气很好！", "再见"]),
        (["   "], []),
        (["no mark at all"], ["no mark at all"]),
    ],
)
def test_sentences_are_whole(tokens: list[str], pieces: list[str]) -> None:
    assert cut(*tokens) == pieces


def test_the_first_piece_is_a_clause_and_a_sentence_once_something_is_said() -> None:
    text = "Well, thank you for calling, how can I help? Sales, or support? "
    made = Clauses()
    assert made.add(text[:30], hungry=True) == ["Well, thank you for calling, "]
    assert made.add(text[30:], hungry=False) == ["how can I help? ", "Sales, or support? "]


def test_a_voice_does_not_wait_for_a_mark_that_does_not_come() -> None:
    made = Clauses()
    words = [f"word{number} " for number in range(30)]
    found = [piece for word in words for piece in made.add(word, hungry=True)]
    assert [len(piece.split()) for piece in found] == [10, 10, 10]


def test_text_without_an_end_is_cut_between_words() -> None:
    pieces = cut("verylongword " * 100)
    assert all(len(piece) <= LONGEST for piece in pieces)
    assert all(word == "verylongword" for piece in pieces for word in piece.split())
    assert "".join(cut("x" * 1000)) == "x" * 1000


@pytest.mark.parametrize("seed", range(30))
def test_however_it_is_torn_into_tokens_every_character_is_said_once_in_order(seed: int) -> None:
    dice = random.Random(seed)
    alphabet = ["a", "bb", "Dr", ".", "?", "!", ",", " ", " ", "\n", "3", "。", "é", "“", "…", "-", "  "]
    text = "".join(dice.choices(alphabet, k=400))
    made, found, at = Clauses(), "", 0
    while at < len(text):
        size = dice.randint(1, 9)
        found += "".join(made.add(text[at : at + size], hungry=dice.random() < 0.5))
        at += size
    found += "".join(made.flush())
    assert found.split() == text.split()
