"""`/api/rooms/{name}`: the members of a room, and moderation."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling.api import operation_schema, schema
from calling.api.view import SwitchboardView
from calling.calls import payloads
from calling.commands import moderation


class RoomView(SwitchboardView):
    @extend_schema(
        operation_id="rooms_get",
        summary="Read a room and its members",
        responses={200: operation_schema.RoomState, **schema.ERRORS},
        tags=["rooms"],
    )
    def get(self, request: Request, name: str) -> Response:
        return Response(moderation.room_json(moderation.moderated(self.subject(request), name)))


class RoomVerbView(SwitchboardView):
    @extend_schema(
        operation_id="rooms_verb",
        summary="Lock, unlock or end a room, or play, speak or record in it",
        parameters=[schema.word("verb", ("lock", "unlock", "end", "play", "say", "record"), "what to do")],
        request=operation_schema.RoomVerb,
        responses={200: operation_schema.RoomAnswer, **schema.ERRORS},
        tags=["rooms"],
    )
    def post(self, request: Request, name: str, verb: str) -> Response:
        if verb in ("play", "record", "say"):
            room = moderation.find_room(self.key(request).project_id, name)
            return Response(payloads.operation_payload(moderation.operate_on(room, verb, self.form(request))))
        room = moderation.moderated(self.subject(request), name)
        self.form(request).check()
        moderation.rule(room, verb)
        return Response(moderation.room_json(room))


class MemberVerbView(SwitchboardView):
    @extend_schema(
        operation_id="rooms_member_verb",
        summary="Mute, unmute, deafen, undeafen or remove a member, or change its volume",
        parameters=[
            schema.word(
                "verb", ("mute", "unmute", "deafen", "undeafen", "remove", "volume"), "what to do with it"
            )
        ],
        request=operation_schema.MemberVerb,
        responses={200: operation_schema.RoomState, **schema.ERRORS},
        tags=["rooms"],
    )
    def post(self, request: Request, name: str, leg_id: str, verb: str) -> Response:
        room = moderation.moderated(self.subject(request), name)
        moderation.rule_member(room, leg_id, verb, self.form(request))
        return Response(moderation.room_json(room))
