"""What device edges read: the calls of their devices, and what has happened in them since they last told.

One read serves every device of a process. Reads only, in one snapshot of the database, so that events and
states never contradict each other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from calling import meetings, models, store
from calling.machine.states import Call
from calling.signalling import gatherings
from calling.signalling.company import Company

RUNG = ("preparing", "ringing")


@dataclass(frozen=True)
class Said:
    """One event: the machine's facts beside it, and the call as everybody saw it at that moment."""

    sequence: int
    type: str
    leg_id: str | None
    facts: Mapping[str, Any]
    call: Mapping[str, Any]

    def leg(self, leg_id: str) -> Mapping[str, Any] | None:
        return next((leg for leg in self.call.get("legs", ()) if leg["id"] == leg_id), None)


@dataclass(frozen=True)
class News:
    """A call as it stands, and its events after the sequence that was asked for."""

    call: Call
    sequence: int
    from_address: str
    from_name: str
    to_address: str
    said: tuple[Said, ...] = ()
    pictured: frozenset[str] = frozenset()  # legs in the same room that may send a picture
    room: Company | None = None  # who else is in the room it is in

    def after(self, sequence: int) -> tuple[Said, ...]:
        return tuple(each for each in self.said if each.sequence > sequence)


@dataclass(frozen=True)
class Found:
    """A live leg that a device carries or is being rung for."""

    device_id: str
    leg_id: str
    call_id: str
    carried: bool


def read(device_ids: Iterable[str], known: Mapping[str, int]) -> tuple[list[Found], dict[str, News]]:
    """The live legs of some devices, and the news of their calls and of the `known` ones.

    `known`: call id → the lowest sequence that one of its devices was told; a call that is not in it comes
    without events.
    """
    with store.one_moment():
        found = find_legs(list(device_ids))
        wanted = {each.call_id for each in found} | set(known)
        rows = list(models.Call.objects.filter(pk__in=wanted))
        said = read_events(known)
        calls = store.values(rows)
        pictured = read_pictures(calls)
        rooms = gatherings.rooms_of(calls)
    return found, {
        call.id: News(
            call,
            row.sequence,
            row.from_address,
            row.from_name,
            row.to_address,
            tuple(said[call.id]),
            pictured.get(call.id, frozenset()),
            rooms.get(call.id),
        )
        for call, row in zip(calls, rows, strict=True)
    }


def read_pictures(calls: Iterable[Call]) -> dict[str, frozenset[str]]:
    """call id → the legs with a picture in the room that the call is in."""
    seats = meetings.seats({call.id: call for call in calls}).values()
    room_of = {seat.call_id: seat.room_id for seat in seats}
    if not room_of:
        return {}
    found = meetings.pictured(set(room_of.values()))
    return {call_id: found.get(room_id, frozenset()) for call_id, room_id in room_of.items()}


def find_legs(device_ids: list[str]) -> list[Found]:
    if not device_ids:
        return []
    carried = (
        models.Leg.objects.filter(device_id__in=device_ids)
        .exclude(state="ended")
        .values_list("device_id", "id", "call_id")
    )
    rung = (
        models.Attempt.objects.filter(device_id__in=device_ids, state__in=RUNG)
        .exclude(leg__state="ended")
        .values_list("device_id", "leg_id", "leg__call_id")
    )
    found = [Found(str(device), str(leg), str(call), True) for device, leg, call in carried]
    return found + [Found(str(device), str(leg), str(call), False) for device, leg, call in rung]


EVENTS = """
SELECT e.call_id, e.sequence, e.type, e.leg_id, e.data, e.body
FROM calling_event e JOIN unnest(%s::uuid[], %s::int[]) AS k(call_id, sequence)
  ON e.call_id = k.call_id AND e.sequence > k.sequence
ORDER BY e.call_id, e.sequence
"""


def read_events(known: Mapping[str, int]) -> dict[str, list[Said]]:
    said: dict[str, list[Said]] = defaultdict(list)
    if not known:
        return said
    with connection.cursor() as cursor:
        cursor.execute(EVENTS, [list(known), list(known.values())])
        for call_id, sequence, kind, leg_id, facts, body in cursor.fetchall():
            facts = json.loads(facts) if isinstance(facts, str) else facts
            call = json.loads(body)["data"].get("call", {})
            said[str(call_id)].append(Said(sequence, kind, str(leg_id) if leg_id else None, facts, call))
    return said
