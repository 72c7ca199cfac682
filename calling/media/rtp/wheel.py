"""One timer for all legs of a loop: RTCP, consent, deadlines and statistics ride on it.

Each rider is called about once a second from one of 40 slots, so that legs do not all act at once; and
while there are sprinters (packets to ask for again) they are called every 25 ms.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import Protocol
from weakref import WeakKeyDictionary

SLOTS = 40
SWITCH_SECONDS = 0.0005
TURN = 1.0  # seconds for one whole turn
log = logging.getLogger(__name__)


class Rider(Protocol):
    def beat(self, now: float) -> None:
        """About once a second; now: time.monotonic()."""


class Sprinter(Protocol):
    def sprint(self, now: float) -> bool:
        """Every 25 ms while it returns true."""


class Wheel:
    """The wheel of one event loop; get it with `wheel()`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: list[dict[Rider, None]] = [{} for _ in range(SLOTS)]
        self._sprinters: dict[Sprinter, None] = {}
        self._at = 0
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.lag = 0.0  # seconds the last beat came late: how busy the loop is

    def add(self, rider: Rider) -> None:
        min(self._slots, key=len)[rider] = None
        self._start()

    def drop(self, rider: Rider) -> None:
        for slot in self._slots:
            slot.pop(rider, None)

    def sprint(self, sprinter: Sprinter) -> None:
        self._sprinters[sprinter] = None
        self._start()

    def _start(self) -> None:
        if self._timer is None:
            self._due = self._loop.time() + TURN / SLOTS
            self._timer = self._loop.call_at(self._due, self._turn)

    def _turn(self) -> None:
        now = time.monotonic()
        self.lag = max(0.0, self._loop.time() - self._due)
        self._at = (self._at + 1) % SLOTS
        for sprinter in list(self._sprinters):
            if not sprinter.sprint(now):
                self._sprinters.pop(sprinter, None)
        for rider in list(self._slots[self._at]):
            try:
                rider.beat(now)
            except Exception:  # one leg's fault must not stop the others' clock
                log.exception("A media timer failed.")
        self._timer = None
        if self._sprinters or any(self._slots):
            self._due = max(self._due + TURN / SLOTS, self._loop.time())
            self._timer = self._loop.call_at(self._due, self._turn)


_wheels: WeakKeyDictionary[asyncio.AbstractEventLoop, Wheel] = WeakKeyDictionary()


def wheel() -> Wheel:
    """The running loop's wheel."""
    loop = asyncio.get_running_loop()
    found = _wheels.get(loop)
    if found is None:
        found = _wheels[loop] = Wheel(loop)
        # Each sendto gives the interpreter away; another busy thread would keep it for 5 ms a packet.
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
    return found
