"""Rooms larger than a worker: a trunk to every other worker that carries members of the same room.

A trunk is plain RTP between two workers: each sends the mix and the best picture of its own members.
Both sides write where they take the other's and read where it takes theirs; looked at when a room's
members change, at nudges, and every 2 s. A worker that dies only leaves: its rows name no member any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from uuid import UUID

from calling.machine.states import Media
from calling.media.mixing.mixer import MixerMember
from calling.media.rtp.config import MediaConfig
from calling.media.session import room_pipe_rows
from calling.media.session.rooms import RoomMixer, Rooms
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.runtime.db_threads import DATABASE_UNAVAILABLE, DatabaseThreads
from calling.sdp.validate import BadSdp

log = logging.getLogger(__name__)
BOTH_WAYS = Media(audio=True, receive_audio=True, video=True, receive_video=True)
Pair = tuple[str, str]  # room id, the other worker's id


@dataclass
class RoomPipe:
    """One side of a trunk. agreed: the far side's description as taken."""

    peer: PlainRtpPeer
    room: RoomMixer
    member: MixerMember
    agreed: str | None = None


class RoomPipes:
    """Those of one worker. Everything runs in its loop."""

    def __init__(self, me: UUID, config: MediaConfig, desk: DatabaseThreads, rooms: Rooms) -> None:
        self.me, self.config, self.desk, self.rooms = me, config, desk, rooms
        self.open: dict[Pair, RoomPipe] = {}
        self._wake = asyncio.Event()
        rooms.on_change = self.look

    def look(self) -> None:
        """Something may have changed: who is in which room, or what others wrote."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                try:
                    await self._look()
                except DATABASE_UNAVAILABLE:
                    continue  # the next look comes within 2 s
                except Exception:
                    log.exception("Room pipes could not be looked after.")
        finally:
            for trunk in self.open.values():
                with contextlib.suppress(Exception):
                    await trunk.peer.close()
            self.open.clear()

    async def _look(self) -> None:
        rooms = self.rooms.inside()
        if not rooms and not self.open:
            return
        found = await self.desk.run(room_pipe_rows.elsewhere, self.me, list(rooms))
        wanted = {(each.room_id, each.worker_id): each.description for each in found}
        for pair, trunk in list(self.open.items()):
            if pair not in wanted or self.rooms.get(pair[0]) is not trunk.room:
                await self._close(pair)
        for pair, description in wanted.items():
            room = self.rooms.get(pair[0])
            if room is None:
                continue
            if pair not in self.open:
                await self._open(pair, room)
            ours = self.open.get(pair)
            if ours is not None and description is not None and description != ours.agreed:
                await self._agree(ours, description)

    async def _open(self, pair: Pair, room: RoomMixer) -> None:
        peer = PlainRtpPeer(self.config, lambda signal: None, trunk=True)
        peer.port.expects_media = False  # nobody may be talking there
        try:
            text = await peer.offer(BOTH_WAYS)
            await self.desk.run(room_pipe_rows.describe, self.me, *pair, text)
        except OSError as error:
            log.warning("A trunk has no port", extra={"room": pair[0], "error": str(error)})
            await peer.close()
            return
        except BaseException:
            await peer.close()
            raise
        if self.rooms.get(pair[0]) is not room:  # everybody left meanwhile
            await peer.close()
            return
        self.open[pair] = RoomPipe(peer, room, room.mixer.join(peer.port, f"trunk:{pair[1]}", trunk=True))
        log.info("A room goes on in another worker", extra={"room": pair[0], "worker": pair[1]})

    async def _agree(self, trunk: RoomPipe, description: str) -> None:
        try:
            await trunk.peer.accept(description)
        except BadSdp as error:
            log.warning("A trunk was described badly", extra={"error": str(error)})
        trunk.agreed = description
        trunk.room.mixer.route()

    async def _close(self, pair: Pair) -> None:
        trunk = self.open.pop(pair)
        trunk.room.mixer.leave(trunk.member)
        await trunk.peer.close()
        await self.desk.run(room_pipe_rows.withdraw, self.me, *pair)
