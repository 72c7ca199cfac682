"""Text that comes token by token, cut into pieces that a voice can say one after the other. Pure.

A voice needs whole sentences for its melody, and the caller needs the first sound soon. So a sentence is
given away when it is whole; where nothing is being said, a clause is enough, and then so many words.
"""

from __future__ import annotations

import re
from typing import Final

ENDS: Final = re.compile(r"[.!?…]+[\"'”\u2019)\]»]*(?=\s)|[。\uff01\uff1f]+[”\u2019」』\uff09]*|\n\s*")
CLAUSES: Final = re.compile(r"[,;:–—][\"'”\u2019)\]»]*(?=\s)|[\uff0c、\uff1b\uff1a]")
# Words whose full stop ends no sentence.
SHORT: Final = frozenset(
    (
        "mr", "mrs", "ms", "dr", "st", "prof", "no", "vs", "etc", "e.g", "i.e", "z.b", "bzw", "ca", "nr",
        "m", "mme", "mlle", "sr", "sra", "jr", "co", "inc", "approx",
    )
)  # fmt: skip
EAGER_WORDS: Final = 10
LONGEST: Final = 300  # characters


class Clauses:
    """What came and was not given away yet."""

    def __init__(self) -> None:
        self.rest = ""

    def add(self, token: str, *, hungry: bool) -> list[str]:
        """The pieces that are whole now. `hungry`: nothing is being said, so the first may be a clause."""
        self.rest += token
        found: list[str] = []
        while at := self._cut(hungry and not found):
            piece, self.rest = self.rest[:at], self.rest[at:]
            found += [piece] if piece.strip() else []
        return found

    def flush(self) -> list[str]:
        """All of it: no more will come, or it takes too long."""
        found = self.add("", hungry=False)
        rest, self.rest = self.rest, ""
        return [*found, rest] if rest.strip() else found

    def drop(self) -> None:
        self.rest = ""

    def _cut(self, hungry: bool) -> int:
        """Where the first piece ends, its space included; 0 where none is whole."""
        ends = [at for at in (_sentence(self.rest), _clause(self.rest) if hungry else 0) if at]
        at = min(ends, default=0)
        if not at and hungry:
            words = list(re.finditer(r"\S+\s", self.rest))
            at = words[EAGER_WORDS - 1].end() if len(words) >= EAGER_WORDS else 0
        if (at or len(self.rest)) > LONGEST:
            space = self.rest.rfind(" ", 1, LONGEST)
            return space + 1 if space > 0 else LONGEST
        return at


def _sentence(text: str) -> int:
    for found in ENDS.finditer(text):
        before = text[: found.start()].split()
        last = before[-1].lower().strip("(\"'“\u2018«") if before else ""
        if found.group().startswith(".") and (last in SHORT or (len(last) == 1 and last.isalpha())):
            continue
        if before and before[-1].strip():
            return _with_space(text, found.end())
    return 0


def _clause(text: str) -> int:
    """The first clause of two words at least: a single one sounds cut off."""
    for found in CLAUSES.finditer(text):
        before = text[: found.start()]
        if len(before.split()) > 1 or (len(before) > 3 and not before.isascii()):
            return _with_space(text, found.end())
    return 0


def _with_space(text: str, at: int) -> int:
    return at + len(text[at:]) - len(text[at:].lstrip())
