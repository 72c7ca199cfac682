"""The rooms of one worker process: a mixer each, whose members come from any session of the worker.

A leg is in a room while its plan says that it hears `room:<id>`. What happens in a room is written into
the room's own stream of events, by the session of the member it happened to.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from calling import control
from calling.media.codecs.mixer import Member, Mixer
from subscribers.models import Room

if TYPE_CHECKING:
    from calling.media.carried import CarriedPeer
    from calling.media.session import Session


class Seat:
    """A member's port as the mixer sees it: what is played to that member alone stands before the room."""

    def __init__(self, carried: CarriedPeer) -> None:
        self._carried = carried

    def __getattr__(self, name: str) -> Any:
        return getattr(self._carried.port, name)

    def hears(self, source: Any) -> None:
        self._carried.room_sound = source
        if self._carried.overlay is None:
            self._carried.port.hears(source)


class Guest:
    """One member with what is told of it."""

    def __init__(self, carried: CarriedPeer, session: Session, member: Member) -> None:
        self.carried, self.session, self.member = carried, session, member
        self.joined_at = datetime.now(UTC)
        self.muted = "audio" in carried.plan.muted
        self.talking = False

    def words(self) -> dict[str, Any]:
        plan = self.carried.plan
        leg = self.session.leg(plan.leg_id)
        return {
            "leg_id": plan.leg_id,
            "call_id": plan.call_id,
            "address": leg.address if leg is not None else "",
            "muted": self.muted,
            "talking": self.talking,
            "joined_at": self.joined_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }


class RoomSound:
    """One room with somebody in it."""

    def __init__(self, room_id: str) -> None:
        self.id = room_id
        self.mixer = Mixer(self._talking)
        self.guests: dict[str, Guest] = {}

    def join(self, carried: CarriedPeer, session: Session) -> None:
        peer_id = carried.plan.peer_id
        if peer_id in self.guests:
            self._muted(self.guests[peer_id])
            return
        first = not self.guests
        seat: Any = Seat(carried)
        guest = Guest(carried, session, self.mixer.join(seat, peer_id))
        self.guests[peer_id] = guest
        if first:
            self.tell(guest, "room.started", {})
        self.tell(guest, "participant.joined", {"member": guest.words()})

    def leave(self, peer_id: str) -> None:
        guest = self.guests.pop(peer_id, None)
        if guest is None:
            return
        self.mixer.leave(guest.member)
        guest.carried.room_sound = None
        self.tell(guest, "participant.left", {"member": guest.words()})
        if not self.guests:
            self.tell(guest, "room.ended", {})

    def _muted(self, guest: Guest) -> None:
        muted = "audio" in guest.carried.plan.muted
        if muted != guest.muted:
            guest.muted = muted
            kind = "participant.muted" if muted else "participant.unmuted"
            self.tell(guest, kind, {"member": guest.words()})

    def _talking(self, peer_id: str, talking: bool) -> None:
        guest = self.guests.get(peer_id)
        if guest is not None:
            guest.talking = talking
            self.tell(guest, "participant.talking", {"member": guest.words()})

    def tell(self, guest: Guest, type: str, data: dict[str, Any]) -> None:
        session, room_id = guest.session, self.id
        fence = (session.id, session.epoch)
        session.lane.work(guest.carried.plan.call_id, lambda: record(room_id, type, data, fence))

    def play(self, source: Any) -> None:
        """Let everybody hear something; None: each other again."""
        for guest in list(self.guests.values()):
            guest.carried.play(source)


def record(room_id: str, type: str, data: dict[str, Any], fence: control.Fence) -> None:
    """Append a fact of a room. In a desk thread."""

    def work() -> None:
        control.check_fence(fence)
        room = Room.objects.filter(pk=room_id).values("project_id", "name").first()
        if room is not None:
            body = {"room": {"id": room_id, "name": room["name"]}, **data}
            control.record_event(room["project_id"], type, body, room=room_id)

    control.in_transaction(work)


class Rooms:
    """Those of this process that somebody is in."""

    def __init__(self) -> None:
        self._rooms: dict[str, RoomSound] = {}
        self._places: dict[str, str] = {}  # peer id -> room id

    def place(self, carried: CarriedPeer, room_id: str | None, session: Session) -> None:
        """Put a peer into that room, or (None) out of the one it is in."""
        peer_id = carried.plan.peer_id
        now = self._places.get(peer_id)
        if now is not None and now != room_id:
            self.remove(peer_id)
        if room_id is not None:
            self._places[peer_id] = room_id
            self._rooms.setdefault(room_id, RoomSound(room_id)).join(carried, session)

    def remove(self, peer_id: str) -> None:
        room_id = self._places.pop(peer_id, None)
        room = self._rooms.get(room_id) if room_id is not None else None
        if room is not None:
            room.leave(peer_id)
            if not room.guests:
                room.mixer.close()
                del self._rooms[room.id]

    def get(self, room_id: str | None) -> RoomSound | None:
        return self._rooms.get(room_id) if room_id is not None else None

    def member(self, peer_id: str) -> tuple[Mixer, Member] | None:
        """The seat of a peer, for `deafen` and `volume`."""
        room = self.get(self._places.get(peer_id))
        return (room.mixer, room.guests[peer_id].member) if room is not None else None
