"""How a worker tells the door what happened: in order per session, again and again while PostgreSQL is away.

Media never waits for it. A report under a lost epoch is refused by the door; then the session is told
that it is a zombie and nothing of it is written any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from calling.calls import control
from calling.machine.inputs import DigitReceived, Input, Refused
from calling.media.session.journal import Entry, Journal
from calling.runtime.db_threads import DATABASE_UNAVAILABLE, DatabaseThreads, guarded
from rest.errors import NotFound

log = logging.getLogger(__name__)
MAX_WAITING = 2000  # per session; PostgreSQL is away for long by then
RETRY_FIRST, RETRY_MOST = 0.1, 1.0
BATCH = 20  # reports per visit to a desk thread


class Reporter(Protocol):
    """What a lane must know of its session."""

    id: str
    epoch: int

    def lost(self) -> None:
        """The lease was taken over."""


Work = Callable[[], Any]


class SignalQueue:
    """The reports of one session, delivered one after the other."""

    def __init__(self, session: Reporter, desk: DatabaseThreads, journal: Journal | None) -> None:
        self.session = session
        self._desk = desk
        self._journal = journal
        self._waiting: deque[tuple[str, Input | None, Work]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._spooled = 0
        self.closed = False

    def signal(self, call_id: str, value: Input) -> None:
        """Report a machine input of one call."""
        fence = (self.session.id, self.session.epoch)
        self._add(call_id, value, lambda: control.apply(call_id, value, fence=fence))

    def work(self, call_id: str, what: Work) -> None:
        """Do something else of the door in the same order (operations, quality)."""
        self._add(call_id, None, what)

    def _add(self, call_id: str, value: Input | None, work: Work) -> None:
        if self.closed:
            return
        if len(self._waiting) >= MAX_WAITING:
            if value is None or isinstance(value, DigitReceived):
                return  # figures and digits are what a long outage costs
            self._drop_one()
        self._waiting.append((call_id, value, work))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._deliver())

    def _drop_one(self) -> None:
        for entry in list(self._waiting)[BATCH:]:  # those before may be on their way
            if entry[1] is None or isinstance(entry[1], DigitReceived):
                self._waiting.remove(entry)
                return

    async def _deliver(self) -> None:
        pause = RETRY_FIRST
        while self._waiting and not self.closed:
            batch = [(value, work) for _, value, work in list(self._waiting)[:BATCH]]
            done, error = await self._desk.run(deliver, batch)
            for _ in range(min(done, len(self._waiting))):
                self._waiting.popleft()
            self._spooled = max(0, self._spooled - done)
            if isinstance(error, control.StaleEpoch):
                self.closed = True
                self.session.lost()
                return
            if error is None:
                pause = RETRY_FIRST
                continue
            if pause == RETRY_FIRST:
                log.warning("PostgreSQL is away, signals wait", extra={"error": str(error)[:200]})
            await self._spool()
            await asyncio.sleep(pause)
            pause = min(RETRY_MOST, pause * 2)

    async def _spool(self) -> None:
        """Put on disk what came since the last time."""
        if self._journal is None:
            return
        session, epoch = self.session.id, self.session.epoch
        fresh: list[Entry] = [
            (session, epoch, call, value) for call, value, _ in list(self._waiting)[self._spooled :] if value
        ]
        self._spooled = len(self._waiting)
        if fresh:
            with contextlib.suppress(OSError):  # a full disk must not end the calls
                await self._desk.run(self._journal.append, fresh)

    @property
    def idle(self) -> bool:
        return not self._waiting

    async def settle(self, seconds: float) -> None:
        """Wait until everything is told, at most so long."""
        if self._task is not None and not self._task.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._task), seconds)

    def close(self) -> None:
        self.closed = True
        if self._task is not None:
            self._task.cancel()


def deliver(batch: Sequence[tuple[Any, Work]]) -> tuple[int, Exception | None]:
    """Do the reports in order, in a desk thread: how many are settled, and what stopped the rest.

    What came too late or cannot be reported is settled; a lost epoch and an absent PostgreSQL stop.
    """
    for done, (value, work) in enumerate(batch):
        try:
            guarded(work)
        except (*DATABASE_UNAVAILABLE, control.StaleEpoch) as error:
            return done, error
        except (Refused, NotFound, KeyError):
            pass  # the call went on without it
        except Exception:
            log.exception("A signal could not be reported", extra={"input": type(value).__name__})
    return len(batch), None
