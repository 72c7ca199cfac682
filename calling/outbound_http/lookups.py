"""The threads in which names are looked up, and how projects share them.

A name server that does not answer holds its thread for many seconds, and whoever writes a URL chooses the
name server. So nobody gets more threads than half of those that are free then: however many names others look
up in vain, there are free ones (dynamic thresholds, Choudhury and Hahne 1998). Standard library only.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, TypeVar

T = TypeVar("T")
THREADS: Final = 64
ASK_AGAIN_SECONDS: Final = 0.05

_whose: ContextVar[str] = ContextVar("outbound_http_whose", default="")


def act_for(project: object) -> None:
    """What the rest of this task looks up, and the tasks that it begins, is that project's."""
    _whose.set(str(project))


class Lookups:
    """Threads, with how many of them each project holds. Any thread and any event loop may ask."""

    def __init__(self, threads: int = THREADS) -> None:
        self.threads = threads
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    def take(self, whose: str) -> bool:
        """Whether a thread is theirs now; `leave` gives it back."""
        with self._lock:
            if self._held[whose] * 2 >= self.threads - self._held.total():
                return False
            self._held[whose] += 1
            return True

    def leave(self, whose: str) -> None:
        with self._lock:
            self._held[whose] -= 1
            if self._held[whose] <= 0:
                del self._held[whose]

    async def in_turn(self, work: Callable[[], T]) -> T:
        """The result of blocking `work`. Who stops waiting leaves it at work, and its thread still counts."""
        whose = _whose.get()
        while not self.take(whose):  # noqa: ASYNC110 - an event would be of one loop; several ask here
            await asyncio.sleep(ASK_AGAIN_SECONDS)

        try:
            job = self._pool.submit(work)
        except RuntimeError:
            self.leave(whose)
            raise
        job.add_done_callback(lambda _: self.leave(whose))
        return await asyncio.wrap_future(job)


_lookups = Lookups()


async def in_turn(work: Callable[[], T]) -> T:
    """`Lookups.in_turn` of this process's threads."""
    return await _lookups.in_turn(work)
