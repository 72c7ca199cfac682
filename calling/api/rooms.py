"""`/api/rooms/{name}`: who is in a room, and what its owner may do there. API keys only; state from rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling import control, models, operating, operation_fields, payloads, store
from calling.api import schema
from calling.api.view import SwitchboardView
from calling.fields import Form
from calling.machine import inputs
from calling.machine.states import Call, Leg
from subscribers.http import problems
from subscribers.models import Room
from tokens.subjects import ApiKey


def find_room(key: ApiKey, name: str) -> Room:
    room = Room.objects.filter(project_id=key.project_id, name=name).first()
    if room is None:
        raise problems.NotFound()
    return room


def calls_in(room: Room) -> list[tuple[Call, Leg, models.Call]]:
    """The live calls whose answered application leg is that room, with that leg."""
    inside = models.Leg.objects.filter(app="room", app_ref=str(room.id), state="answered").values("call_id")
    rows = list(models.Call.objects.filter(pk__in=inside, project_id=room.project_id).exclude(state="ended"))
    found = []
    for call, row in zip(store.values(rows), rows, strict=True):
        leg = next(
            leg for leg in call.legs if leg.app == "room" and leg.app_ref == str(room.id) and leg.answered
        )
        found.append((call, leg, row))
    return found


def member_json(call: Call, leg: Leg, row: models.Call) -> dict[str, Any]:
    return {
        "leg_id": leg.id,
        "call_id": call.id,
        "address": leg.address,
        "muted": "audio" in leg.muted,
        "talking": False,
        "joined_at": payloads.rfc3339(row.answered_at),
    }


def room_json(room: Room) -> dict[str, Any]:
    members = [
        member_json(call, member, row)
        for call, leg, row in calls_in(room)
        if (member := call.counterpart(leg.id)) is not None
    ]
    members.sort(key=lambda member: (member["joined_at"] or "", member["leg_id"]))
    state = "active" if members else "idle"
    return {"name": room.name, "state": state, "locked": room.locked, "members": members}


def set_locked(room: Room, locked: bool) -> None:
    room.locked = locked
    room.save(update_fields=["locked", "updated_at"])


def end(room: Room) -> None:
    for call, _, _ in calls_in(room):
        control.apply(call.id, inputs.Hangup())


def operate_on(room: Room, verb: str, data: Any) -> models.Operation:
    """A play or record for everybody in the room, kept with the call that has been there longest."""
    control_id, params = operation_fields.read(verb, data)
    inside = calls_in(room)
    if not inside:
        raise problems.Conflict("not_allowed", "Nobody is in the room (state: idle).")
    call, leg, _ = min(inside, key=lambda each: each[0].id)
    return operating.operate(call.id, leg.id, verb, control_id, params)


class RoomView(SwitchboardView):
    @extend_schema(
        operation_id="rooms_get",
        summary="A room and who is in it",
        responses={200: schema.Room, **schema.ERRORS},
        tags=["rooms"],
    )
    def get(self, request: Request, name: str) -> Response:
        return Response(room_json(find_room(self.key(request), name)))


class RoomVerbView(SwitchboardView):
    @extend_schema(
        operation_id="rooms_verb",
        summary="lock, unlock, end, play or record a room",
        request=schema.OperationBody,
        responses={200: schema.Room, **schema.ERRORS},
        tags=["rooms"],
    )
    def post(self, request: Request, name: str, verb: str) -> Response:
        room = find_room(self.key(request), name)
        if verb in ("play", "record"):
            return Response(payloads.operation_payload(operate_on(room, verb, request.data)))
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
        summary="mute, unmute, deafen, remove a member, or change its volume",
        request=schema.Wish,
        responses={200: schema.Room, **schema.ERRORS},
        tags=["rooms"],
    )
    def post(self, request: Request, name: str, leg_id: str, verb: str) -> Response:
        room = find_room(self.key(request), name)
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
                operating.operate(call_id, leg_id, "deafen", None, {"deaf": True if deaf is None else deaf})
            case "volume":
                params = operation_fields.read_wish("play", "volume", request.data)
                operating.operate(call_id, leg_id, "volume", None, params)
            case _:
                raise problems.NotFound()
        return Response(room_json(room))

    @staticmethod
    def call_of(room: Room, leg_id: str) -> str:
        """The call through which that member is in the room; 404 for anybody else's leg."""
        for call, leg, _ in calls_in(room):
            member = call.counterpart(leg.id)
            if member is not None and member.id == leg_id:
                return call.id
        raise problems.NotFound()
