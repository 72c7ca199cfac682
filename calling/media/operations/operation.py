"""Long operations of a session's calls: play, say, collect, record, stream and digits, as their rows want.

The rows say what is wanted and wished; this starts, steers and ends it and reports through the door in
the session's order. An operation ends with its leg. Recorders and streams are made by `OPERATIONS`.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Any

from calling.commands import operations
from calling.media.operations.playback import PlaybackFailed
from calling.media.session.context import SessionContext
from calling.media.session.rows import OperationRow

log = logging.getLogger(__name__)


class OperationFailed(Exception):
    """The operation cannot be carried out; the text is told."""


class RunningOperation(ABC):
    """One operation at work. `says`: whether its events are published."""

    says = True

    def __init__(self, wanted: OperationRow, session: SessionContext) -> None:
        self.wanted = wanted
        self.session = session
        self.digits: asyncio.Queue[str] = asyncio.Queue(maxsize=256)
        self.stopped = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            result = await self.work()
            self.report("finished", "finished", result)
        except asyncio.CancelledError:
            self.report("finished", "finished", {**self.remains(), "reason": "leg_ended"})
            raise
        except (OperationFailed, PlaybackFailed) as why:
            self.report("failed", "failed", {"reason": str(why)})
        except Exception:
            log.exception("An operation failed", extra={"verb": self.wanted.verb})
            self.report("failed", "failed", {"reason": "internal"})

    def report(self, state: str, event: str | None, result: dict[str, Any]) -> None:
        session, wanted = self.session, self.wanted
        event = event if self.says else None
        fence = (session.id, session.epoch)
        session.signal_queue.work(
            wanted.call_id, lambda: operations.changed(wanted.id, state, event, result, fence=fence)
        )

    def started(self, result: dict[str, Any] | None = None) -> None:
        if self.wanted.state == "wanted":
            self.report("running", "started", result or {})

    @abstractmethod
    async def work(self) -> dict[str, Any]:
        """Do it; what it ended with. Raises OperationFailed or PlaybackFailed."""

    def remains(self) -> dict[str, Any]:
        """What there is to tell of one that ended with its leg."""
        return {}

    def control(self, wanted: OperationRow) -> None:
        """Its owner wants something else of it."""
        self.wanted = wanted
        if wanted.control == "stop":
            self.stopped.set()

    def press(self, digit: str) -> None:
        """Its party pressed a digit; dropped where too many wait."""
        if not self.digits.full():
            self.digits.put_nowait(digit)

    def touches(self, peer_id: str) -> bool:
        """Whether it lives on that peer."""
        peer = self.session.peer_of_leg(self.wanted.leg_id) if self.wanted.leg_id else None
        return peer is not None and peer.plan.peer_id == peer_id
