"""One per process: listens for nudges, reads the rows every two seconds, and wakes the sockets concerned.

Redis only makes it quick. Whatever a nudge would have said is found by the next look, so a process without
Redis serves its devices within two seconds. Renewing presence and asking for revoked tokens is one statement
each for all sockets of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol
from uuid import UUID

import clock
from calling import presence
from calling.models.ids import uuid7
from calling.runtime import nudge
from calling.runtime.db_threads import run_for_socket
from calling.sockets import call_updates, message_feed
from calling.sockets.call_updates import DeviceLeg
from calling.sockets.device_session import DeviceSession
from tokens import revocation
from tokens.issue import KEPT

log = logging.getLogger(__name__)
TICK_SECONDS = 0.5
KEEP_SECONDS = 20.0  # a little longer than the grace of a lost device
LOOK_SECONDS = 2.0
RENEW_SECONDS = 4.0
REVOKED_SECONDS = 1.0
ROW_SECONDS = KEPT.total_seconds() - 600
LOST_AT_ONCE = 500
NUDGED_SECONDS = 0.1  # how long a nudge of one's own takes at most; without Redis none comes


class Reader(Protocol):
    """A socket that follows a project's log."""

    @property
    def project_id(self) -> UUID: ...

    def wake(self) -> None: ...

    async def check(self) -> None:
        """Look whether its key is still good."""


