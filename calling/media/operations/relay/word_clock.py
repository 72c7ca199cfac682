"""How much of a text was heard when its sound had been played so far. Pure.

espeak-ng's program tells no times. A word takes as long as it has letters, a digit as long as its name, and
a mark is a pause; what a piece has before and after its voice is taken off. Measured against the word events
of espeak-ng's library: docs/speech.md#conversation-relay.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

WORD: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)
LATE_MS: Final = 100  # by which letters run ahead of the events, and a word is sent before it is heard
DIGIT: Final = 8.0  # letters that a digit of a number sounds like
CAPITAL: Final = 2.5  # and that of a letter which is spelled
ONSET: Final = 0.6
PAUSES: Final = {",": 4.0, ";": 5.0, ":": 5.0, "–": 4.0, "—": 4.0, ".": 6.0, "!": 6.0, "?": 6.0, "…": 6.0}


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a piece was played: `ms` of it, whose voice lasts from `first_ms` to `last_ms`."""

    number: int
    ms: int
    first_ms: int
    last_ms: int


def heard(text: str, reach: Reach) -> str:
    """The beginning of `text` that was heard: a word counts when half of it was."""
    words = list(WORD.finditer(text))
    span = reach.last_ms - reach.first_ms
    ms = reach.ms - LATE_MS
    if not words or ms <= reach.first_ms:
        return text.rstrip() if span <= 0 < reach.ms else ""
    if span <= 0 or ms >= reach.last_ms:
        return text.rstrip()
    sizes = [_size(each.group()) for each in words]
    pauses = [_pause(each.group()) for each in words[:-1]] + [0.0]
    at, share = 0.0, (ms - reach.first_ms) / span * (sum(sizes) + sum(pauses))
    end = 0
    for word, size, pause in zip(words, sizes, pauses, strict=True):
        if at + size / 2 > share:
            break
        at += size + pause
        end = word.end()
    return text[:end]


def _size(word: str) -> float:
    if not any(each.isalnum() for each in word):
        return 0.0
    spelled = len(word) > 1 and word.isupper()
    return ONSET + sum(_letter(each, spelled) for each in word)


def _letter(each: str, spelled: bool) -> float:
    if each.isdigit():
        return DIGIT
    if not each.isalpha():
        return 0.0
    if spelled:
        return CAPITAL
    wide = unicodedata.east_asian_width(each) in "WF"
    return 2.5 if wide else 1.0


def _pause(word: str) -> float:
    return PAUSES.get(word.rstrip("\"'”\u2019)]»")[-1:], 0.0)
