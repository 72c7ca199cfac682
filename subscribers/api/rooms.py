"""Conference rooms as a resource: SignalWire's field names and ours side by side."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers

from subscribers import enrolment
from subscribers.api.fields import Flag, Json, Pattern, Text, Whole
from subscribers.api.shapes import Shape, moment
from subscribers.models import Room

_CONTEXTS = ("public", "private")
# SignalWire's fields that mean nothing here yet; kept so that a client reads back what it wrote.
_KEPT: dict[str, Any] = {
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
    description = Text(1000)
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
    remove_after_seconds_elapsed = Whole(0, 2**31)


class RoomShape(Shape):
    model = Room
    word = "video_room"
    part = "conference_room"
    collection = "conference_rooms"
    fields = RoomFields
    filters = ("name",)

    def title(self, row: Room) -> str:
        return row.display_name or row.name

    def inner(self, row: Room) -> dict[str, Any]:
        shown = {name: getattr(row, name) for name in _OWN}
        return {
            "id": str(row.pk),
            **shown,
            "display_name": row.display_name or row.name,
            "join_from": moment(row.join_from),
            "join_until": moment(row.join_until),
            **_KEPT,
            **row.kept,
            "tone_on_entry_and_exit": row.entry_tone,
            "room_join_video_off": not row.video,
        }

    def create(self, project_id: UUID, data: dict[str, Any]) -> Room:
        return enrolment.create_room(project_id, _columns(data, {}), data.get("context", "public"))

    def change(self, row: Room, data: dict[str, Any]) -> Room:
        return enrolment.change_room(row, _columns(data, row.kept))

    def remove(self, row: Room) -> None:
        enrolment.remove(row)


def _columns(data: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    found = {name: data[name] for name in _OWN if name in data}
    if "tone_on_entry_and_exit" in data:
        found.setdefault("entry_tone", data["tone_on_entry_and_exit"])
    if "room_join_video_off" in data:
        found.setdefault("video", not data["room_join_video_off"])
    found["kept"] = {**kept, **{name: data[name] for name in _KEPT if name in data}}
    return found
