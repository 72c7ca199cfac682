"""One timer for all legs of a loop: RTCP, consent, deadlines and statistics ride on it.

Each rider is called about once a second from one of 40 slots, so that legs do not all act at once, but a few
of them together: the first one after a wait is the one that costs. While there are sprinters (packets to ask
for again) they are called every 25 ms. Slots without a rider are passed over, so the loop of one call is not
woken forty times a second.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Protocol
from weakref import WeakKeyDictionary

import clock

SLOTS = 40
TOGETHER = 4  # riders of one slot before there is another: to be woken costs more than to be called
SWITCH_SECONDS = 0.0005
TURN = 1.0  # seconds for one whole turn
STEP = TURN / SLOTS
FAULTS = 3  # in a row, after which a rider is over: it would fail for ever
log = logging.getLogger(__name__)


class Tick(Protocol):
    def on_second(self, now: float) -> None:
        """About once a second; now: clock.monotonic()."""

    def crashed(self) -> None:
        """Its `on_second` failed FAULTS times in a row and is called no more."""


class FastTick(Protocol):
    def on_fast_tick(self, now: float) -> bool:
        """Every 25 ms while it returns true."""


class TimerWheel:
    """The wheel of one event loop; get it with `wheel()`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: list[dict[Tick, None]] = [{} for _ in range(SLOTS)]
        self._sprinters: dict[FastTick, None] = {}
        self._faults: dict[Tick, int] = {}
        self._at = 0
        self._timer: asyncio.TimerHandle | None = None
        self._turned = 0.0  # when the slot `_at` was due
        self._steps = 1  # from it to the slot that is waited for

    def add(self, rider: Tick) -> None:
        begun = [slot for slot in self._slots if 0 < len(slot) < TOGETHER]
        (begun[0] if begun else min(self._slots, key=len))[rider] = None
        self._start()

    def drop(self, rider: Tick) -> None:
        self._faults.pop(rider, None)
        for slot in self._slots:
            slot.pop(rider, None)

    def add_fast_tick(self, sprinter: FastTick) -> None:
        if sprinter not in self._sprinters:
            self._sprinters[sprinter] = None
            self._start()

    def _start(self) -> None:
        """Wait for who came too: that may be sooner than the slot that is waited for."""
        now = self._loop.time()
        if self._timer is None:
            self._turned = now
        else:
            self._timer.cancel()
            passed = min(max(0, int((now - self._turned) / STEP)), self._steps - 1)
            self._at, self._turned = (self._at + passed) % SLOTS, self._turned + passed * STEP
        self._wait(now)

    def _wait(self, now: float) -> None:
        """For the next slot with a rider, or the next of all while there are sprinters."""
        steps = range(1, SLOTS + 1)
        held = next((step for step in steps if self._slots[(self._at + step) % SLOTS]), None)
        self._timer = None
        if self._sprinters or held is not None:
            self._steps = 1 if self._sprinters or held is None else held
            due = max(self._turned + self._steps * STEP, now)
            self._timer = self._loop.call_at(due, self._turn, due)

    def _failed(self, rider: Tick) -> None:
        faults = self._faults[rider] = self._faults.get(rider, 0) + 1
        if faults == FAULTS:
            self.drop(rider)
            rider.crashed()

    def _turn(self, due: float) -> None:
        now = clock.monotonic()
        self._at, self._turned, self._steps = (self._at + self._steps) % SLOTS, due, 1
        for sprinter in list(self._sprinters):
            try:
                goes_on = sprinter.on_fast_tick(now)
            except Exception:  # nor may what sprints
                log.exception("A fast media timer failed.")
                goes_on = False
            if not goes_on:
                self._sprinters.pop(sprinter, None)
        for rider in list(self._slots[self._at]):
            try:
                rider.on_second(now)
            except Exception:  # one leg's fault must not stop the others' clock
                log.exception("A media timer failed.")
                self._failed(rider)
            else:
                self._faults.pop(rider, None)
        if self._timer is not None:
            self._timer.cancel()  # who was called has added somebody
        self._wait(self._loop.time())


_wheels: WeakKeyDictionary[asyncio.AbstractEventLoop, TimerWheel] = WeakKeyDictionary()


def wheel() -> TimerWheel:
    """The timer wheel of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _wheels.get(loop)
    if found is None:
        found = _wheels[loop] = TimerWheel(loop)
        # Each sendto gives the interpreter away; another busy thread would keep it for 5 ms a packet.
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
    return found
