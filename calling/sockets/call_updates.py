"""What device edges read: the calls of their devices, and what has happened in them since they last told.

One read serves every device of a process. Reads only, in one snapshot of the database, so that events and
states never contradict each other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Value

from calling import models
from calling.calls import room_sessions, store
from calling.machine.states import Call
from calling.sockets import participants
from calling.sockets.participants import Participant, Participants

RUNG = ("preparing", "ringing")


@dataclass(frozen=True)
class CallEvent:
    """One event: the machine's facts beside it, and the call as everybody saw it at that moment."""

    sequence: int
    type: str
    leg_id: str | None
    facts: Mapping[str, Any]
    call: Mapping[str, Any]

    def leg(self, leg_id: str) -> Mapping[str, Any] | None:
        return next((leg for leg in self.call.get("legs", ()) if leg["id"] == leg_id), None)


@dataclass(frozen=True)
class CallUpdate:
    """A call as it stands, and its events after the sequence that was asked for."""

    call: Call
    sequence: int
    from_address: str
    from_name: str
    to_address: str
    said: tuple[CallEvent, ...] = ()
    pictured: frozenset[str] = frozenset()  # legs in the same room that may send a picture
    room: Participants | None = None  # who else is in the room it is in
    variables: Mapping[str, Any] = field(default_factory=dict)  # `user_variables` of the dial
    parts: tuple[Participant, ...] = ()  # screens and cameras that its people share, outside of a room
    recordings: tuple[str, ...] = ()  # what records a call outside of a room now
    streams: tuple[str, ...] = ()
    address_ids: Mapping[str, str] = field(default_factory=dict)  # of who is in it, by address

    def after(self, sequence: int) -> tuple[CallEvent, ...]:
        return tuple(each for each in self.said if each.sequence > sequence)


@dataclass(frozen=True)
class DeviceLeg:
    """A live leg that a device carries or is being rung for."""

    device_id: str
    leg_id: str
    call_id: str
    carried: bool


def read(
    device_ids: Iterable[str], known: Mapping[str, int]
) -> tuple[list[DeviceLeg], dict[str, CallUpdate]]:
    """The live legs of some devices, and the news of their calls and of the `known` ones.

    `known`: call id → the lowest sequence that one of its devices was told; a call that is not in it comes
    without events.
    """
    with store.repeatable_read():
        found = find_legs(list(device_ids))
        wanted = {each.call_id for each in found} | set(known)
        rows = list(models.Call.objects.filter(pk__in=wanted))
        said = read_events(known)
        calls = store.values(rows)
        pictured = read_pictures(calls)
        rooms = participants.rooms_of(calls)
        between = [call for call in calls if call.id not in rooms]
        parts = participants.parts_of(between)
        media = participants.live_media_of([call.id for call in between])
        addresses = addresses_of(zip(rows, calls, strict=True), rooms)
        ids = participants.address_ids((row.project_id, each) for row, all in addresses for each in all)
    of_call = {
        str(row.id): {each: ids.get((row.project_id, each), "") for each in all} for row, all in addresses
    }
    return found, {
        call.id: CallUpdate(
            call,
            row.sequence,
            row.from_address,
            row.from_name,
            row.to_address,
            tuple(said[call.id]),
            pictured.get(call.id, frozenset()),
            rooms.get(call.id),
            variables_of(row),
            parts.get(call.id, ()),
            *media.get(call.id, ((), ())),
            of_call[call.id],
        )
        for call, row in zip(calls, rows, strict=True)
    }


def addresses_of(
    pairs: Iterable[tuple[models.Call, Call]], rooms: Mapping[str, Participants]
) -> list[tuple[models.Call, set[str]]]:
    """The addresses of everybody who is in each call, or in the room that it is in."""
    found = []
    for row, call in pairs:
        room = rooms.get(call.id)
        people = {each.address for each in room.people} if room is not None else set()
        found.append((row, people | {leg.address for leg in call.live_legs}))
    return found


def variables_of(row: models.Call) -> dict[str, Any]:
    found = row.metadata.get("user_variables") if isinstance(row.metadata, dict) else None
    return found if isinstance(found, dict) else {}


def read_pictures(calls: Iterable[Call]) -> dict[str, frozenset[str]]:
    """call id → the legs with a picture in the room that the call is in."""
    seats = room_sessions.seats({call.id: call for call in calls}).values()
    room_of = {seat.call_id: seat.room_id for seat in seats}
    if not room_of:
        return {}
    found = room_sessions.video_legs(set(room_of.values()))
    return {call_id: found.get(room_id, frozenset()) for call_id, room_id in room_of.items()}


def find_legs(device_ids: list[str]) -> list[DeviceLeg]:
    if not device_ids:
        return []
    carried = (
        models.Leg.objects.filter(device_id__in=device_ids)
        .exclude(state="ended")
        .values_list("device_id", "id", "call_id", Value(True))
    )
    rung = (
        models.Attempt.objects.filter(device_id__in=device_ids, state__in=RUNG)
        .exclude(leg__state="ended")
        .values_list("device_id", "leg_id", "leg__call_id", Value(False))
    )
    return [
        DeviceLeg(str(device), str(leg), str(call), carries)
        for device, leg, call, carries in carried.union(rung, all=True)
    ]


EVENTS = """
SELECT e.call_id, e.sequence, e.type, e.leg_id, e.data, e.body
FROM calling_event e JOIN unnest(%s::uuid[], %s::int[]) AS k(call_id, sequence)
  ON e.call_id = k.call_id AND e.sequence > k.sequence
ORDER BY e.call_id, e.sequence
"""


def read_events(known: Mapping[str, int]) -> dict[str, list[CallEvent]]:
    said: dict[str, list[CallEvent]] = defaultdict(list)
    if not known:
        return said
    with connection.cursor() as cursor:
        cursor.execute(EVENTS, [list(known), list(known.values())])
        for call_id, sequence, kind, leg_id, facts, body in cursor.fetchall():
            facts = json.loads(facts) if isinstance(facts, str) else facts
            call = json.loads(body)["data"].get("call", {})
            said[str(call_id)].append(CallEvent(sequence, kind, str(leg_id) if leg_id else None, facts, call))
    return said
