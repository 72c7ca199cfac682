"""The SIP trace: the messages of calls whose project is traced, from the sockets into rows.

While no project is traced the sockets are not tapped. Whose call a message belongs to is known by its Call-ID
once the call is placed; until then the messages of new calls wait here for a few seconds. Rows are written
beside the loop, many at once. Everything is bounded: what finds no room is left out, and no call ever waits.
What must not live here: rows (trace_rows), and what is secret (trace_secrets).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Protocol

from django.db import DatabaseError

import clock
from calling.runtime import db_threads
from calling.sip.edge import trace_rows
from calling.sip.edge.trace_rows import Traced
from calling.sip.stack.transaction import Hop
from calling.sip.stack.transport import SipTransport

log = logging.getLogger(__name__)

PER_CALL_ID = 500  # messages of one dialog at this edge
WAITING_IDS, WAITING_EACH, WAITING_OCTETS = 500, 20, 4 * 2**20  # of calls that are not placed yet
WAITING_SECONDS = 15.0
LEFT_SECONDS = 40.0  # after its end a dialog's last transactions still speak (RFC 3261 17, 64 * T1)
QUEUED, BATCH = 5_000, 500
WRITE_SECONDS = 0.5
CLOSE_SECONDS = 0.2
_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*(\S{1,300})", re.IGNORECASE | re.MULTILINE)
_METHOD = re.compile(rb"^cseq[ \t]*:\s*\d{1,10}\s+(\S{1,20})", re.IGNORECASE | re.MULTILINE)
_BEGINS = frozenset({b"INVITE", b"ACK", b"CANCEL", b"PRACK"})  # what a call that is not placed yet may say
_PORTS = {"WS": 80, "WSS": 443}


class TracedLeg(Protocol):
    """Whose messages they are; the call may change with a transfer."""

    project_id: str
    call_id: str
    leg_id: str


@dataclass
class LeftLeg:
    """A leg that no edge carries any more."""

    project_id: str
    call_id: str
    leg_id: str


@dataclass(frozen=True)
class _Heard:
    at: datetime
    data: bytes
    hop: Hop
    outgoing: bool
    local: tuple[str, int]


@dataclass
class _Followed:
    leg: TracedLeg
    count: int = 0
    left_at: float | None = None


@dataclass
class _Waiting:
    since: float
    heard: list[_Heard] = field(default_factory=list)


class SipTrace:
    """`look` every 2 s; `follow` and `leave` as legs come and go. `host`: what we call ourselves."""

    def __init__(
        self, transport: SipTransport, host: str, spawn: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._transport, self._host, self._spawn = transport, host, spawn
        self._rooms: dict[str, int] = {}
        self._followed: dict[str, _Followed] = {}
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._octets = 0  # of what waits
        self._queue: list[Traced] = []
        self._writing = 0  # of the queue, its first ones
        self._timer: asyncio.TimerHandle | None = None
        self.dropped = 0

    @property
    def on(self) -> bool:
        return self._transport.tap is not None

    async def look(self, lines: Iterable[tuple[str | None, TracedLeg]]) -> None:
        """Learn who is traced. lines: the Call-ID and leg of each call that is carried now."""
        self._rooms = await db_threads.run(trace_rows.rooms)
        if not self._rooms and not self.on:
            return
        for call_id, leg in lines:
            if call_id is not None:
                self.follow(call_id, leg)
        now = clock.monotonic()
        self._followed = {
            key: each
            for key, each in self._followed.items()
            if each.leg.project_id in self._rooms
            and (each.left_at is None or now - each.left_at < LEFT_SECONDS)
        }
        while self._waiting and now - next(iter(self._waiting.values())).since > WAITING_SECONDS:
            self._forget_first()
        if not self._rooms:
            self._waiting.clear()
            self._octets = 0
        self._transport.tap = self._heard if self._rooms else None

    def follow(self, call_id: str, leg: TracedLeg) -> None:
        """From now on messages with that Call-ID are this leg's, and those that wait are, too."""
        waiting = self._take(call_id)
        if leg.project_id not in self._rooms:
            return
        followed = self._followed.get(call_id)
        if followed is None or followed.leg is not leg:
            followed = self._followed[call_id] = _Followed(leg)
        for heard in waiting:
            self._put(followed, heard)

    def leave(self, leg: TracedLeg) -> None:
        """The leg is over; what its transactions still say is kept for a while."""
        for each in self._followed.values():
            if each.leg is leg:
                each.left_at = clock.monotonic()

    async def close(self) -> None:
        """Write what is there, if that can be done at once."""
        self._transport.tap = None
        if left := self._queue[self._writing :]:
            with contextlib.suppress(TimeoutError, DatabaseError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await db_threads.run(trace_rows.keep, left)

    # --- messages

    def _heard(self, data: bytes, hop: Hop, outgoing: bool) -> None:
        found = _CALL_ID.search(data)
        if found is None:
            return
        key = found[1].decode("utf-8", "replace")
        followed = self._followed.get(key)
        if followed is None and not self._begins(data):
            return
        heard = _Heard(clock.now(), data, hop, outgoing, self._local(hop))
        if followed is not None:
            self._put(followed, heard)
            return
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = _Waiting(clock.monotonic())
        if len(waiting.heard) < WAITING_EACH:
            waiting.heard.append(heard)
            self._octets += len(data)
        while len(self._waiting) > WAITING_IDS or self._octets > WAITING_OCTETS:
            self._forget_first()

    def _begins(self, data: bytes) -> bool:
        method = _METHOD.search(data)
        return method is not None and method[1].upper() in _BEGINS

    def _take(self, call_id: str) -> list[_Heard]:
        waiting = self._waiting.pop(call_id, None)
        if waiting is None:
            return []
        self._octets -= sum(len(each.data) for each in waiting.heard)
        return waiting.heard

    def _forget_first(self) -> None:
        self._take(next(iter(self._waiting)))

    def _local(self, hop: Hop) -> tuple[str, int]:
        """Our address as the far end sees it, as well as we know it."""
        host, port = self._transport.local_of(hop) or ("", _PORTS.get(hop.transport, 0))
        known = _literal(host)
        return (self._host if known in ("0.0.0.0", "::") else known), port

    def _put(self, followed: _Followed, heard: _Heard) -> None:
        leg = followed.leg
        octets = min(len(heard.data), trace_rows.PER_MESSAGE)
        room = self._rooms.get(leg.project_id, 0)
        if followed.count >= PER_CALL_ID or octets > room or len(self._queue) >= QUEUED:
            self.dropped += 1
            return
        followed.count += 1
        self._rooms[leg.project_id] = room - octets
        self._queue.append(
            Traced(
                project_id=leg.project_id,
                call_id=leg.call_id,
                leg_id=leg.leg_id,
                at=heard.at,
                outgoing=heard.outgoing,
                transport=heard.hop.transport,
                local=(_literal(heard.local[0]), heard.local[1]),
                remote=(_literal(heard.hop.host), heard.hop.port),
                data=heard.data,
                size=len(heard.data),
            )
        )
        self._arm()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                WRITE_SECONDS, lambda: self._spawn(self._write())
            )

    async def _write(self) -> None:
        """Write what is there; while the database is away it waits in its bounded queue."""
        try:
            while batch := self._queue[:BATCH]:
                self._writing = len(batch)
                await db_threads.run(trace_rows.keep, batch)
                del self._queue[: len(batch)]
        except db_threads.DATABASE_UNAVAILABLE:
            log.info("SIP messages of traced calls are written later")
        except DatabaseError as error:
            log.warning("SIP messages of traced calls are lost", extra={"error": type(error).__name__})
            del self._queue[: self._writing]
        self._writing = 0
        self._timer = None
        if self._queue:
            self._arm()


def _literal(host: str) -> str:
    """An address without its scope; the unspecified one for what is none."""
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:
        return "0.0.0.0"
