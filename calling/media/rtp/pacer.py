"""Payloads of pictures that the platform makes leave in pace: a key frame that leaves at once fills the queue
of a narrow link, and what stands there is late or lost.

What must not live here: packets of others, which come as their senders pace them, and sound, which the ticker
paces.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import clock

BURST: Final = 6000  # bytes that leave at once
TIMES: Final = 2.5  # as fast as what the link carries: a picture shall not wait for the next one
START: Final = 2_000_000.0  # bits per second where the link is not known
LONGEST: Final = 0.2  # seconds that a payload waits at most
STEP: Final = 0.005  # seconds between two wake-ups at least


class Waiting(NamedTuple):
    """What `RtpSender.push` is called with, without the clock."""

    feeder: object
    payload: bytes
    pt: int
    step: int
    marker: bool
    due: float  # when it leaves at the latest


class Bucket:
    """How many bytes may leave. Pure."""

    def __init__(self) -> None:
        self._credit, self._at = float(BURST), 0.0

    def wait(self, rate: float, now: float) -> float:
        """Seconds until the next payload may leave, at so many bits per second."""
        self._credit = min(BURST, self._credit + max(0.0, now - self._at) * rate / 8)
        self._credit = max(self._credit, -LONGEST * rate / 8)  # no debt of later pictures
        self._at = now
        return max(0.0, -self._credit * 8 / rate)

    def take(self, size: int) -> None:
        self._credit -= size


class Pacer:
    """Of one sender. send: sends a payload at once; estimate: bits per second that the link carries."""

    def __init__(self, send: Callable[[Waiting], None], estimate: Callable[[], float | None]) -> None:
        self._send, self._estimate = send, estimate
        self._waiting: deque[Waiting] = deque()
        self._bucket = Bucket()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, feeder: object, payload: bytes, pt: int, step: int, marker: bool) -> None:
        """Send a payload, as soon as what came before it has left and the pace lets it."""
        now = clock.monotonic()
        self._waiting.append(Waiting(feeder, payload, pt, step, marker, now + LONGEST))
        if self._timer is None:
            self._go_on(now)

    def forget(self) -> None:
        """Something else is sent from now on."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _turn(self) -> None:
        self._timer = None
        self._go_on(clock.monotonic())

    def _go_on(self, now: float) -> None:
        rate = TIMES * (self._estimate() or START / TIMES)
        while self._waiting:
            wait = self._bucket.wait(rate, now)
            if wait > 0 and now < self._waiting[0].due:
                due = min(max(wait, STEP), max(self._waiting[0].due - now, STEP))
                self._timer = asyncio.get_running_loop().call_later(due, self._turn)
                return
            found = self._waiting.popleft()
            self._bucket.take(len(found.payload))
            self._send(found)
