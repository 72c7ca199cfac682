"""What operations and scripts may use of the session that carries their call.

`worker.session.Session` is one. Nothing here reads, writes or decides.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol
from uuid import UUID

from calling.machine.states import Call, Leg
from calling.media.rtp.config import MediaConfig
from calling.media.session.handover import Handover
from calling.media.session.journal import Journal
from calling.media.session.rooms import Rooms
from calling.media.session.session_peer import SessionPeer
from calling.media.session.signal_queue import SignalQueue
from calling.runtime.db_threads import DatabaseThreads


class Worker(Protocol):
    """What a session needs of its worker."""

    id: UUID
    handover: Handover
    config: MediaConfig
    desk: DatabaseThreads
    journal: Journal | None
    rooms: Rooms
    draining: bool


class SessionContext(Protocol):
    """A media session: the calls it carries, their peers, and its ways to the door."""

    id: str
    epoch: int
    carrier: Worker
    desk: DatabaseThreads
    signal_queue: SignalQueue
    peers: dict[str, SessionPeer]
    calls: dict[str, Call]

    def look(self) -> None:
        """Rows have changed: read them."""

    def stir(self) -> None:
        """Wake everybody who waits in `change`."""

    async def change(self, seconds: float | None = None) -> None:
        """Wait until the calls are read again or a peer's connection changes, `seconds` at most."""

    def leg(self, leg_id: str) -> Leg | None: ...

    def peer_of_leg(self, leg_id: str) -> SessionPeer | None: ...

    def press(self, peer_id: str, digit: str) -> None:
        """A party pressed a digit: operations and scripts on its leg take it."""

    def digit_order(self, peer_id: str) -> asyncio.Lock:
        """Held while the digits of one command are pressed, so that those of two do not mix."""

    def record(self, type: str, call_id: str, leg_id: str | None, data: dict[str, Any]) -> None:
        """Append an event that changes no call state, under the fence. In a database thread."""
