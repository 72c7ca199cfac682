"""The heartbeat of a media worker: it keeps the leases of its sessions, and finds what was not nudged.

Lives here: when it beats, on a connection of its own, and what follows from the answer. The statements are
`lease`'s; what is carried and how busy the loop is, the worker says. All of it runs in the worker's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from typing import Any, Protocol
from uuid import UUID

import psycopg

import clock
from calling.media.rtp.config import MediaConfig
from calling.media.session.journal import Journal
from calling.media.worker import lease
from calling.media.worker.admission import Load
from calling.media.worker.session import Session
from calling.runtime.db_threads import DATABASE_UNAVAILABLE, DatabaseThreads

log = logging.getLogger(__name__)
BEAT_SECONDS = 1.0
STRAYS_SECONDS = 4.9  # from one look for sessions that only their rows say are here to the next
COMPARE_SECONDS = 0.9  # so with every heartbeat; a lost nudge is found within little more than a second


class LeaseHolder(Protocol):
    """What the heartbeat needs of its worker."""

    id: UUID
    name: str
    config: MediaConfig
    legs_most: int
    draining: bool
    desk: DatabaseThreads
    journal: Journal | None
    sessions: dict[str, Session]

    def load(self) -> Load: ...
    def considers(self, session_id: str) -> bool: ...


class Heartbeat:
    """One per worker."""

    def __init__(self, worker: LeaseHolder) -> None:
        self._worker = worker
        self._lock_key = worker.id.int >> 64 & (2**62 - 1)
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._now = asyncio.Event()
        self._over = False
        self._compared = self._strays_sought = 0.0

    def hurry(self) -> None:
        """Beat at once: something is to be known."""
        self._now.set()

    def stop(self) -> None:
        """`run` takes the worker's row away and returns."""
        self._over = True
        self._now.set()

    async def run(self) -> bool:
        """Renew everything once a second, at once after an outage; a lost lease ends its session here.

        A session whose rows are not as they were at the last comparison looks at them. Whether the row was
        taken away at the end: by the connection of the beats, for one that is under way would write it anew.
        """
        while not self._over:
            started = clock.monotonic()
            try:
                async with asyncio.timeout(4):
                    await self._beat()
            except (*DATABASE_UNAVAILABLE, TimeoutError, OSError) as error:
                log.warning("The heartbeat failed", extra={"error": str(error)[:200]})
                await self.disconnect()
            self._now.clear()
            left = BEAT_SECONDS - (clock.monotonic() - started) if self._connection else 0.3
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._now.wait(), max(0.05, left))
        if self._connection is None:
            return False
        with contextlib.suppress(*DATABASE_UNAVAILABLE, OSError):
            await self._connection.execute(lease.LEAVE, {"worker": self._worker.id})
            return True
        return False

    async def disconnect(self) -> None:
        own, self._connection = self._connection, None
        if own is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(own.close(), 1)

    async def _beat(self) -> None:
        worker = self._worker
        if self._connection is None:
            self._connection = await lease.open_connection(self._lock_key)
        mine = {session.id: session.epoch for session in worker.sessions.values()}
        now = clock.monotonic()
        compare = now - self._compared >= COMPARE_SECONDS
        answer = await self._connection.execute(lease.BEAT, self._words(mine, compare))
        kept = {str(session): number and int(number) for session, number in await answer.fetchall()}
        if compare:
            self._compared = now
        for session_id, epoch in mine.items():
            session = worker.sessions.get(session_id)
            if session is None or session.epoch != epoch:
                continue
            if session_id not in kept:
                session.lost()
            elif compare:
                session.compare(kept[session_id])
        if now - self._strays_sought >= STRAYS_SECONDS:
            self._strays_sought = now
            await self._let_go_strays(self._connection)
        journal = worker.journal
        if (
            journal is not None
            and journal.size
            and all(s.signal_queue.idle for s in worker.sessions.values())
        ):
            await worker.desk.run(journal.clear)

    def _words(self, mine: dict[str, int], compare: bool) -> dict[str, Any]:
        """What the worker's row says of it; `mine`: the epochs of its sessions."""
        worker, load = self._worker, self._worker.load()
        return {
            "id": worker.id,
            "name": worker.name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "media_address": worker.config.advertised,
            "lock_key": self._lock_key,
            "budget": worker.legs_most,
            "legs": load.legs,
            "cpu": load.cpu,
            "lag": load.lag_ms,
            "draining": worker.draining,
            "sessions": list(mine),
            "epochs": list(mine.values()),
            "compare": compare,
        }

    async def _let_go_strays(self, own: psycopg.AsyncConnection[Any]) -> None:
        """Sessions that are ours by their rows alone go to other workers."""
        worker = self._worker
        words: dict[str, Any] = {"worker": worker.id, "carried": list(worker.sessions)}
        found = await (await own.execute(lease.STRAYS, words)).fetchall()
        for session_id, epoch in found:
            # Taken since the rows were read, or in this moment.
            if str(session_id) in worker.sessions or worker.considers(str(session_id)):
                continue
            log.warning("No worker carries a session", extra={"session": str(session_id)})
            await own.execute(lease.LET_GO, words | {"session": session_id, "epoch": epoch})
