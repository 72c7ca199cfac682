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
DIGIT: Final = 4.0  # letters that the name of a digit has
CAPITAL: Final = 2.5  # and that of a letter which is spelled
ONSET: Final = 1.2
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
    if not words or reach.ms <= reach.first_ms:
        return ""
    if span <= 0 or reach.ms >= reach.last_ms:
        return text.rstrip()
    sizes = [_size(each.group()) for each in words]
    pauses = [_pause(each.group()) for each in words[:-1]] + [0.0]
    at, share = 0.0, (reach.ms - reach.first_ms) / span * (sum(sizes) + sum(pauses))
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
