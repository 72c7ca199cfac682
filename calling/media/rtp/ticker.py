"""One 20 ms clock per loop for everything the platform itself sends: tones, files, mixers, digits.

Absolute deadlines, so a late tick is caught up and the pace does not drift; after a stall of over
200 ms the lost ticks are skipped. The clock stands still while nobody uses it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from weakref import WeakKeyDictionary

TICK = 0.02
log = logging.getLogger(__name__)


class Ticker:
    """The clock of one loop; get it with `ticker()`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._users: dict[Callable[[], bool], None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def add(self, user: Callable[[], bool]) -> None:
        """Call `user` every 20 ms until it returns False or is dropped."""
        self._users[user] = None
        if self._timer is None:
            self._due = self._loop.time() + TICK
            self._timer = self._loop.call_at(self._due, self._tick)

    def drop(self, user: Callable[[], bool]) -> None:
        self._users.pop(user, None)

    def _tick(self) -> None:
        for user in list(self._users):
            try:
                stay = user()
            except Exception:
                log.exception("A media source failed and is silent now.")
                stay = False
            if not stay:
                self._users.pop(user, None)
        self._timer = None
        if self._users:
            self._due += TICK
            now = self._loop.time()
            if now - self._due > 0.2:
                self._due = now
            self._timer = self._loop.call_at(self._due, self._tick)


_tickers: WeakKeyDictionary[asyncio.AbstractEventLoop, Ticker] = WeakKeyDictionary()


def ticker() -> Ticker:
    """The running loop's clock."""
    loop = asyncio.get_running_loop()
    found = _tickers.get(loop)
    if found is None:
        found = _tickers[loop] = Ticker(loop)
    return found
