"""What moderators do in rooms, whichever edge they speak through: rules and the one JSON shape.

Nothing here talks to a worker: a change is a row and a nudge, and the worker's mixer follows.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from calling import models
from calling.calls import control, room_sessions
from calling.commands import leg_selection, operation_params, operations
from calling.commands.params import as_form
from calling.machine import inputs
from rest import errors
from rest.json_bodies import Json
from subscribers.models import Room
from tokens.subjects import ApiKey, Subject

ROOM_VERBS: Final = ("lock", "unlock", "end")
MEMBER_VERBS: Final = ("mute", "unmute", "deafen", "undeafen", "volume", "remove")


def find_room(project_id: UUID, name: str) -> Room:
    room = Room.objects.filter(project_id=project_id, name=name).first()
    if room is None:
        raise errors.NotFound
    return room


def moderated(subject: Subject, name: str) -> Room:
    """The room, for who may moderate it: the API key, and whom the room's `moderator` names.

    `subscribers` means those of them who are in the room, `everyone` whoever is. Others get a 403 that
    does not tell whether there is such a room.
    """
    if isinstance(subject, ApiKey):
        return find_room(subject.project_id, name)
    room = Room.objects.filter(project_id=subject.project_id, name=name).first()
    if room is None or room.moderator == Room.Moderator.PROJECT:
        raise errors.Forbidden
    if room.moderator == Room.Moderator.SUBSCRIBERS and subject.subscriber_id is None:
        raise errors.Forbidden
    inside = members_of(room).values("leg_id")
    if not leg_selection.own_legs(subject, Q(pk__in=inside, call__project_id=room.project_id)):
        raise errors.Forbidden
    return room


def members_of(room: Room) -> QuerySet[models.Member]:
    """The members of the room, in the order in which they joined."""
    return models.Member.objects.filter(meeting__room=room, left_at=None).order_by("id")


def room_json(room: Room) -> dict[str, Any]:
    rows = list(members_of(room))
    legs = models.Leg.objects.defer("offer", "answer", "stats").in_bulk([row.leg_id for row in rows])
    members = [room_sessions.member_json(row, legs[row.leg_id]) for row in rows if row.leg_id in legs]
    live = models.Meeting.objects.filter(room=room, ended_at=None).exists()
    return {
        "name": room.name,
        "state": "active" if live else "idle",
        "locked": room.locked,
        "members": members,
    }


def rule(room: Room, verb: str) -> None:
    """`lock`, `unlock` or `end`; 404 for another verb."""
    match verb:
        case "lock" | "unlock":
            room.locked = verb == "lock"
            room.save(update_fields=["locked", "updated_at"])
            room_sessions.wake_devices(members_of(room))
        case "end":
            for row in list(members_of(room)):
                control.apply(row.call_id, inputs.Hangup())
            room_sessions.end_empty(room.pk, at_once=True)  # over whatever the room's `empty_timeout`
        case _:
            raise errors.NotFound


def rule_member(room: Room, leg_id: str, verb: str, data: Json) -> None:
    """One of MEMBER_VERBS on somebody in the room; 404 for anybody else's leg."""
    if verb not in MEMBER_VERBS:
        raise errors.NotFound
    form = as_form(data)
    deaf = form.boolean("deaf") if verb == "deafen" else None
    channels = form.channels() if verb in ("mute", "unmute") else frozenset()
    params = operation_params.read_wish("play", verb, form)
    found = members_of(room).filter(leg_id=leg_selection.uuid_or_404(leg_id)).first()
    if found is None:
        raise errors.NotFound
    match verb:
        case "mute":
            control.apply(found.call_id, inputs.Mute(leg_id, channels))
        case "unmute":
            control.apply(found.call_id, inputs.Unmute(leg_id, channels))
        case "remove":
            control.apply(found.call_id, inputs.Hangup(leg_id))
        case "deafen":
            room_sessions.set_member(leg_id, deaf=deaf is not False)
        case "undeafen":
            room_sessions.set_member(leg_id, deaf=False)
        case "volume":
            room_sessions.set_member(leg_id, volume=float(params["volume"]))


def operate_on(room: Room, verb: str, data: Json) -> models.Operation:
    """A play or record for everybody in the room; kept with a member's call, and then with another's."""
    control_id, params = operation_params.read(verb, data)
    for row in members_of(room):
        own = models.Leg.objects.filter(call_id=row.call_id, app="room", app_ref=str(room.pk))
        leg_id = own.filter(state="answered").values_list("id", flat=True).first()
        if leg_id is not None:
            return operations.operate(row.call_id, str(leg_id), verb, control_id, params)
    raise errors.Conflict("not_allowed", "Nobody is in the room (state: idle).")
