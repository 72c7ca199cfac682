"""Who spoke when in a call, and what that means: turn latency, dead air, talk-over, barge-in. Pure.

Times are seconds of one clock. A stretch is (begin, end) of one side's voice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

Stretch = tuple[float, float]
Level = tuple[float, float]  # when 20 ms came, and how loud they are (RMS of 16 bits)

LOUD: Final = 200.0
FRAME: Final = 0.02
JOINED: Final = 0.35  # pauses within a sentence
SHORTEST: Final = 0.08  # shorter sounds are clicks


def stretches(levels: Iterable[Level], *, joined: float = JOINED) -> list[Stretch]:
    """Where somebody speaks."""
    found: list[list[float]] = []
    for at, level in levels:
        if level < LOUD:
            continue
        if found and at - found[-1][1] <= joined:
            found[-1][1] = at + FRAME
        else:
            found.append([at, at + FRAME])
    return [(begin, end) for begin, end in found if end - begin >= SHORTEST]


@dataclass
class Measured:
    """Milliseconds each. `dead_air`: nobody spoke; `talk_over`: the other began while the caller spoke;
    `barge_in`: how long it went on when the caller began."""

    turn_latency: list[float] = field(default_factory=list)
    dead_air: list[float] = field(default_factory=list)
    talk_over: list[float] = field(default_factory=list)
    barge_in: list[float] = field(default_factory=list)


def measure(mine: Sequence[Stretch], theirs: Sequence[Stretch], begin: float, end: float) -> Measured:
    """What happened between `begin` and `end`, from the caller's side."""
    found = Measured()
    for _, stop in mine:
        if any(first < stop < last for first, last in theirs):
            continue  # it spoke already
        later = [first for first, _ in theirs if first >= stop]
        again = [first for first, _ in mine if first > stop]
        if later and (not again or min(later) <= min(again)):
            found.turn_latency.append((min(later) - stop) * 1000)
    for first, last in theirs:
        for start, stop in mine:
            together = min(last, stop) - max(first, start)
            if together > 0:
                (found.barge_in if start > first else found.talk_over).append(together * 1000)
    at = begin
    for first, last in sorted([*mine, *theirs]):
        if first > at:
            found.dead_air.append((first - at) * 1000)
        at = max(at, last)
    if end > at:
        found.dead_air.append((end - at) * 1000)
    return found
