"""Digits and card numbers leave a transcript, in figures and in words of many languages; other words stay."""

from __future__ import annotations

import random

import pytest

from calling.speech.redaction import CARD_NUMBERS, DIGITS, WORDS, holds_card, luhn, redact

CARD = "4111111111111111"
ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My code is 4711.", "My code is [digits]."),
        ("It is 47 11, thank you.", "It is [digits], thank you."),
        ("Call 555-010-2030 now", "Call [digits] now"),
        ("four seven one one", "[digits]"),
        ("Four, seven, one and one please", "[digits] please"),
        ("double four seven", "[digits]"),
        ("twenty-three forty", "[digits]"),
        ("One moment, I have one question.", "One moment, I have one question."),
        ("I said no one and nobody.", "I said no one and nobody."),
        ("Room 7 on floor two", "Room [digits] on floor two"),
        ("", ""),
        ("٤٧١١", "[digits]"),
    ],
)
def test_digits_go_and_words_stay(text: str, expected: str) -> None:
    assert redact(text, [DIGITS]) == expected
    assert redact(text, []) == text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "vier sieben eins eins"),
        ("de-DE", "siebenundvierzig elf"),
        ("de", "zwo drei"),
        ("es", "cuatro siete uno uno"),
        ("es-MX", "cuarenta y siete once"),
        ("es", "veintitrés cero uno"),
        ("fr", "quarante sept onze"),
        ("it", "quattro sette uno uno"),
        ("pt-BR", "quatro sete meia um"),
        ("nl", "zevenenveertig elf"),
        ("sv", "forty seven"),
    ],
)
def test_number_words_of_other_languages_go(language: str, text: str) -> None:
    assert redact(f"A {text}, x", [DIGITS], language) == "A [digits], x"
    assert redact("Danke, gracias, merci.", [DIGITS], language) == "Danke, gracias, merci."


@pytest.mark.parametrize(
    "text",
    [
        CARD,
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "four " + "one " * 15,
        "four one double one " + "one " * 12,
        "4111, 1111, 1111, 1111 12 25",  # with its date
    ],
)
def test_a_card_number_goes_however_it_is_written(text: str) -> None:
    found = redact(f"The card is {text.strip()}.", [CARD_NUMBERS])
    assert found == "The card is [card number]."


def test_what_is_no_card_number_stays_unless_digits_go_too() -> None:
    for text in ("4111111111111112", "411111111111", "seven eight nine", "1234"):
        assert redact(text, [CARD_NUMBERS]) == text
        assert redact(text, [DIGITS, CARD_NUMBERS]) == "[digits]"


@pytest.mark.parametrize(("language", "index"), [("en", 0), ("de", 1), ("es", 2)])
def test_tens_are_read_as_two_digits(language: str, index: int) -> None:
    """41 11 11 11 11 11 11 11, as people say it."""
    first = ("forty one", "einundvierzig", "cuarenta y uno")[index]
    rest = ("eleven", "elf", "once")[index]
    said = " ".join([first, *[rest] * 7])
    assert redact(said, [CARD_NUMBERS], language) == "[card number]"


def test_every_valid_number_of_every_length_is_found_and_one_wrong_digit_is_not() -> None:
    dice = random.Random(5)
    for size in range(13, 20):
        for _ in range(20):
            digits = "".join(dice.choice("0123456789") for _ in range(size - 1))
            valid = next(digits + last for last in "0123456789" if luhn(digits + last))
            spelled = " ".join(ENGLISH[int(each)] for each in valid)
            assert holds_card(valid)
            assert redact(valid, [CARD_NUMBERS]) == redact(spelled, [CARD_NUMBERS]) == "[card number]"
            wrong = valid[:-1] + str((int(valid[-1]) + 1) % 10)
            assert not luhn(wrong)


def test_a_long_text_is_no_work() -> None:
    text = "one two three " * 5000 + "end"
    assert redact(text, [DIGITS, CARD_NUMBERS]).endswith("end")


def test_every_language_has_ten_digits() -> None:
    for language, words in WORDS.items():
        assert set("0123456789") <= set(words.values()), language
