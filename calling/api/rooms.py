"""`/api/rooms/{name}`: who is in a room, and what its moderators may do there. State from rows.

Nothing here talks to a worker: a change is a row and a nudge, and the worker's mixer follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling import control, meetings, models, operating, operation_fields, payloads, store
from calling.api import schema
from calling.api.view import SwitchboardView
from calling.fields import Form
from calling.machine import inputs
from subscribers.http import problems
from subscribers.models import Room
from tokens.subjects import ApiKey, Subject


def find_room(project_id: UUID, name: str) -> Room:
    room = Room.objects.filter(project_id=project_id, name=name).first()
    if room is None:
        raise problems.NotFound()
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
        raise problems.Forbidden()
    if room.moderator == Room.Moderator.SUBSCRIBERS and subject.subscriber_id is None:
        raise problems.Forbidden()
    inside = members_of(room).values("leg_id")
    if not store.own_legs(subject, Q(pk__in=inside, call__project_id=room.project_id)):
        raise problems.Forbidden()
    return room


def members_of(room: Room) -> QuerySet[models.Member]:
    """Who is in the room now, in the order they came."""
    return models.Member.objects.filter(meeting__room=room, left_at=None).order_by("id")


def room_json(room: Room) -> dict[str, Any]:
    rows = list(members_of(room))
    legs = models.Leg.objects.defer("offer", "answer", "stats").in_bulk([row.leg_id for row in rows])
    members = [meetings.member_json(row, legs[row.leg_id]) for row in rows if row.leg_id in legs]
    live = models.Meeting.objects.filter(room=room, ended_at=None).exists()
    return {
        "name": room.name,
        "state": "active" if live else "idle",
        "locked": room.locked,
        "members": members,
    }


def set_locked(room: Room, locked: bool) -> None:
    room.locked = locked
    room.save(update_fields=["locked", "updated_at"])


def end(room: Room) -> None:
    """Everybody leaves, and the meeting is over whatever the room's `empty_timeout`."""
    for row in list(members_of(room)):
        control.apply(row.call_id, inputs.Hangup())
    meetings.end_empty(room.pk, at_once=True)


def operate_on(room: Room, verb: str, data: Any) -> models.Operation:
    """A play or record for everybody in the room; kept with a member's call, and then with another's."""
    control_id, params = operation_fields.read(verb, data)
    for row in members_of(room):
        own = models.Leg.objects.filter(call_id=row.call_id, app="room", app_ref=str(room.pk))
        leg_id = own.filter(state="answered").values_list("id", flat=True).first()
        if leg_id is not None:
            return operating.operate(row.call_id, str(leg_id), verb, control_id, params)
    raise problems.Conflict("not_allowed", "Nobody is in the room (state: idle).")


class RoomView(SwitchboardView):
    @extend_schema(
        operation_id="rooms_get",
        summary="A room and who is in it",
        responses={200: schema.Room, **schema.ERRORS},
        tags=["rooms"],
    )
    def get(self, request: Request, name: str) -> Response:
        return Response(room_json(moderated(self.subject(request), name)))


class RoomVerbView(SwitchboardView):
    @extend_schema(
        operation_id="rooms_verb",
        summary="lock, unlock, end, play or record a room",
        request=schema.OperationBody,
        responses={200: schema.Room, **schema.ERRORS},
        tags=["rooms"],
    )
    def post(self, request: Request, name: str, verb: str) -> Response:
        if verb in ("play", "record"):
            room = find_room(self.key(request).project_id, name)
            return Response(payloads.operation_payload(operate_on(room, verb, request.data)))
        room = moderated(self.subject(request), name)
        actions: dict[str, Callable[[], None]] = {
            "lock": lambda: set_locked(room, True),
            "unlock": lambda: set_locked(room, False),
            "end": lambda: end(room),
        }
        if verb not in actions:
            raise problems.NotFound()
        actions[verb]()
        return Response(room_json(room))


class MemberVerbView(SwitchboardView):
    @extend_schema(
        operation_id="rooms_member_verb",
        summary="mute, unmute, deafen, undeafen, remove a member, or change its volume",
        request=schema.Wish,
        responses={200: schema.Room, **schema.ERRORS},
        tags=["rooms"],
    )
    def post(self, request: Request, name: str, leg_id: str, verb: str) -> Response:
        room = moderated(self.subject(request), name)
        call_id = self.call_of(room, leg_id)
        match verb:
            case "mute":
                control.apply(call_id, inputs.Mute(leg_id, frozenset({"audio"})))
            case "unmute":
                control.apply(call_id, inputs.Unmute(leg_id, frozenset({"audio"})))
            case "remove":
                control.apply(call_id, inputs.Hangup(leg_id))
            case "deafen":
                form = Form(request.data)
                deaf = form.flag("deaf")
                form.check()
                meetings.tune(leg_id, deaf=deaf is not False)
            case "undeafen":
                meetings.tune(leg_id, deaf=False)
            case "volume":
                params = operation_fields.read_wish("play", "volume", request.data)
                meetings.tune(leg_id, volume=float(params["volume"]))
            case _:
                raise problems.NotFound()
        return Response(room_json(room))

    @staticmethod
    def call_of(room: Room, leg_id: str) -> str:
        """The call through which that member is in the room; 404 for anybody else's leg."""
        found = members_of(room).filter(leg_id=store.uuid_or_404(leg_id)).first()
        if found is None:
            raise problems.NotFound()
        return str(found.call_id)
