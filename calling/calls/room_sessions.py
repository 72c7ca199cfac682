"""Who is in which room, and the events of rooms: derived from calls wherever a call changes.

A party is in a room while it is answered and talks with an answered leg whose application is that room.
`apply_turn` compares a world before and after a turn and writes down who came, left or was muted, in the same
transaction: so no worker has to live for a room's story to be whole. What is talked is told by workers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

import clock
from calling import models
from calling.calls import event_log
from calling.machine.states import Call, CallState, Leg, Party, World
from calling.models.ids import uuid7
from calling.runtime import nudge
from calling.runtime.locks import lock_room, lock_stream
from rest.json_bodies import rfc3339
from subscribers.models import Room

LIVE_OPERATIONS = ("wanted", "running")


@dataclass(frozen=True)
class RoomPlace:
    """A party in a room: its leg, its call, and the room's own leg there."""

    room_id: str
    call_id: str
    leg: Leg
    room_leg_id: str

    @property
    def muted(self) -> bool:
        return "audio" in self.leg.muted


def seats(world: World) -> dict[str, RoomPlace]:
    """leg id -> seat, of everybody in these calls who is in a room."""
    found: dict[str, RoomPlace] = {}
    for call in world.values():
        if call.state is not CallState.ANSWERED:
            continue
        for leg in call.legs:
            room = room_leg(call, leg)
            if room is not None and room.app_ref:
                found[leg.id] = RoomPlace(room.app_ref, call.id, leg, room.id)
    return found


def room_leg(call: Call, leg: Leg) -> Leg | None:
    """The room's leg that this party talks with."""
    if not leg.answered or leg.party is Party.APP:
        return None
    other = call.counterpart(leg.id)
    return other if other is not None and other.app == "room" else None


def arrivals(before: World, after: World) -> list[RoomPlace]:
    was, now = seats(before), seats(after)
    return [seat for leg_id, seat in now.items() if leg_id not in was or was[leg_id].room_id != seat.room_id]


def to_mute(before: World, after: World) -> list[RoomPlace]:
    """Who comes into a room where one joins muted."""
    came = [seat for seat in arrivals(before, after) if not seat.muted]
    if not came:
        return []
    quiet = Room.objects.filter(pk__in={seat.room_id for seat in came}, join_muted=True)
    rooms = {str(pk) for pk in quiet.values_list("pk", flat=True)}
    return [seat for seat in came if seat.room_id in rooms]


def apply_turn(before: World, after: World, now: datetime) -> None:
    """Write down what a turn changed in rooms. Inside the transaction, with the calls locked and saved."""
    was, is_ = seats(before), seats(after)
    if was == is_:
        return
    for room_id in sorted({seat.room_id for seat in (*was.values(), *is_.values())}):
        old = {leg_id: seat for leg_id, seat in was.items() if seat.room_id == room_id}
        new = {leg_id: seat for leg_id, seat in is_.items() if seat.room_id == room_id}
        if old != new:
            Change(room_id, now).make(old, new)


