"""The rooms of one worker process: a mixer each, whose members come from any session of the worker.

A leg is in a room while its plan says that it hears `room:<id>`. Who comes and goes is told where calls
change (`calling.calls.room_sessions`); from here comes who talks, by the session of the member.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from calling.calls import control, room_sessions
from calling.media.codecs.opus import Pcm
from calling.media.mixing.decoded_source import DecodedSource
from calling.media.mixing.mixer import Mixer, MixerMember
from calling.media.rtp.source import Source
from calling.media.session.rows import Membership
from calling.media.session.session_peer import SessionPeer
from calling.media.session.signal_queue import SignalQueue
from calling.media.sources import tones


class MemberSession(Protocol):
    """What a room must know of the session that carries a member."""

    id: str
    epoch: int
    signal_queue: SignalQueue


class RoomMember:
    """One member with the session that carries it."""

    def __init__(self, carried: SessionPeer, session: MemberSession, member: MixerMember) -> None:
        self.carried, self.session, self.member = carried, session, member


class RoomMixer:
    """One room with somebody in it."""

    def __init__(self, room_id: str) -> None:
        self.id = room_id
        self.mixer = Mixer(self._talking)
        self.guests: dict[str, RoomMember] = {}
        self._ears: list[Callable[[Pcm], None]] = []

    def join(self, carried: SessionPeer, session: MemberSession) -> bool:
        """Whether it was not here yet."""
        peer_id = carried.plan.peer_id
        if peer_id in self.guests:
            return False
        member = self.mixer.join(carried.port, peer_id, hear=carried.hear_room)
        self.guests[peer_id] = RoomMember(carried, session, member)
        return True

    def leave(self, peer_id: str) -> None:
        guest = self.guests.pop(peer_id, None)
        if guest is not None:
            self.mixer.leave(guest.member)
            guest.carried.room_sound = None
            if not guest.carried.port.closed:
                guest.carried.apply_sources()  # what it hears from now on: the mixer has let go of it

    def _talking(self, peer_id: str, talking: bool) -> None:
        guest = self.guests.get(peer_id)
        if guest is None:
            return
        room_id, session, plan = self.id, guest.session, guest.carried.plan
        fence = (session.id, session.epoch)
        session.signal_queue.work(plan.call_id, lambda: record(room_id, plan.leg_id, talking, fence))

    # --- what the whole room hears, and who hears the whole room

    def play(self, source: Source) -> DecodedSource:
        """Let everybody hear something besides each other, until the loudspeaker is closed."""
        speaker = DecodedSource(source)
        self.mixer.play(speaker.pull)
        return speaker

    def greet(self) -> None:
        """The entry tone."""
        speakers: list[DecodedSource] = []
        speakers.append(self.play(tones.beep(lambda: speakers[0].close())))

    def listen(self, ear: Callable[[Pcm], None]) -> None:
        """Give every 20 ms of the mix to `ear`."""
        self._ears.append(ear)
        self._listening()

    def unlisten(self, ear: Callable[[Pcm], None]) -> None:
        if ear in self._ears:
            self._ears.remove(ear)
        self._listening()

    def _listening(self) -> None:
        self.mixer.on_mix = self._heard if self._ears else None
        self.mixer.route()

    def _heard(self, mix: Pcm) -> None:
        for ear in self._ears:
            ear(mix)


def record(room_id: str, leg_id: str, talking: bool, fence: control.Fence) -> None:
    """Tell that a member begins or stops to talk. In a desk thread."""

    def work() -> None:
        control.check_fence(fence)
        room_sessions.talking(room_id, leg_id, talking)

    control.in_transaction(work)


class Rooms:
    """Those of this process that somebody is in."""

    def __init__(self) -> None:
        self._rooms: dict[str, RoomMixer] = {}
        self._places: dict[str, str] = {}  # peer id -> room id
        self.on_change: Callable[[], None] = lambda: None  # somebody came into a room or left one

    def move(
        self, carried: SessionPeer, room_id: str | None, session: MemberSession, membership: Membership | None
    ) -> None:
        """Put a peer into that room, or (None) out of the one it is in."""
        peer_id = carried.plan.peer_id
        now = self._places.get(peer_id)
        if now is not None and now != room_id:
            self.remove(peer_id)
        if room_id is None:
            return
        self._places[peer_id] = room_id
        room = self._rooms.setdefault(room_id, RoomMixer(room_id))
        if membership is not None:
            room.mixer.video = membership.video
        if not room.join(carried, session):
            return
        self.on_change()
        if membership is not None and membership.entry_tone:
            room.greet()

    def remove(self, peer_id: str) -> None:
        room_id = self._places.pop(peer_id, None)
        room = self._rooms.get(room_id) if room_id is not None else None
        if room is not None:
            room.leave(peer_id)
            if not room.guests:
                room.mixer.close()
                del self._rooms[room.id]
            self.on_change()

    def inside(self) -> tuple[str, ...]:
        """The rooms that somebody is in here."""
        return tuple(self._rooms)

    def get(self, room_id: str | None) -> RoomMixer | None:
        return self._rooms.get(room_id) if room_id is not None else None

    def apply_member_settings(self, peer_id: str, membership: Membership | None) -> None:
        """Bring a member's seat to what its row says."""
        room = self.get(self._places.get(peer_id))
        if room is None or membership is None:
            return
        guest = room.guests[peer_id]
        member, plan = guest.member, guest.carried.plan
        output = plan.output_volume / 100
        if (member.deaf, member.volume, member.output) != (membership.deaf, membership.volume, output):
            room.mixer.set(member, deaf=membership.deaf, volume=membership.volume, output=output)
        if (member.screen, member.owner) != (plan.part == "screen", plan.owner):
            member.screen, member.owner = plan.part == "screen", plan.owner
            room.mixer.route()
