"""`client.video.rooms` and `client.video.conferences`: two shapes of SignalWire's, onto the same rooms.

A conference of SignalWire's is a room with a web page of its own; here it is the room alone, so what belongs
to the page (colours, chat) is refused. A room is found by its id, or by its name as SignalWire's API allows.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from calling import models
from calling.signalwire.rest_api import shapes
from calling.signalwire.rest_api.sessions import session_payload
from calling.signalwire.rest_api.unsupported import refuse_given
from rest import errors, pagination
from rest.json_bodies import rfc3339
from rest.openapi import listed
from rest.permissions import ManagesProject, principal_of
from rest.views import RestView
from subscribers import addressing, provisioning
from subscribers.api.rooms import FIXED, RoomFields, RoomShape, refuse_without_effect
from subscribers.api.shapes import clean
from subscribers.models import Room as RoomRow

SHAPE = RoomShape()
# What SignalWire tells of its rooms and is the same for every room here, besides what the directory says.
ALSO_FIXED: dict[str, Any] = {**FIXED, "prioritize_handraise": False, "enable_chat": False}
SIZES = {"small": 20, "medium": 100, "large": 300}
ROOM_ONLY = ("fps", "max_members", "sync_audio_video", "prioritize_handraise", "remove_at",
             "remove_after_seconds_elapsed")  # fmt: skip


class SignalWireRoomFields(RoomFields):
    size = serializers.ChoiceField(tuple(SIZES), required=False)


def room_payload(row: RoomRow) -> dict[str, Any]:
    """`active_session` is there while somebody is in the room."""
    found = {
        "id": str(row.pk),
        "name": row.name,
        "display_name": row.display_name or None,
        "description": row.description or None,
        "max_members": row.max_members,
        "fps": 20,
        "join_from": rfc3339(row.join_from),
        "join_until": rfc3339(row.join_until),
        "record_on_start": row.record_on_start,
        "tone_on_entry_and_exit": row.entry_tone,
        "room_join_video_off": not row.video,
        "meta": row.meta,
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
        **ALSO_FIXED,
    }
    meeting = models.Meeting.objects.filter(room=row, ended_at=None).select_related("room").first()
    if meeting is not None:
        found["active_session"] = session_payload(meeting)
    return found


def conference_payload(row: RoomRow) -> dict[str, Any]:
    shown = {name: value for name, value in room_payload(row).items() if name not in ROOM_ONLY}
    size = next((size for size, most in SIZES.items() if row.max_members <= most), "large")
    return {**shown, "size": size, **dict.fromkeys(shapes.COLOURS)}


def read_room(body: Any, *, partial: bool) -> dict[str, Any]:
    """The checked fields of a room. 422 `not_supported` for a value that would have no effect.

    A conference may come without a name: it is made of the display name then.
    """
    if isinstance(body, dict) and not partial and not body.get("name"):
        body = {**body, "name": addressing.slug(str(body.get("display_name") or ""))[:64]}
    data = clean(SignalWireRoomFields, body, partial=partial)
    refuse_given(body, shapes.COLOURS)
    refuse_without_effect(body, ALSO_FIXED)
    if "size" in data:
        data.setdefault("max_members", SIZES[data.pop("size")])
    return data


class RoomCollection(RestView):
    permission_classes = (ManagesProject,)
    render = staticmethod(room_payload)

    def get(self, request: Request) -> Response:
        return pagination.page(request, SHAPE.rows(principal_of(request).project_id), self.render)

    def post(self, request: Request) -> Response:
        data = read_room(request.data, partial=False)
        row = SHAPE.create(principal_of(request).project_id, data)
        return Response(self.render(row), status=201, headers={"Location": f"{request.path}/{row.pk}"})


class RoomItem(RestView):
    permission_classes = (ManagesProject,)
    render = staticmethod(room_payload)

    @staticmethod
    def row(request: Request, key: str) -> RoomRow:
        """The room with this id, or this name; 404 also where another project has it."""
        rows = SHAPE.rows(principal_of(request).project_id)
        try:
            rows = rows.filter(pk=UUID(key))
        except ValueError:
            rows = rows.filter(name=key[:64].replace("\x00", ""))
        row: RoomRow | None = rows.first()
        if row is None:
            raise errors.NotFound
        return row

    def get(self, request: Request, key: str) -> Response:
        return Response(self.render(self.row(request, key)))

    def put(self, request: Request, key: str) -> Response:
        row = self.row(request, key)
        return Response(self.render(SHAPE.change(row, read_room(request.data, partial=True))))

    def delete(self, request: Request, key: str) -> Response:
        provisioning.remove(self.row(request, key))
        return Response(status=204)


def _collection(view: type[RestView], word: str, one: serializers.Serializer[Any]) -> type[RestView]:
    many = listed(f"SignalWire{word.title()}s", one)
    return extend_schema_view(
        get=extend_schema(
            operation_id=f"video_{word}s_list",
            summary=f"SignalWire: the project's {word}s",
            responses={200: many},
            tags=["SignalWire"],
        ),
        post=extend_schema(
            operation_id=f"video_{word}s_create",
            summary=f"SignalWire: make a {word}",
            request=SignalWireRoomFields,
            responses={201: one},
            tags=["SignalWire"],
        ),
    )(view)


def _item(view: type[RestView], word: str, one: serializers.Serializer[Any]) -> type[RestView]:
    told: dict[str, Any] = {"responses": {200: one}, "tags": ["SignalWire"]}
    return extend_schema_view(
        get=extend_schema(operation_id=f"video_{word}s_get", summary=f"SignalWire: one {word}", **told),
        put=extend_schema(
            operation_id=f"video_{word}s_update",
            summary=f"SignalWire: change a {word}",
            request=SignalWireRoomFields(partial=True),
            **told,
        ),
        delete=extend_schema(
            operation_id=f"video_{word}s_delete",
            summary=f"SignalWire: delete a {word}",
            request=None,
            responses={204: None},
            tags=["SignalWire"],
        ),
    )(view)


Rooms = _collection(RoomCollection, "room", shapes.Room)
Room = _item(RoomItem, "room", shapes.Room)
Conferences = _collection(
    type("ConferenceCollection", (RoomCollection,), {"render": staticmethod(conference_payload)}),
    "conference",
    shapes.Conference,
)
Conference = _item(
    type("ConferenceItem", (RoomItem,), {"render": staticmethod(conference_payload)}),
    "conference",
    shapes.Conference,
)