class Change:
    """What one turn changes in one room."""

    def __init__(self, room_id: UUID | str, now: datetime) -> None:
        self.now = now
        self.stream = f"room:{room_id}"
        lock_stream(self.stream)
        self.room = Room.objects.filter(pk=room_id).first()
        self.meeting = models.Meeting.objects.filter(room_id=room_id, ended_at=None).first()

    def make(self, old: dict[str, RoomPlace], new: dict[str, RoomPlace]) -> None:
        if self.room is None:
            return
        for leg_id, seat in new.items():
            if leg_id not in old:
                self.join(self.room, seat)
            else:
                self.stay(old[leg_id], seat)
        for leg_id, seat in old.items():
            if leg_id not in new:
                self.leave(seat)
        self.update_empty(self.room)

    def join(self, room: Room, seat: RoomPlace) -> None:
        first = self.meeting is None
        if self.meeting is None:
            self.meeting = models.Meeting.objects.create(
                project_id=room.project_id, room=room, started_at=self.now
            )
            self.tell("room.started", {})
        row = models.Member.objects.create(
            meeting=self.meeting, leg_id=seat.leg.id, call_id=seat.call_id, joined_at=self.now
        )
        self.tell("participant.joined", {"member": member_json(row, seat.leg)})
        self.wake_devices()
        if first and room.record_on_start:
            models.Operation.objects.create(
                call_id=seat.call_id,
                leg_id=seat.room_leg_id,
                verb="record",
                control_id=str(uuid7()),
                params={"format": "wav"},
                created_at=self.now,
            )

    def wake_devices(self) -> None:
        """Let the members' devices look: they may want one more line for the newcomer's picture."""
        wake_devices(models.Member.objects.filter(meeting=self.meeting), media__receive_video=True)

    def stay(self, old: RoomPlace, seat: RoomPlace) -> None:
        if old.call_id != seat.call_id:
            present(seat.leg.id).update(call_id=seat.call_id)
        row = present(seat.leg.id).first()
        if old.muted != seat.muted and row is not None:
            kind = "participant.muted" if seat.muted else "participant.unmuted"
            self.tell(kind, {"member": member_json(row, seat.leg)})

    def leave(self, seat: RoomPlace) -> None:
        row = present(seat.leg.id).first()
        if row is None:
            return
        row.left_at, row.talking = self.now, False
        row.save(update_fields=["left_at", "talking"])
        self.tell("participant.left", {"member": member_json(row, seat.leg)})
        self.reassign_operations(seat)

    def reassign_operations(self, seat: RoomPlace) -> None:
        """What plays or records in the room goes on with the call of another member."""
        heir = models.Member.objects.filter(meeting=self.meeting, left_at=None).order_by("id").first()
        if heir is None:
            return
        legs = models.Leg.objects.filter(call_id=heir.call_id, app="room", state="answered")
        leg = legs.filter(app_ref=seat.room_id).values_list("id", flat=True).first()
        own = models.Operation.objects.filter(leg_id=seat.room_leg_id, state__in=LIVE_OPERATIONS)
        if leg is not None and own.update(call_id=heir.call_id, leg_id=leg):
            wake(heir.call_id)

    def update_empty(self, room: Room) -> None:
        """Notice that the room is empty, or no longer."""
        if self.meeting is None:
            return
        empty = not self.meeting.members.filter(left_at=None).exists()
        if empty and not room.empty_timeout:
            self.end()
        elif empty != (self.meeting.empty_since is not None):
            self.meeting.empty_since = self.now if empty else None
            self.meeting.save(update_fields=["empty_since"])

    def end(self) -> None:
        if self.meeting is None:
            return
        self.meeting.ended_at = self.now
        self.meeting.save(update_fields=["ended_at"])
        self.tell("room.ended", {})
        self.meeting = None

    def tell(self, type: str, data: dict[str, Any]) -> None:
        if self.room is None:
            return
        body = {"room": {"id": str(self.room.pk), "name": self.room.name}, **data}
        number = event_log.next_in_stream(self.stream)
        project = self.room.project_id
        event_log.append(project, self.stream, type, body, self.now, sequence=number, facts=body)


def present(leg_id: UUID | str) -> QuerySet[models.Member]:
    return models.Member.objects.filter(leg_id=leg_id, left_at=None)


def member_json(row: models.Member, leg: Leg | models.Leg) -> dict[str, Any]:
    return {
        "leg_id": str(row.leg_id),
        "call_id": str(row.call_id),
        "address": leg.address,
        "muted": "audio" in leg.muted,
        "talking": row.talking,
        "joined_at": rfc3339(row.joined_at),
        "deaf": row.deaf,
        "volume": row.volume,
    }