class Hub:
    def __init__(self) -> None:
        self.lines: dict[str, DeviceSession[Any]] = {}
        self.devices_of: dict[str, set[str]] = defaultdict(set)  # subscriber id → device ids
        self.readers: set[Reader] = set()
        self.kept: dict[
            str, tuple[float, DeviceSession[Any]]
        ] = {}  # lines whose socket was lost a moment ago
        self.lease = uuid7()  # the presence lease of this process
        self.dirty: set[str] = set()  # device ids
        self.looked: Counter[str] = Counter()  # device id → how many looks have begun
        self.lost: list[tuple[presence.GoneDevice, asyncio.Future[None]]] = []
        self.losing = asyncio.Event()
        self.wanted = asyncio.Event()
        self.last: dict[str, float] = defaultdict(float)
        self.tasks = [
            asyncio.create_task(self.forever(work), name=f"hub-{work.__name__}")
            for work in (self.listen, self.work, self.beat, self.take_offline)
        ]

    # --- lines and readers ----------------------------------------------------------------------

    def attach(self, line: DeviceSession[Any], connection: UUID) -> None:
        """The line now speaks for its device on that socket, instead of any other."""
        line.connection = connection
        self.lines[line.device_id] = line
        if line.subscriber_id is not None:
            self.devices_of[line.subscriber_id].add(line.device_id)

    def detach(self, line: DeviceSession[Any]) -> bool:
        """False where another socket has taken the device over already."""
        if self.lines.get(line.device_id) is not line:
            return False
        del self.lines[line.device_id]
        self.looked.pop(line.device_id, None)
        if line.subscriber_id is not None:
            self.devices_of[line.subscriber_id].discard(line.device_id)
            if not self.devices_of[line.subscriber_id]:
                del self.devices_of[line.subscriber_id]
        return True

    def keep(self, line: DeviceSession[Any]) -> None:
        """The socket is lost: remember what its device was told, for as long as it may come back."""
        self.kept[line.device_id] = (clock.monotonic() + KEEP_SECONDS, line)

    def former(self, device_id: str) -> DeviceSession[Any] | None:
        """The line that spoke for this device until now, or until a moment ago."""
        kept = self.kept.pop(device_id, None)
        return self.lines.get(device_id) or (kept[1] if kept is not None else None)

    def look(self, line: DeviceSession[Any]) -> None:
        """Read the news of one device soon."""
        self.dirty.add(line.device_id)
        self.wanted.set()

    def look_after(self, line: DeviceSession[Any], looked: int | None = None) -> None:
        """The same for a command that is done: its nudge is under way, and one look serves both. `looked`:
        how many had begun when the command was given, where one of that time shows all that it did."""
        if looked is None:
            looked = self.looked[line.device_id]

        def unless_looked() -> None:
            if self.looked[line.device_id] == looked:
                self.look(line)

        asyncio.get_running_loop().call_later(NUDGED_SECONDS, unless_looked)

    def look_all(self) -> None:
        self.dirty.update(self.lines)
        self.wanted.set()

    async def offline(self, device: presence.GoneDevice) -> None:
        """A device is lost; returns once that is written. All that are lost meanwhile go in one batch."""
        written = asyncio.get_running_loop().create_future()
        self.lost.append((device, written))
        self.losing.set()
        await written

    # --- the tasks ------------------------------------------------------------------------------

    async def forever(self, work: Callable[[], Awaitable[None]]) -> None:
        """A task of the hub never ends: what fails once (a database away) is tried again."""
        while True:
            try:
                await work()
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("The signalling hub stumbled", extra={"work": work.__name__})
                await asyncio.sleep(0.5)

    async def listen(self) -> None:
        async for heard in nudge.listen(nudge.EDGE, nudge.EVENTS, nudge.REVOKED):
            if heard is None:
                self.look_if_due()
                continue
            channel, message = heard
            if channel == nudge.EDGE:
                self.nudged(message.get("devices", ()), message.get("subscribers", ()))
            elif channel == nudge.EVENTS:
                self.wake_readers(message.get("project"))
                self.wake_rooms(message.get("project"))
            elif channel == nudge.REVOKED:
                await self.close_revoked()

    def nudged(self, devices: Iterable[str], subscribers: Iterable[str]) -> None:
        named = set(devices).intersection(self.lines)
        for subscriber in subscribers:
            named |= self.devices_of.get(subscriber, set())
        if named:
            self.dirty |= named
            self.wanted.set()

    def wake_readers(self, project: str | None) -> None:
        for reader in self.readers:
            if project is None or str(reader.project_id) == project:
                reader.wake()

    def wake_rooms(self, project: str | None) -> None:
        for line in self.lines.values():
            if line.in_room and str(line.holder.project_id) == project:
                self.look(line)

    async def work(self) -> None:
        await self.wanted.wait()
        self.wanted.clear()
        lines = [line for device in self.dirty if (line := self.lines.get(device)) is not None]
        self.dirty.clear()
        if not lines:
            return
        self.looked.update(line.device_id for line in lines)
        known: dict[str, int] = {}
        for line in lines:
            for call_id, sequence in line.known().items():
                known[call_id] = min(sequence, known.get(call_id, sequence))
        try:
            found, told = await run_for_socket(call_updates.read, [line.device_id for line in lines], known)
            await self.read_messages([line for line in lines if line.reads_messages])
        except Exception:
            self.dirty.update(line.device_id for line in lines)  # the next look tells it
            raise
        mine: dict[str, list[DeviceLeg]] = defaultdict(list)
        for each in found:
            mine[each.device_id].append(each)
        for line in lines:
            if self.lines.get(line.device_id) is line and line.hear(mine[line.device_id], told):
                self.look(line)

    async def read_messages(self, lines: list[DeviceSession[Any]]) -> None:
        if not lines:
            return
        written = await run_for_socket(message_feed.read, {line.holder.identity for line in lines})
        for line in lines:
            if self.lines.get(line.device_id) is line:
                line.hear_messages(written.get(line.holder.identity, ()))

    async def take_offline(self) -> None:
        await self.losing.wait()
        self.losing.clear()
        batch, self.lost = self.lost[:LOST_AT_ONCE], self.lost[LOST_AT_ONCE:]
        if self.lost:
            self.losing.set()
        try:
            await run_for_socket(presence.devices_offline, [device for device, _ in batch])
        except Exception as error:  # their leases run out by themselves
            log.warning("Lost devices could not be marked", extra={"error": type(error).__name__})
        finally:
            for _, written in batch:
                if not written.done():
                    written.set_result(None)

    async def beat(self) -> None:
        await asyncio.sleep(TICK_SECONDS)
        now = clock.monotonic()
        for line in list(self.lines.values()):
            line.tick(clock.time())
        self.kept = {device: kept for device, kept in self.kept.items() if kept[0] > now}
        self.look_if_due()
        if self.due("renew", RENEW_SECONDS, now) and self.lines:
            held = {line.device_id: line.connection for line in self.lines.values() if line.connection}
            await run_for_socket(presence.renew, self.lease, held)
        if self.due("revoked", REVOKED_SECONDS, now):
            await self.close_revoked()

    def look_if_due(self) -> None:
        """One look at everything within two seconds of the last, whoever of beat and listener comes first."""
        if self.due("look", LOOK_SECONDS - TICK_SECONDS, clock.monotonic()):
            self.look_all()
            self.wake_readers(None)

    def due(self, what: str, every: float, now: float) -> bool:
        if now - self.last[what] < every:
            return False
        self.last[what] = now
        return True

    async def close_revoked(self) -> None:
        # A call that lives on for longer than the row of its token needs none.
        since = clock.time() - ROW_SECONDS
        lines = [line for line in self.lines.values() if line.holder.expires_at.timestamp() > since]
        if lines:
            gone = await run_for_socket(revocation.revoked_among, [line.holder for line in lines])
            for line in lines:
                if line.holder.jti in gone:
                    await line.revoked()
        for reader in list(self.readers):
            await reader.check()

    async def stop(self) -> None:
        for _, written in self.lost:
            written.cancel()
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def the_hub() -> Hub:
    """The hub of this process (of this event loop: tests have one each)."""
    loop = asyncio.get_running_loop()
    for other in [each for each in _hubs if each.is_closed()]:
        del _hubs[other]
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
