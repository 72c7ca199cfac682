"""Conference rooms as a resource: SignalWire's field names and ours side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework import serializers

from rest import errors
from rest.json_bodies import rfc3339
from subscribers import provisioning
from subscribers.api.fields import Flag, Json, Lines, Pattern, Text, Whole
from subscribers.api.shapes import Resource
from subscribers.models import Room

_CONTEXTS = ("public", "private")
# SignalWire's fields whose value is the same for every room here; any other value would have no effect.
FIXED: dict[str, Any] = {
    "quality": "1080p",
    "layout": "grid-responsive",
    "remove_at": None,
    "remove_after_seconds_elapsed": None,
    "enable_room_previews": False,
    "sync_audio_video": True,
    "user_join_video_off": False,
}
_OWN = (
    "name",
    "display_name",
    "description",
    "max_members",
    "video",
    "locked",
    "join_muted",
    "entry_tone",
    "record_on_start",
    "empty_timeout",
    "moderator",
    "join_from",
    "join_until",
    "meta",
)


class RoomFields(serializers.Serializer[Any]):
    name = Pattern(
        r"[A-Za-z0-9][A-Za-z0-9_-]*", "A name has letters, digits, '-' and '_'.", max_length=64, required=True
    )
    display_name = Text(200)
    description = Lines(1000)
    max_members = Whole(1, 1000)
    video = Flag()
    locked = Flag()
    join_muted = Flag()
    entry_tone = Flag()
    record_on_start = Flag()
    empty_timeout = Whole(0, 86400)
    moderator = serializers.ChoiceField(Room.Moderator.choices, required=False)
    join_from = serializers.DateTimeField(required=False, allow_null=True)
    join_until = serializers.DateTimeField(required=False, allow_null=True)
    meta = Json()
    context = serializers.ChoiceField(_CONTEXTS, required=False)  # type: ignore[assignment]
    tone_on_entry_and_exit = Flag()
    room_join_video_off = Flag()
    user_join_video_off = Flag()
    enable_room_previews = Flag()
    sync_audio_video = Flag()
    quality = serializers.ChoiceField(["1080p", "720p"], required=False)
    layout = Text(40)
    remove_at = Text(40)
    remove_after_seconds_elapsed = Whole(0, 2**31, allow_null=True)


class RoomShape(Resource[Room]):
    model = Room
    type_name = "video_room"
    body_key = "conference_room"
    collection = "conference_rooms"
    fields = RoomFields
    filters = ("name",)

    def title(self, row: Room) -> str:
        return row.display_name or row.name

    def body(self, row: Room) -> dict[str, Any]:
        shown = {name: getattr(row, name) for name in _OWN}
        return {
            "id": str(row.pk),
            **shown,
            "display_name": row.display_name or row.name,
            "join_from": rfc3339(row.join_from),
            "join_until": rfc3339(row.join_until),
            **FIXED,
            "tone_on_entry_and_exit": row.entry_tone,
            "room_join_video_off": not row.video,
        }

    def create(self, project_id: UUID, data: dict[str, Any]) -> Room:
        return provisioning.create_room(project_id, _columns(data), data.get("context", "public"))

    def change(self, row: Room, data: dict[str, Any]) -> Room:
        return provisioning.change_room(row, _columns(data))

    def remove(self, row: Room) -> None:
        provisioning.remove(row)


def refuse_without_effect(body: Mapping[str, Any], fixed: Mapping[str, Any] = FIXED) -> None:
    """422 `not_supported` that names the first field asked to be other than it is for every room."""
    for name, value in fixed.items():
        if body.get(name) not in (None, "", value):
            words = f"{name} is {json.dumps(value)} for every room here."
            raise errors.Unprocessable("not_supported", words, name)


def _columns(data: dict[str, Any]) -> dict[str, Any]:
    refuse_without_effect(data)
    found = {name: data[name] for name in _OWN if name in data}
    if "tone_on_entry_and_exit" in data:
        found.setdefault("entry_tone", data["tone_on_entry_and_exit"])
    if "room_join_video_off" in data:
        found.setdefault("video", not data["room_join_video_off"])
    return found
