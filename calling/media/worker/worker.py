"""The media worker: one asyncio loop in a thread of the process, and the media sessions it carries.

Lives here: the loop, which sessions are taken, nudges, drain and the watchdog. What keeps its leases is
`heartbeat`, what a session does `session`; Celery's side is `calling.tasks`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections import Counter
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from django.conf import settings

import clock
from calling.media.files import decoders
from calling.media.rtp.config import MediaConfig, stands_privately
from calling.media.session.handover import Handover
from calling.media.session.journal import Journal, leftovers
from calling.media.session.room_pipes import RoomPipes
from calling.media.session.rooms import Rooms
from calling.media.webrtc import shared_port
from calling.media.worker import lease, warmth
from calling.media.worker.admission import Holding, Load, Refused, refusal
from calling.media.worker.heartbeat import Heartbeat
from calling.media.worker.loop_monitor import LoopMonitor
from calling.media.worker.session import Session
from calling.models.ids import uuid7
from calling.outbound_http import lookups
from calling.runtime import garbage, nudge
from calling.runtime.db_threads import DATABASE_UNAVAILABLE, DatabaseThreads
from calling.runtime.priority import run_soon

log = logging.getLogger(__name__)
T = TypeVar("T")
SESSIONS = 400
FEW_LEGS = 20  # fewer than these hardly keep a loop busy
LEAVE_SECONDS = 2.0  # for the last heartbeat to take the worker's row away
HURRY_SECONDS = 3.0  # for telling the calls that they end, once a drain is over


class Worker:
    """One per process; see `begin`. Methods are for other threads unless marked (loop)."""

    def __init__(self, name: str) -> None:
        self.id = uuid7()
        self.name = name
        self.config = MediaConfig(
            bind=settings.CALLWRIGHT_MEDIA_BIND,
            advertised=settings.CALLWRIGHT_MEDIA_ADVERTISED,
            more=settings.CALLWRIGHT_MEDIA_PLACES[1:],
            ports=settings.CALLWRIGHT_MEDIA_PORTS,
            mux=settings.CALLWRIGHT_MEDIA_MUX,
            loop=settings.CALLWRIGHT_MEDIA_LOOP,
            loopback=settings.CALLWRIGHT_MEDIA_ADVERTISED.startswith(("127.", "::1")),
            redundancy=settings.CALLWRIGHT_AUDIO_RED,
            sip_silence_seconds=settings.CALLWRIGHT_SIP_SILENCE_SECONDS,
            # An instance on a private network has its callers there.
            private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS
            or stands_privately(settings.CALLWRIGHT_MEDIA_PLACES),
            networks=settings.CALLWRIGHT_PRIVATE_NETWORKS,
        )
        self.legs_most = settings.CALLWRIGHT_MEDIA_LEGS
        self.spool = settings.DATA_DIR / "spool"
        self.desk = DatabaseThreads()
        self.journal: Journal | None = None
        self.sessions: dict[str, Session] = {}
        self.handover = Handover(self.sessions)
        self.rooms = Rooms()
        self.trunks = RoomPipes(self.id, self.config, self.desk, self.rooms)
        self.loop = asyncio.new_event_loop()
        self.pulse = LoopMonitor()
        self.refused = Refused()
        self._considered: set[tuple[str, int]] = set()
        self._nudged: set[str] = set()  # of these, whose rows have changed meanwhile
        self.draining = False
        self.finished = threading.Event()
        self._up = threading.Event()
        self._drain_until = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._heartbeat = Heartbeat(self)
        self._leaving = asyncio.Event()  # a drain was asked for, or a session is over

    # --- life

    def start(self) -> None:
        """Run the loop in a thread of its own; returns once it runs."""
        threading.Thread(target=self._run, name="media", daemon=True).start()
        self._up.wait(30)

    def _run(self) -> None:
        run_soon()
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._live())
        finally:
            self.finished.set()

    async def _live(self) -> None:
        with contextlib.suppress(OSError):
            self.journal = Journal(self.spool / f"{self.id}.jsonl")
        self.pulse.start(self.loop, idle=lambda: self.load().legs < FEW_LEGS)
        close_port = shared_port.kept(self.config)
        await warmth.make_sounds()
        beats = self._spawn(self._heartbeat.run())
        self._spawn(self._listen())
        self._spawn(self.trunks.run())
        self._spawn(self._replay())
        self._spawn(warmth.make_the_rest())
        garbage.keep_all()
        self._up.set()
        log.info("Media worker is up", extra={"worker": str(self.id)})
        while not (self.draining and not self.sessions):
            self._leaving.clear()
            await self._left(self._drain_until - clock.monotonic() if self.draining else None)
            if self.draining and clock.monotonic() >= self._drain_until:
                await self._end_all()
        for task in self._tasks - {beats}:
            task.cancel()
        self._heartbeat.stop()
        _, late = await asyncio.wait(self._tasks, timeout=LEAVE_SECONDS)
        for task in late:
            task.cancel()
        await decoders.of_this_loop().close()
        await self._heartbeat.disconnect()
        if beats in late or beats.exception() is not None or not beats.result():
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.desk.run(lease.deregister, self.id), 3)
        if self.journal is not None:
            self.journal.close()
        self.desk.close()
        close_port()
        self.pulse.stop()

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- sessions

    def carry(self, session_id: str, epoch: int, project: str | None = None) -> bool:
        """Take the session and carry it to its end; False at once where it is not taken. project: whose it
        is, where that is known."""
        if self.finished.is_set() or self.draining:
            return False
        future: Future[bool] = asyncio.run_coroutine_threadsafe(
            self._carry(session_id, epoch, project), self.loop
        )
        while True:
            try:
                return future.result(timeout=5)
            except CancelledError:
                return True
            except TimeoutError:
                if self.finished.is_set():
                    return True

    async def _carry(self, session_id: str, epoch: int, project: str | None) -> bool:
        asked = (session_id, epoch)
        if asked in self._considered:
            return True  # the sweep has asked again: it is being looked at
        self._considered.add(asked)
        try:
            session = await self._take(session_id, epoch, project)
        finally:
            self._considered.discard(asked)
            self._nudged.discard(session_id)
        if isinstance(session, bool):
            return session
        lookups.act_for(session.project)
        try:
            await session.run()
        except Exception:
            log.exception("A media session failed", extra={"session": session_id})
        finally:
            self.sessions.pop(session_id, None)
            self._leaving.set()
        return True

    async def _take(self, session_id: str, epoch: int, project: str | None) -> Session | bool:
        """The session, now ours; False where it is left to others, True where nothing is left to do."""
        try:
            if project is None:
                project = await self.desk.run(lease.project_of, session_id)
            waited = self.refused.waited(session_id, clock.monotonic())
            why = refusal(self.load(), self.legs_most, SESSIONS, self.holding(project), waited)
            if why is not None:
                self.refused.note(session_id, clock.monotonic())
                log.info("A session was left to other workers", extra={"session": session_id, "why": why})
                return False
            self._nudged.discard(session_id)
            held = await self.desk.of(project).run(lease.claim, session_id, epoch, self.id)
        except DATABASE_UNAVAILABLE:
            return False
        if held is None:
            return True  # somebody else has it
        session = self.sessions[session_id] = Session(session_id, held.epoch, self, project, held.first)
        if session_id in self._nudged:  # since the rows were read, or a moment before
            session.look()
        return session

    def holding(self, project: str) -> Holding:
        """What a project has of this worker now."""
        held, sessions = Counter[str]({project: 0}), Counter[str]()
        for session in self.sessions.values():
            held[session.project] += len(session.peers)
            sessions[session.project] += 1
        return Holding(held[project], len(held), sessions[project])

    def considers(self, session_id: str) -> bool:
        """Whether it is being looked at, and may be carried here in a moment."""
        return any(session_id == asked for asked, _ in self._considered)

    def load(self) -> Load:
        return Load(
            legs=sum(len(session.peers) for session in self.sessions.values()),
            sessions=len(self.sessions),
            cpu=self.pulse.cpu,
            lag_ms=self.pulse.lag_ms,
            stuck_seconds=self.pulse.stuck_seconds(),
            draining=self.draining,
        )

    # --- nudges and looks (loop)

    async def _listen(self) -> None:
        """Wake sessions that are nudged; what was not nudged the heartbeat finds."""
        async for message in nudge.listen(nudge.MEDIA):
            if message is None:
                self.trunks.look()
                continue
            if "room" in message[1]:
                self.trunks.look()
            nudged = str(message[1].get("session"))
            session = self.sessions.get(nudged)
            if session is not None:
                session.look()
            elif self.considers(nudged):
                self._nudged.add(nudged)

    async def _replay(self) -> None:
        """Deliver what workers that are gone had kept on disk; the fence drops what no longer counts."""
        from calling.calls import control

        for path, entries in leftovers(self.spool):
            if self.journal is not None and path == self.journal.path:
                continue
            for session_id, epoch, call_id, value in entries:
                try:
                    await self.desk.run(control.apply, call_id, value, fence=(session_id, epoch))
                except DATABASE_UNAVAILABLE:
                    return
                except Exception as error:  # stale, ended or unknown by now
                    log.info("A stored signal came too late", extra={"error": type(error).__name__})
            with contextlib.suppress(OSError):
                path.unlink()

    # --- drain

    def drain(self) -> None:
        """Take no further session; end when the last is over or the time is up. Again: end them now.

        May be called from a signal handler.
        """
        self.loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._leaving.set()
        if self.draining:
            self._drain_until = 0.0
            return
        self.draining = True
        self._drain_until = clock.monotonic() + settings.CALLWRIGHT_DRAIN_SECONDS
        self._heartbeat.hurry()

    async def _end_all(self) -> None:
        """Tell every call that its worker goes, then let go of the sessions, told or not."""
        ending = [self.loop.create_task(session.end("drained")) for session in self.sessions.values()]
        if ending:
            await asyncio.wait(ending, timeout=HURRY_SECONDS)
        for session in list(self.sessions.values()):
            session.lost()
        until = clock.monotonic() + 2
        while self.sessions and clock.monotonic() < until:
            self._leaving.clear()
            await self._left(until - clock.monotonic())
        self.sessions.clear()

    async def _left(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leaving.wait(), seconds)


class Host:
    """The process's one worker, for the threads of Celery."""

    lock = threading.Lock()
    worker: Worker | None = None


def begin(name: str) -> Worker:
    """Start this process's worker, once."""
    with Host.lock:
        if Host.worker is None:
            Host.worker = Worker(name)
            Host.worker.start()
            Host.worker.pulse.watch()
        return Host.worker


def shut_down() -> None:
    """Drain, and see to it that the process ends when that is done, whatever its other threads wait for."""
    worker = Host.worker
    if worker is None:
        return
    first = not worker.draining
    worker.drain()
    if first:
        threading.Thread(target=_leave_after, args=(worker,), daemon=True).start()


def await_end(seconds: float) -> None:
    """Return once the loop has ended, or after so many seconds."""
    if Host.worker is not None and Host.worker.draining:
        Host.worker.finished.wait(seconds)


def _leave_after(worker: Worker) -> None:
    worker.finished.wait()
    clock.sleep(1.0)
    logging.shutdown()
    os._exit(0)
