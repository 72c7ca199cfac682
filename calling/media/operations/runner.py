"""Which operations of a session run: starts what its rows ask for, and stops what they do not."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from calling.media.operations.denoise import Denoise
from calling.media.operations.detect import Detect
from calling.media.operations.digits import Collect, SendDigits
from calling.media.operations.operation import OperationFailed, RunningOperation
from calling.media.operations.play import Play
from calling.media.operations.record import Record
from calling.media.operations.relay.relay import Relay
from calling.media.operations.stream import Stream
from calling.media.operations.transcribe import Transcribe
from calling.media.session.context import SessionContext
from calling.media.session.rows import OperationRow

Maker = Callable[[OperationRow, SessionContext], RunningOperation]


OPERATIONS: dict[str, Maker] = {
    "play": Play,
    "say": Play,
    "collect": Collect,
    "digits": SendDigits,
    "record": Record,
    "stream": Stream,
    "transcribe": Transcribe,
    "detect": Detect,
    "relay": Relay,
    "denoise": Denoise,
}


class Operations:
    """All live operations of one session."""

    def __init__(self, session: SessionContext) -> None:
        self.keys: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by peer: keys in order
        self._session = session
        self._running: dict[str, RunningOperation] = {}
        self._over: set[str] = set()  # reported, while their rows may still say otherwise

    def reconcile(self, wanted: Sequence[OperationRow]) -> None:
        """Start what is new, pass on wishes, cancel what is no longer there."""
        rows = {row.id: row for row in wanted}
        for row in wanted:
            running = self._running.get(row.id)
            if running is not None:
                if running.wanted.control_serial != row.control_serial:
                    running.control(row)
                else:
                    running.wanted = row  # one of a room may have gone over to another member's call
            elif row.id not in self._over:
                self._start(row)
        for operation_id in list(self._running.keys() - rows.keys()):
            self._cancel(operation_id)
        self._over &= rows.keys()
        for operation_id, running in list(self._running.items()):
            leg = self._session.leg(running.wanted.leg_id) if running.wanted.leg_id else None
            if running.wanted.leg_id and (leg is None or not leg.live):
                self._cancel(operation_id)

    def _start(self, row: OperationRow) -> None:
        maker = OPERATIONS.get(row.verb)
        running = maker(row, self._session) if maker is not None else UnsupportedOperation(row, self._session)
        self._running[row.id] = running
        running.begin()
        if row.control == "stop":
            running.control(row)
        assert running.task is not None
        running.task.add_done_callback(lambda _: self._done(row.id))

    def _done(self, operation_id: str) -> None:
        if self._running.pop(operation_id, None) is not None:
            self._over.add(operation_id)

    def _cancel(self, operation_id: str) -> None:
        running = self._running.get(operation_id)
        if running is not None and running.task is not None:
            running.task.cancel()

    def digit(self, peer_id: str, digit: str) -> None:
        """A party pressed a digit: whoever collects from it gets it."""
        for running in self._running.values():
            if running.touches(peer_id):
                running.press(digit)

    def peer_gone(self, peer_id: str) -> None:
        self.keys.pop(peer_id, None)
        for operation_id, running in list(self._running.items()):
            if running.touches(peer_id):
                self._cancel(operation_id)

    def close(self) -> None:
        for operation_id in list(self._running):
            self._cancel(operation_id)

    async def closed(self, seconds: float) -> None:
        """Close, and wait until each has reported how it ended, at most so long."""
        self.close()
        tasks = [running.task for running in self._running.values() if running.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)


class UnsupportedOperation(RunningOperation):
    """A verb that this worker has no part for."""

    async def work(self) -> dict[str, Any]:
        raise OperationFailed(f"{self.wanted.verb} is not available")
