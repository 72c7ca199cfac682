"""One 20 ms clock per loop for everything the platform itself sends: tones, files, mixers, digits.

Absolute deadlines, so a late tick is caught up and the pace does not drift; after a stall of over
200 ms the lost ticks are skipped. The clock stands still while nobody uses it. Where a tick has many users,
the loop does its other work between a few of them and the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

TICK = 0.02
AT_ONCE = 0.0002  # seconds of users in a row
log = logging.getLogger(__name__)


class Ticker:
    """The clock of one loop; get it with `ticker()`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._users: dict[Callable[[], bool], None] = {}
        self._timer: asyncio.Handle | None = None
        self._due = 0.0
        self._left: deque[Callable[[], bool]] = deque()  # of this tick

    def add(self, user: Callable[[], bool]) -> None:
        """Call `user` every 20 ms until it returns False or is dropped."""
        self._users[user] = None
        if self._timer is None:
            self._due = self._loop.time() + TICK
            self._timer = self._loop.call_at(self._due, self._tick)

    def drop(self, user: Callable[[], bool]) -> None:
        self._users.pop(user, None)

    def _tick(self) -> None:
        self._left.extend(self._users)
        self._go_on()

    def _go_on(self) -> None:
        until = self._loop.time() + AT_ONCE
        while self._left:
            self._call(self._left.popleft())
            if self._left and self._loop.time() >= until:
                self._timer = self._loop.call_soon(self._go_on)
                return
        self._timer = None
        if self._users:
            self._due += TICK
            now = self._loop.time()
            if now - self._due > 0.2:
                self._due = now
            self._timer = self._loop.call_at(self._due, self._tick)

    def _call(self, user: Callable[[], bool]) -> None:
        if user not in self._users:  # it was dropped meanwhile
            return
        try:
            stay = user()
        except Exception:
            log.exception("A media source failed and is silent now.")
            stay = False
        if not stay:
            self._users.pop(user, None)


_tickers: WeakKeyDictionary[asyncio.AbstractEventLoop, Ticker] = WeakKeyDictionary()


def ticker() -> Ticker:
    """The running loop's clock."""
    loop = asyncio.get_running_loop()
    found = _tickers.get(loop)
    if found is None:
        found = _tickers[loop] = Ticker(loop)
    return found
