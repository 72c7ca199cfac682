"""Reading who is in the rooms that calls are in. Reads only."""

from __future__ import annotations

from collections.abc import Iterable

from calling import meetings, models
from calling.machine.states import Call
from calling.signalling.company import Company, Person
from subscribers.models import Room


def rooms_of(calls: Iterable[Call]) -> dict[str, Company]:
    """call id -> the company of the room that its party is in; calls in no room are left out."""
    inside: dict[str, str] = {}
    for call in calls:
        found = (meetings.room_leg(call, leg) for leg in call.live_legs)
        seat = next((leg for leg in found if leg is not None and leg.app_ref), None)
        if seat is not None and seat.app_ref is not None:
            inside[call.id] = seat.app_ref
    companies = {room_id: read_room(room_id) for room_id in sorted(set(inside.values()))}
    return {call_id: here for call_id, room_id in inside.items() if (here := companies[room_id])}


def read_room(room_id: str) -> Company | None:
    meeting = models.Meeting.objects.filter(room_id=room_id, ended_at=None).first()
    room = Room.objects.filter(pk=room_id).first()
    if meeting is None or room is None:
        return None
    members = list(meeting.members.filter(left_at=None).order_by("id"))
    legs = models.Leg.objects.in_bulk([member.leg_id for member in members])
    people = (
        Person(
            str(member.leg_id),
            str(member.call_id),
            leg.name or leg.address,
            str(leg.subscriber_id or ""),
            frozenset(leg.muted),
            bool(leg.media.get("video")),
            member.deaf,
            member.talking,
        )
        for member in members
        if (leg := legs.get(member.leg_id)) is not None
    )
    return Company(str(meeting.id), room_id, room.display_name or room.name, tuple(people), room.locked)
