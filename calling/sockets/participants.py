"""Who takes part in a call as a SignalWire client sees it: the people of the call, or of the room it is in.

Clients show them as participants. Reads rows, writes none; what of it is news to a client is
decided by its translation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.db.models import QuerySet

from calling import models
from calling.calls import mapping, room_sessions
from calling.machine.states import Call, Leg, Party, Settings
from subscribers.models import Address, Room


@dataclass(frozen=True)
class Participant:
    """One participant; `id` is its leg's."""

    id: str
    call_id: str
    name: str
    subscriber_id: str
    muted: frozenset[str] = frozenset()
    shown: bool = False  # sends a picture
    deaf: bool = False
    talking: bool = False
    part: str = ""  # screen or device: a further picture of another participant
    part_of: str = ""  # that participant's id
    volume: float = 0.0  # dB; how loud the other members hear this one in a room
    settings: Settings = field(default_factory=Settings)
    address: str = ""
    address_id: str = ""


@dataclass(frozen=True)
class Participants:
    """Everybody in a call or room at one moment, in the order they came."""

    session_id: str
    room_id: str
    name: str
    people: tuple[Participant, ...]
    locked: bool = False
    in_room: bool = False
    moderator: str = ""  # of the room: project, subscribers or everyone
    meta: str = "{}"  # the room's own data, as JSON
    recordings: tuple[str, ...] = ()  # ids of what records it now
    streams: tuple[str, ...] = ()

    def person(self, leg_id: str) -> Participant | None:
        return next((each for each in self.people if each.id == leg_id), None)

    def including(self, person: Participant) -> Participants:
        """With that person even where it is not counted yet."""
        if self.person(person.id) is not None:
            return self
        return replace(self, people=(*self.people, person))

    def with_address_ids(self, ids: Mapping[str, str]) -> Participants:
        """With the directory's ids of those whose address is in `ids`."""
        people = (replace(each, address_id=ids.get(each.address, "")) for each in self.people)
        return replace(self, people=tuple(people))


def person_of(call_id: str, leg: Leg) -> Participant:
    return Participant(
        leg.id,
        call_id,
        leg.name or leg.address,
        leg.subscriber_id or "",
        leg.muted,
        leg.media.video,
        leg.settings.deaf,
        part=leg.part,
        part_of=leg.part_of or "",
        settings=leg.settings,
        address=leg.address,
    )


def of_call(call: Call, name: str, parts: tuple[Participant, ...] = ()) -> Participants:
    """The people of a call that is in no room, and the screens they share."""
    here = [leg for leg in call.legs if leg.answered and leg.party is not Party.APP]
    people = tuple(person_of(call.id, leg) for leg in here)
    return Participants(call.id, call.id, name, (*people, *parts))


def parts_of(calls: Iterable[Call]) -> dict[str, tuple[Participant, ...]]:
    """call id -> the shared screens and further cameras of its people, outside of rooms."""
    home_of = {leg.id: call.id for call in calls for leg in call.live_legs if leg.device_id}
    found: dict[str, tuple[Participant, ...]] = {}
    if not home_of:
        return found
    rows = models.Leg.objects.filter(part_of__in=list(home_of), state="answered").order_by("id")
    for row in rows:
        leg = mapping.leg_value(row, [])
        shown = person_of(str(row.call_id), leg)
        home = home_of[str(row.part_of)]
        found[home] = (*found.get(home, ()), shown)
    return found


def rooms_of(calls: Iterable[Call]) -> dict[str, Participants]:
    """call id -> the company of the room that its party is in; calls in no room are left out."""
    inside: dict[str, str] = {}
    for call in calls:
        found = (room_sessions.room_leg(call, leg) for leg in call.live_legs)
        seat = next((leg for leg in found if leg is not None and leg.app_ref), None)
        if seat is not None and seat.app_ref is not None:
            inside[call.id] = seat.app_ref
    companies = {room_id: read_participants(room_id) for room_id in sorted(set(inside.values()))}
    return {call_id: here for call_id, room_id in inside.items() if (here := companies[room_id])}


def read_participants(room_id: str) -> Participants | None:
    meeting = models.Meeting.objects.filter(room_id=room_id, ended_at=None).first()
    room = Room.objects.filter(pk=room_id).first()
    if meeting is None or room is None:
        return None
    members = list(meeting.members.filter(left_at=None).order_by("id"))
    legs = models.Leg.objects.in_bulk([member.leg_id for member in members])
    people = tuple(
        replace(
            person_of(str(member.call_id), mapping.leg_value(leg, [])),
            deaf=member.deaf,
            talking=member.talking,
            volume=member.volume,
        )
        for member in members
        if (leg := legs.get(member.leg_id)) is not None
    )
    recordings, streams = live_media_in(room_id)
    return Participants(
        str(meeting.id),
        room_id,
        room.display_name or room.name,
        people,
        room.locked,
        True,
        room.moderator,
        json.dumps(room.meta),
        recordings,
        streams,
    )


LiveMedia = tuple[tuple[str, ...], tuple[str, ...]]  # ids of what records, and of what streams


def live_operations() -> QuerySet[models.Operation]:
    rows = models.Operation.objects.filter(
        verb__in=("record", "stream"), state__in=room_sessions.LIVE_OPERATIONS
    )
    return rows.order_by("created_at", "id")


def live_media_in(room_id: str) -> LiveMedia:
    """What records a room and what streams it: operations on the leg of the room in any member's call."""
    legs = models.Leg.objects.filter(app="room", app_ref=room_id, state="answered").values("id")
    rows = list(live_operations().filter(leg_id__in=legs).values_list("id", "verb"))
    return (
        tuple(str(row_id) for row_id, verb in rows if verb == "record"),
        tuple(str(row_id) for row_id, verb in rows if verb == "stream"),
    )


def address_ids(wanted: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], str]:
    """(project, address) -> the id of that address in the directory, where there is such an address."""
    pairs = {(project, text) for project, text in wanted if text.startswith("/")}
    names = {text.rpartition("/")[2] for _, text in pairs}
    rows = Address.objects.filter(project_id__in={project for project, _ in pairs}, name__in=names)
    found = {(row.project_id, row.text): str(row.id) for row in rows} if pairs else {}
    return {pair: found[pair] for pair in pairs if pair in found}
