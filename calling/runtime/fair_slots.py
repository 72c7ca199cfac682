"""Slots for work that a remote party may slow down, shared fairly between projects.

Who holds least is next, and nobody fills what is kept for those that hold little (`fair_share`). For tasks of
one event loop. Must not live here: what the work is, and how long it may take.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from calling.runtime.fair_share import has_room

T = TypeVar("T")
SHARE: Final = 50  # percent of the places that one project may hold


def chosen(
    waiting: Iterable[tuple[str, T]], held: Mapping[str, int], capacity: int, share: int = SHARE
) -> list[T]:
    """Which of `waiting` (project, thing), oldest first, get a place now, beside those that are `held`.

    Pure. Each in turn: the project that holds least, the oldest of its things.
    """
    lines: dict[str, list[T]] = {}
    for whose, thing in waiting:
        lines.setdefault(whose, []).append(thing)
    counts, found = Counter(held), []
    while lines:
        whose = min(lines, key=lambda each: counts[each])  # of equals the one that came first
        if not has_room(counts[whose], 1, counts.total(), capacity, share):
            break  # nor is there for those that hold more
        counts[whose] += 1
        found.append(lines[whose].pop(0))
        if not lines[whose]:
            del lines[whose]
    return found


class FairSlots:
    """`async with slots.of(project):` waits for a slot."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._held: Counter[str] = Counter()
        self._waiting: dict[asyncio.Future[None], str] = {}  # in the order they came

    @asynccontextmanager
    async def of(self, whose: str) -> AsyncIterator[None]:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = whose
        self._deal()
        try:
            await turn
            yield
        finally:
            if self._waiting.pop(turn, None) is None:  # its turn had come
                self._held[whose] -= 1
                self._deal()

    def _deal(self) -> None:
        waiting = [(whose, turn) for turn, whose in self._waiting.items() if not turn.done()]
        for turn in chosen(waiting, self._held, self.capacity, SHARE):
            self._held[self._waiting.pop(turn)] += 1
            turn.set_result(None)
