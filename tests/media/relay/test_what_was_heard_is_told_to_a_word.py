"""How much of a text was heard, from how much of its sound was played; against espeak-ng's own word times."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calling.media.codecs.audio_codecs import resample
from calling.media.operations.relay.mouth import trimmed
from calling.media.operations.relay.word_clock import LATE_MS, WORD, Reach, heard

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
        now = heard(text, Reach(1, ms + LATE_MS, 100, 2900))
        assert text.startswith(now) and now.startswith(before)
        before = now
    assert heard(text, Reach(1, 100 + LATE_MS, 100, 2900)) == ""
    assert before == text.rstrip()


def test_a_piece_without_a_voice_was_heard_when_it_is_over() -> None:
    assert heard("...", Reach(1, 0, 0, 0)) == ""
    assert heard("...", Reach(1, 20, 0, 0)) == "..."
    assert heard("", Reach(1, 20, 0, 100)) == ""


SPOKEN = [
    ("en-us", "Good afternoon, you have reached the office of Miller and Sons."),
    ("en-us", "Before we begin, may I ask you for your full name and your date of birth?"),
    (
        "en-us",
        "The next bus to the airport leaves in 17 minutes from the stop on the other side of the street.",
    ),
    ("en-us", "I have changed your delivery address; the parcel will reach you on Friday, not on Thursday."),
    ("en-us", "Yes, of course."),
    (
        "en-us",
        "Your current balance is 342 dollars, and the last payment was received on the third of March.",
    ),
    ("en-us", "Let me connect you with a colleague who knows much more about insurance than I do."),
    ("en-us", "Unfortunately, something went wrong on our side, so please try it again in a few minutes."),
    ("de", "Vielen Dank für Ihren Anruf, Ihre Bestellung ist heute Morgen verschickt worden."),
    ("de", "Möchten Sie den Termin am 21. November um halb neun wahrnehmen oder lieber verschieben?"),
    ("fr", "Je vous remercie de votre patience, votre conseiller arrive dans un instant."),
    ("es", "Lo siento mucho, pero no he podido encontrar su reserva en nuestro sistema."),
]


def starts_of(text: str, sound: dict[str, Any], late: float, end: float) -> list[float]:
    """When each word of ours begins, in ms of the trimmed sound."""
    begins = [each.start() for each in WORD.finditer(text)]
    found: list[float] = []
    for begin, after in reversed(list(zip(begins, [*begins[1:], len(text)], strict=True))):
        times = [ms - late for ms, at in sound["words"] if begin - 1 <= at < after]
        found.append(min(times) if times else (found[-1] if found else end))
    return found[::-1]


@pytest.mark.needs("espeak-ng")
def test_interrupted_text_is_right_to_a_word_in_95_of_100() -> None:
    program = Path(__file__).with_name("espeak_words.py")
    made = subprocess.run(
        [sys.executable, str(program)], input=json.dumps(SPOKEN), capture_output=True, text=True, check=True,
        timeout=60,
    )  # fmt: skip
    dice, off = random.Random(7), []
    for (_, text), sound in zip(SPOKEN, json.loads(made.stdout), strict=True):
        raw = np.frombuffer(base64.b64decode(sound["pcm"]), "<i2").astype(np.int16)
        pcm = resample(raw, sound["rate"], 48000)
        kept, first, last = trimmed(pcm)
        late = max(0, int(np.flatnonzero(np.abs(pcm.astype(int)) > 200)[0]) - 960) / 48
        begins = starts_of(text, sound, late, last / 48)
        for _ in range(25):
            ms = dice.randint(0, len(kept) // 48)
            half = [(a + b) / 2 for a, b in zip(begins, [*begins[1:], last / 48], strict=True)]
            true = sum(each <= ms for each in half)
            said = len(WORD.findall(heard(text, Reach(1, ms, first // 48, last // 48))))
            off.append(abs(said - true))
    right = sum(each <= 1 for each in off)
    assert right >= 0.95 * len(off), (right, len(off))