def video_legs(room_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """room id -> the legs in it whose devices may send a picture; none where a room has sound only."""
    inside = models.Member.objects.filter(meeting__room_id__in=room_ids, left_at=None)
    pairs = inside.filter(meeting__room__video=True).values_list("meeting__room_id", "leg_id")
    room_of = {str(leg_id): str(room_id) for room_id, leg_id in pairs}
    legs = models.Leg.objects.filter(pk__in=room_of, media__video=True).values_list("pk", flat=True)
    found: dict[str, set[str]] = {}
    for leg_id in legs:
        found.setdefault(room_of[str(leg_id)], set()).add(str(leg_id))
    return {room_id: frozenset(each) for room_id, each in found.items()}


def wake(call_id: UUID | str) -> None:
    """Let the worker of a call look at the rows."""
    session = models.Call.objects.filter(pk=call_id).values_list("session_id", flat=True).first()
    if session:
        nudge.wake_session(session)


def wake_devices(members: QuerySet[models.Member], **where: object) -> None:
    """Let the devices of those members who are there, and whose legs are like that, look at the rows."""
    inside = members.filter(left_at=None).values("leg_id")
    legs = models.Leg.objects.filter(pk__in=inside, device_id__isnull=False, **where)
    devices = [str(device) for device in legs.values_list("device_id", flat=True)]
    if devices:
        nudge.on_commit(nudge.EDGE, {"devices": devices})


def wake_room(leg_id: UUID | str) -> None:
    """Let the devices of everybody in the room of that member look; outside a room nothing."""
    row = present(leg_id).first()
    if row is not None:
        wake_devices(models.Member.objects.filter(meeting_id=row.meeting_id))


def set_member(leg_id: UUID | str, **fields: object) -> None:
    """Set `deaf` or `volume` of a member; its worker carries that out."""
    with transaction.atomic():
        row = present(leg_id).select_for_update().first()
        if row is not None:
            for name, value in fields.items():
                setattr(row, name, value)
            row.save(update_fields=list(fields))
            wake(row.call_id)
            wake_devices(models.Member.objects.filter(meeting_id=row.meeting_id))


def talking(room_id: str, leg_id: str, talks: bool) -> None:
    """A worker hears a member begin or stop to talk. Inside a transaction, under the worker's fence."""
    change = Change(room_id, clock.now())
    row = present(leg_id).filter(meeting=change.meeting).first()
    leg = models.Leg.objects.filter(pk=leg_id).first()
    if row is None or leg is None or row.talking == talks:
        return
    row.talking = talks
    row.save(update_fields=["talking"])
    change.tell("participant.talking", {"member": member_json(row, leg)})


def end_empty(room_id: UUID | str, *, at_once: bool = False) -> bool:
    """End a meeting that nobody is in any more, once its time is up (or at once)."""
    with transaction.atomic():
        change = Change(room_id, clock.now())
        meeting, room = change.meeting, change.room
        if meeting is None or room is None or meeting.empty_since is None:
            return False
        due = meeting.empty_since + timedelta(seconds=room.empty_timeout)
        if not at_once and due > change.now:
            return False
        change.end()
        return True


def sweep() -> int:
    """End the meetings that have been empty for their room's `empty_timeout`. Returns how many."""
    waiting = models.Meeting.objects.filter(ended_at=None, empty_since__isnull=False)
    return sum(end_empty(room_id) for room_id in list(waiting.values_list("room_id", flat=True)[:200]))


def admission_refusal(room_id: UUID | str) -> str | None:
    """Why nobody may come in now: `not_allowed`, or None. Inside the transaction of who wants to.

    The lock makes the count true for two who come at the same moment.
    """
    lock_room(room_id)
    room = Room.objects.filter(pk=room_id).first()
    now = clock.now()
    if room is None or room.locked:
        return "not_allowed"
    if (room.join_from and now < room.join_from) or (room.join_until and now >= room.join_until):
        return "not_allowed"
    inside = models.Leg.objects.filter(app="room", app_ref=str(room_id)).exclude(state="ended").count()
    return "not_allowed" if inside >= room.max_members else None
