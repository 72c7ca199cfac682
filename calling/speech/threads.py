"""The threads of a speech worker beside its loop: they give way to it, and one loads models and shows that it
does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

NICENESS: Final = 5  # beyond the loop's
LOOK_SECONDS: Final = 2.0
T = TypeVar("T")


def yielding(name: str) -> ThreadPoolExecutor:
    """One thread that works while the loop has nothing to do. On Linux a nice value is a thread's own, and
    the threads that a library starts in it have it too."""
    return ThreadPoolExecutor(1, name, initializer=_give_way)


def _give_way() -> None:
    with contextlib.suppress(OSError):
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(19, own + NICENESS))


class Loader:
    """Loads one thing after the other."""

    def __init__(self) -> None:
        self._thread = yielding("load")
        self._number: int | None = None  # of the thread, once it has worked

    async def load(self, make: Callable[[], T], progress: Callable[[], None]) -> T:
        """What `make` returns, which blocks. `progress` is called while the thread is at work, on this or on
        what is before it: a machine may be slow, but a thread that hangs uses no CPU. Raises what `make`
        raises."""
        made = asyncio.get_running_loop().run_in_executor(self._thread, self._made, make)
        before = 0.0
        while True:
            done, _ = await asyncio.wait({made}, timeout=LOOK_SECONDS)
            if done:
                return made.result()
            used = self._cpu_seconds()
            if used > before:
                progress()
            before = used

    def _made(self, make: Callable[[], T]) -> T:
        self._number = threading.get_ident()
        return make()

    def _cpu_seconds(self) -> float:
        if self._number is None:
            return 0.0
        return time.clock_gettime(time.pthread_getcpuclockid(self._number))
