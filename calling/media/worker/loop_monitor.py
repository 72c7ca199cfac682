"""How late the loop is and how much of its core it uses; and the watchdog that ends a frozen process.

The watchdog is a plain thread: a loop that stands still for 5 s takes its process with it, so that the
leases run out and its calls are ended or moved. A process that was stopped as a whole is told apart: it
goes on and finds out from its heartbeat what it has lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable

import clock
from calling.media.worker.admission import STUCK_MS

log = logging.getLogger(__name__)
EVERY = 0.05
EVERY_IDLE = 0.25  # with few legs or none: little that a late loop could hold up
WINDOW = 5.0
FROZEN = 5.0
STATUS = 70  # EX_SOFTWARE


class LoopMonitor:
    """Started in the loop; `lag_ms` and `cpu` are of the last seconds."""

    def __init__(self) -> None:
        self.lag_ms = 0.0
        self.cpu = 0.0
        self.beaten = clock.monotonic()
        self._lags: deque[tuple[float, float]] = deque(maxlen=round(WINDOW / EVERY))  # when, ms
        self._stuck_since: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._idle: Callable[[], bool] = lambda: False
        self._stopped = threading.Event()

    def start(self, loop: asyncio.AbstractEventLoop, idle: Callable[[], bool]) -> None:
        """`idle`: whether the loop carries next to nothing now; then it is looked at less often."""
        self._idle = idle
        self._task = loop.create_task(self._beat())

    def stop(self) -> None:
        self._stopped.set()
        if self._task is not None:
            self._task.cancel()

    def stuck_seconds(self) -> float:
        return clock.monotonic() - self._stuck_since if self._stuck_since is not None else 0.0

    async def _beat(self) -> None:
        wall, used = clock.monotonic(), time.process_time()
        while True:
            before = clock.monotonic()
            every = EVERY_IDLE if self._idle() else EVERY
            await asyncio.sleep(every)
            now = clock.monotonic()
            self.beaten = now
            late = max(0.0, (now - before - every) * 1000)
            self._lags.append((now, late))
            if late > STUCK_MS:
                self._stuck_since = self._stuck_since or now
                self._calm_after = now + 2.0
            elif self._stuck_since is not None and now > self._calm_after:
                self._stuck_since = None
            if now - wall >= 1.0:
                spent = time.process_time()
                self.cpu = round((spent - used) / (now - wall), 3)
                wall, used = now, spent
                ordered = sorted(late for at, late in self._lags if at > now - WINDOW)
                self.lag_ms = round(ordered[int(len(ordered) * 0.99) - 1], 1) if len(ordered) > 1 else 0.0

    _calm_after = 0.0

    def watch(self) -> None:
        """Start the watchdog."""
        threading.Thread(target=self._guard, name="watchdog", daemon=True).start()

    def _guard(self) -> None:
        while True:
            before = clock.monotonic()
            if self._stopped.wait(1.0):
                return
            if clock.monotonic() - before > 2.0:
                self.beaten = clock.monotonic()  # the whole process stood still: not the loop's doing
            elif clock.monotonic() - self.beaten > FROZEN:
                with contextlib.suppress(Exception):
                    log.critical("The media loop is stuck; the process exits")
                os._exit(STATUS)
