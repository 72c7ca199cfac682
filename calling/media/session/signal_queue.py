"""How a worker reports to the door: in order per session, and repeatedly while PostgreSQL is unavailable.

Media never waits for it. The door refuses a report with an old epoch; the session is then told that it has
lost its lease, and nothing more of it is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Protocol

from calling.calls import control
from calling.machine.inputs import DigitReceived, Input, Refused
from calling.media.session.journal import Entry, Journal
from calling.runtime.db_threads import DATABASE_UNAVAILABLE, DatabaseThreads, guarded
from rest.errors import NotFound

log = logging.getLogger(__name__)
MAX_WAITING = 2000  # per session; reached only in a long outage of PostgreSQL
RETRY_FIRST, RETRY_MOST = 0.1, 1.0
BATCH = 20  # reports per piece of work of a database thread


class Reporter(Protocol):
    """What a signal queue must know of its session."""

    id: str
    epoch: int

    @property
    def looks(self) -> int:
        """Twice the number of completed reads of the rows, plus one during a read."""

    def lost(self) -> None:
        """Another worker has taken over the session."""

    def turned(self, turns: Sequence[Turn], looks: int) -> None:
        """The reports made these turns while `looks` had this value; no nudge tells of them."""

    def look(self) -> None:
        """Something may have changed: read the rows."""


Turn = tuple[tuple[Input, ...], control.Outcome]
Work = Callable[[], Any]
Agreed = Mapping[str, dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Report:
    """A machine input of one call, or other work of the door about it."""

    call_id: str
    value: Input | None
    work: Work | None = None
    agreed: Agreed | None = None

    @property
    def small(self) -> bool:
        return self.value is None or isinstance(self.value, DigitReceived)


class SignalQueue:
    """The reports of one session, delivered one after the other."""

    def __init__(self, session: Reporter, desk: DatabaseThreads, journal: Journal | None) -> None:
        self.session = session
        self._desk = desk
        self._journal = journal
        self._waiting: deque[Report] = deque()
        self._task: asyncio.Task[None] | None = None
        self._spooled = 0
        self._held = False
        self.closed = False

    def signal(self, call_id: str, value: Input, agreed: Agreed | None = None) -> None:
        """Report a machine input of one call. agreed: by leg, what was negotiated (`control.apply`)."""
        self._add(Report(call_id, value, None, agreed))

    def work(self, call_id: str, what: Work) -> None:
        """Queue other database work about a call in the same order (operations, quality)."""
        self._add(Report(call_id, None, what))

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Collect reports and deliver them at the end, together where they are one turn of a call."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self._start()

    def _add(self, report: Report) -> None:
        if self.closed:
            return
        if len(self._waiting) >= MAX_WAITING:
            if report.small:
                return  # a long outage costs quality figures and digits
            self._drop_one()
        self._waiting.append(report)
        self._start()

    def _start(self) -> None:
        if self._held or not self._waiting or self.closed:
            return
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._deliver())

    def _drop_one(self) -> None:
        for report in list(self._waiting)[BATCH:]:  # those before may be on their way
            if report.small:
                self._waiting.remove(report)
                return

    async def _deliver(self) -> None:
        pause = RETRY_FIRST
        while self._waiting and not self.closed:
            fence, looks, turns = (self.session.id, self.session.epoch), self.session.looks, list[Turn]()
            done, error = await self._desk.run(deliver, list(self._waiting)[:BATCH], fence, turns)
            self.session.turned(turns, looks)
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
            self.session.look()  # what was sent last may have been done
            if pause == RETRY_FIRST:
                log.warning("PostgreSQL is unavailable, signals wait", extra={"error": str(error)[:200]})
            await self._spool()
            await asyncio.sleep(pause)
            pause = min(RETRY_MOST, pause * 2)

    async def _spool(self) -> None:
        """Put on disk what came since the last time."""
        if self._journal is None:
            return
        session, epoch = self.session.id, self.session.epoch
        fresh: list[Entry] = [
            (session, epoch, each.call_id, each.value)
            for each in list(self._waiting)[self._spooled :]
            if each.value is not None
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


def deliver(batch: Sequence[Report], fence: control.Fence, turns: list[Turn]) -> tuple[int, Exception | None]:
    """Do the reports in order, in a desk thread: how many are settled, and what stopped the rest. `turns`
    gets those that were made.

    What came too late or cannot be reported is settled; a lost epoch and an absent PostgreSQL stop. Signals
    of one call that follow each other are one turn; where one of them cannot be reported, each is its own.
    """
    done = alone = 0  # before `alone` each is a turn of its own
    while done < len(batch):
        reports = turn_of(batch[done:]) if done >= alone else (batch[done],)
        try:
            guarded(report, reports, fence, turns)
        except (*DATABASE_UNAVAILABLE, control.StaleEpoch) as error:
            return done, error
        except Exception as error:
            if len(reports) > 1:
                alone = done + len(reports)
                continue
            if not isinstance(error, (Refused, NotFound, KeyError)):  # these: the call went on without it
                name = type(reports[0].value).__name__
                log.exception("A signal could not be reported", extra={"input": name})
        done += len(reports)
    return done, None


def turn_of(batch: Sequence[Report]) -> tuple[Report, ...]:
    """The first report with those behind it that go into the same turn."""
    first = batch[0]
    if first.value is None:
        return (first,)
    return tuple(takewhile(lambda each: each.value is not None and each.call_id == first.call_id, batch))


def report(reports: Sequence[Report], fence: control.Fence, turns: list[Turn]) -> None:
    if (work := reports[0].work) is not None:
        work()
        return
    values = tuple(each.value for each in reports if each.value is not None)
    agreed = {leg: each for one in reports for leg, each in (one.agreed or {}).items()}
    outcome = control.apply(reports[0].call_id, *values, fence=fence, agreed=agreed, knows=fence[0])
    turns.append((values, outcome))
