"""Makes a failing schedule small: delta debugging over its faults, then over its calls.

After Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002). Every candidate is
run in full; one counts if the same law breaks. Knows nothing of what a world does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.simulation.faults import Fault
from tests.simulation.schedule import Schedule

T = TypeVar("T")


def least(items: Sequence[T], fails: Callable[[list[T]], bool]) -> list[T]:
    """A part of `items` that still fails and from which no single one can be left out (ddmin).

    `fails` of all items is taken for granted.
    """
    left, parts = list(items), 2
    if fails([]):
        return []
    while len(left) >= 2:
        size = max(1, len(left) // parts)
        for start in range(0, len(left), size):
            rest = left[:start] + left[start + size :]
            if fails(rest):
                left, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(left))
    return left


def shrink(
    schedule: Schedule,
    happened: Sequence[Fault],
    fails: Callable[[Schedule], bool],
    *,
    seconds: float,
    progress: Callable[[str], None] = lambda line: None,
) -> Schedule:
    """The smallest schedule found in that time under which `fails`. happened: the faults of the run."""
    end = time.monotonic() + seconds
    best = replace(schedule, faults=frozenset(happened), only=None)

    def tried(candidate: Schedule) -> bool:
        nonlocal best
        if time.monotonic() > end or not fails(candidate):
            return False
        best = candidate
        progress(f"fails with {len(candidate.faults or ())} faults, {len(candidate.left_out)} calls left out")
        return True

    if seconds <= 0 or not fails(best):
        return schedule  # it does not repeat without the dice: the seed is all there is
    least(happened, lambda faults: tried(replace(best, faults=frozenset(faults))))
    numbers = range(1, schedule.calls + 1)
    least(numbers, lambda some: tried(replace(best, left_out=frozenset(numbers) - frozenset(some))))
    return best
