"""What device edges read: the calls of their devices, and what has happened in them since they last told.

One read serves every device of a process. Reads only, in one snapshot of the database, so that events and
states never contradict each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from calling import models
from calling.calls import event_days, mapping, queries, room_sessions
from calling.machine.states import Call
from calling.sockets import participants
from calling.sockets.participants import Participant, Participants
from subscribers.postgresql import prepared


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
    project_id: UUID
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


PARTS = mapping.legs_where("""l.state = 'answered' AND l.part_of IN (
            SELECT h.id FROM calling_leg h
            WHERE h.call_id = c.id AND h.state <> 'ended' AND h.device_id IS NOT NULL)""")
NEWS = f"""
WITH known AS (
    SELECT call_id, sequence FROM unnest(%(calls)s::uuid[], %(sequences)s::int[]) AS known(call_id, sequence)
), found AS (
    SELECT device_id, id AS leg_id, call_id, true AS carried FROM calling_leg
    WHERE device_id = ANY(%(devices)s::uuid[]) AND state <> 'ended'
    UNION ALL
    SELECT a.device_id, a.leg_id, l.call_id, false
    FROM calling_attempt a JOIN calling_leg l ON l.id = a.leg_id
    WHERE a.device_id = ANY(%(devices)s::uuid[]) AND a.state IN ('preparing', 'ringing')
    AND l.state <> 'ended'
)
SELECT {mapping.CALL_COLUMNS}, {mapping.LEGS},
    (SELECT json_agg(json_build_array(f.device_id, f.leg_id, f.carried))::text
     FROM found f WHERE f.call_id = c.id),
    (SELECT json_agg(json_build_array(e.sequence, e.type, e.leg_id, e.data, e.body) ORDER BY e.sequence)::text
     FROM calling_event e JOIN known k ON k.call_id = e.call_id
     WHERE e.call_id = c.id AND e.sequence > k.sequence AND e.id >= %(lowest)s::bigint),
    {PARTS},
    (SELECT json_agg(json_build_array(o.id, o.verb) ORDER BY o.created_at, o.id)::text
     FROM calling_operation o
     WHERE o.call_id = c.id AND o.verb IN ('record', 'stream') AND o.state IN ('wanted', 'running')),
    (SELECT json_agg(json_build_array('/' || d.context || '/' || d.name, d.id))::text
     FROM subscribers_address d WHERE d.project_id = c.project_id AND d.name IN (
        SELECT substring(l.address from '[^/]*$') FROM calling_leg l
        WHERE l.call_id = c.id AND l.state <> 'ended'))
FROM calling_call c WHERE c.id IN (SELECT call_id FROM found UNION SELECT call_id FROM known)
"""
"""All of it in one statement, and so of one moment: a row for each call."""


def read(
    device_ids: Iterable[str], known: Mapping[str, int]
) -> tuple[list[DeviceLeg], dict[str, CallUpdate]]:
    """The live legs of some devices, and the news of their calls and of the `known` ones.

    `known`: call id → the lowest sequence that one of its devices was told; a call that is not in it comes
    without events.
    """
    devices = list(device_ids)
    found, updates = look(devices, known)
    if not any(leg.app == "room" for each in updates.values() for leg in each.call.legs):
        return found, updates
    with queries.repeatable_read():  # who else is in a room takes more statements
        found, updates = look(devices, known)
        return found, add_rooms(updates)


def look(devices: list[str], known: Mapping[str, int]) -> tuple[list[DeviceLeg], dict[str, CallUpdate]]:
    """The same without the company of rooms."""
    words: dict[str, Any] = {
        "devices": devices,
        "calls": list(known),
        "sequences": list(known.values()),
        "lowest": min(map(event_days.of_call, known), default=event_days.newest_two()),
    }
    legs: list[DeviceLeg] = []
    updates: dict[str, CallUpdate] = {}
    for *columns, whole, lines, said, parts, media, addresses in prepared.rows(NEWS, words):
        row = mapping.call_row(columns)
        call = mapping.whole_call(row, whole)
        legs += [DeviceLeg(device, leg, call.id, carried) for device, leg, carried in listed(lines)]
        live = listed(media)
        present = {leg.address for leg in call.live_legs}
        ids = dict(listed(addresses))
        updates[call.id] = CallUpdate(
            call,
            row.sequence,
            row.from_address,
            row.from_name,
            row.to_address,
            row.project_id,
            tuple(event_of(each) for each in listed(said)),
            variables=variables_of(row),
            parts=tuple(
                participants.person_of(str(leg.call_id), mapping.leg_value(leg, []))
                for leg, _ in mapping.legs_of_json(parts)
            ),
            recordings=tuple(row_id for row_id, verb in live if verb == "record"),
            streams=tuple(row_id for row_id, verb in live if verb == "stream"),
            address_ids={each: ids.get(each, "") for each in present},
        )
    return legs, updates


def listed(text: str | None) -> list[Any]:
    return json.loads(text) if text else []


def event_of(each: list[Any]) -> CallEvent:
    sequence, kind, leg_id, facts, body = each
    return CallEvent(sequence, kind, leg_id, facts, json.loads(body)["data"].get("call", {}))


def add_rooms(updates: Mapping[str, CallUpdate]) -> dict[str, CallUpdate]:
    """Those with the company of the rooms that their calls are in."""
    calls = [each.call for each in updates.values()]
    pictured = read_pictures(calls)
    rooms = participants.rooms_of(calls)
    wanted = {call_id: people_in(each, rooms.get(call_id)) for call_id, each in updates.items()}
    ids = participants.address_ids(
        (each.project_id, text)
        for call_id, each in updates.items()
        if call_id in rooms
        for text in wanted[call_id]
    )
    found = {}
    for call_id, each in updates.items():
        if call_id not in rooms:
            found[call_id] = replace(each, pictured=pictured.get(call_id, frozenset()))
            continue
        found[call_id] = replace(
            each,
            pictured=pictured.get(call_id, frozenset()),
            room=rooms[call_id],
            parts=(),
            recordings=(),
            streams=(),
            address_ids={text: ids.get((each.project_id, text), "") for text in wanted[call_id]},
        )
    return found


def people_in(update: CallUpdate, room: Participants | None) -> set[str]:
    """The addresses of everybody who is in a call, or in the room that it is in."""
    people = {each.address for each in room.people} if room is not None else set()
    return people | {leg.address for leg in update.call.live_legs}


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
