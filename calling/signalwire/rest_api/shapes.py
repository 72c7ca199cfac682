"""What the OpenAPI document says of SignalWire's shapes of numbers, recordings, logs and rooms."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers as s

from calling.api.schema import text
from rest.openapi import shape

# What a number of SignalWire's has besides; always null here, and refused where it is given.
ABSENT = (
    "e911_address_id", "call_request_url", "call_request_method", "call_fallback_url",
    "call_fallback_method", "call_status_callback_url", "call_status_callback_method",
    "call_laml_application_id", "call_dialogflow_agent_id", "call_relay_topic",
    "call_relay_topic_status_callback_url", "call_relay_context", "call_relay_context_status_callback_url",
    "call_relay_application", "call_relay_connector_id", "call_verto_resource", "message_handler",
    "messaging_handler_resource_id", "message_request_url", "message_request_method",
    "message_fallback_url", "message_fallback_method", "message_laml_application_id", "message_relay_topic",
    "message_relay_context",
)  # fmt: skip
COLOURS = tuple(
    f"{shade}_{part}"
    for shade in ("dark", "light")
    for part in ("primary", "background", "foreground", "success", "negative")
)


def nullable(**options: Any) -> s.CharField:
    return text(allow_null=True, **options)


PhoneNumber = shape(
    "RelayPhoneNumber",
    id=s.UUIDField(),
    number=text(),
    name=nullable(),
    capabilities=s.ListField(child=text()),
    number_type=s.ChoiceField(["toll-free", "longcode"]),
    country_code=nullable(),
    call_receive_mode=text(),
    call_handler=nullable(help_text="relay_script, video_room or fabric_subscriber; null: nobody answers"),
    calling_handler_resource_id=s.UUIDField(allow_null=True),
    call_relay_script_url=nullable(),
    call_video_room_id=s.UUIDField(allow_null=True),
    call_sip_endpoint_id=s.UUIDField(allow_null=True),
    next_billed_at=nullable(),
    **{name: nullable() for name in ABSENT},
    created_at=s.DateTimeField(),
    updated_at=s.DateTimeField(),
)
NewNumber = shape("NewRelayPhoneNumber", number=text(help_text="E.164"))
Recording = shape(
    "RelayRecording",
    id=s.UUIDField(),
    project_id=s.UUIDField(),
    status=s.ChoiceField(["processing", "completed", "failed"]),
    url=nullable(help_text="signed download, valid for 5 minutes"),
    stereo=s.BooleanField(),
    track=s.ChoiceField(["both", "inbound"]),
    byte_size=s.IntegerField(),
    duration_in_seconds=s.IntegerField(),
    error_code=nullable(),
    price=s.FloatField(),
    price_unit=text(),
    relay_webrtc_leg_id=s.UUIDField(required=False),
    relay_pstn_leg_id=s.UUIDField(required=False),
    relay_sip_leg_id=s.UUIDField(required=False),
    created_at=s.DateTimeField(),
    updated_at=s.DateTimeField(),
)
VoiceLog = shape(
    "VoiceLog",
    id=s.UUIDField(),
    to=text(),
    direction=s.ChoiceField(["inbound", "outbound-api"]),
    status=text(help_text="created, ringing, in-progress, completed, canceled, busy, no-answer or failed"),
    duration=s.IntegerField(),
    duration_ms=s.IntegerField(),
    billing_ms=s.IntegerField(),
    url=nullable(),
    source=text(),
    type=text(),
    parent_id=s.UUIDField(allow_null=True),
    charge=s.FloatField(),
    charge_details=s.ListField(child=s.DictField(child=s.JSONField())),
    created_at=s.DateTimeField(),
    **{"from": text()},
)
LogEvent = shape(
    "VoiceLogEvent",
    event_at=s.DateTimeField(),
    level=s.ChoiceField(["info", "error"]),
    name=text(help_text="the event's type, such as call.answered"),
    details=s.DictField(child=s.JSONField()),
    project_id=s.UUIDField(),
    log_id=s.UUIDField(),
)
SETTINGS = (
    "record_on_start", "tone_on_entry_and_exit", "room_join_video_off", "user_join_video_off",
    "sync_audio_video", "prioritize_handraise", "enable_room_previews",
)  # fmt: skip
_SESSION: dict[str, Any] = {
    "id": s.UUIDField(),
    "room_id": s.UUIDField(),
    **{name: s.BooleanField() for name in SETTINGS},
    "quality": text(),
    "layout": text(),
    "fps": s.IntegerField(),
    "join_from": s.DateTimeField(allow_null=True),
    "join_until": s.DateTimeField(allow_null=True),
    "remove_at": nullable(),
    "remove_after_seconds_elapsed": s.IntegerField(allow_null=True),
    "preview_url": nullable(),
    "cost_in_dollars": s.FloatField(),
    "created_at": s.DateTimeField(),
    "updated_at": s.DateTimeField(),
    "name": text(),
    "display_name": nullable(),
    "max_members": s.IntegerField(),
    "locked": s.BooleanField(),
    "start_time": s.DateTimeField(),
    "end_time": s.DateTimeField(allow_null=True),
    "duration": s.IntegerField(help_text="seconds"),
    "status": s.ChoiceField(["in-progress", "completed"]),
}
RoomSession = shape("RoomSession", **_SESSION)
SessionMember = shape(
    "RoomSessionMember",
    id=s.UUIDField(),
    room_session_id=s.UUIDField(),
    name=nullable(),
    join_time=s.DateTimeField(),
    leave_time=s.DateTimeField(allow_null=True),
    duration=s.IntegerField(help_text="seconds"),
    cost_in_dollars=s.FloatField(),
)
SessionEvent = shape(
    "RoomSessionEvent",
    id=s.UUIDField(),
    project_id=s.UUIDField(),
    room_id=s.UUIDField(),
    room_session_id=s.UUIDField(),
    level=text(),
    name=text(),
    payload=s.DictField(child=s.JSONField()),
    created_at=s.DateTimeField(),
)
ConferenceLog = shape(
    "ConferenceLog",
    id=s.UUIDField(),
    created_at=s.DateTimeField(),
    source=text(),
    type=text(),
    url=text(),
    room_name=text(),
    status=text(),
    locked=s.BooleanField(),
    started_at=s.DateTimeField(),
    ended_at=s.DateTimeField(allow_null=True),
    charge=text(),
    charge_details=s.ListField(child=s.DictField(child=s.JSONField())),
)
_ROOM: dict[str, Any] = {
    "id": s.UUIDField(),
    "name": text(),
    "display_name": nullable(),
    "description": nullable(),
    "join_from": s.DateTimeField(allow_null=True),
    "join_until": s.DateTimeField(allow_null=True),
    "quality": text(),
    "layout": text(),
    "record_on_start": s.BooleanField(),
    "tone_on_entry_and_exit": s.BooleanField(),
    "room_join_video_off": s.BooleanField(),
    "user_join_video_off": s.BooleanField(),
    "enable_room_previews": s.BooleanField(),
    "meta": s.JSONField(),
    "active_session": inline_serializer("ActiveSession", dict(_SESSION), required=False),
    "created_at": s.DateTimeField(),
    "updated_at": s.DateTimeField(),
}
Room = shape(
    "VideoRoom",
    max_members=s.IntegerField(),
    fps=s.IntegerField(),
    sync_audio_video=s.BooleanField(),
    prioritize_handraise=s.BooleanField(),
    enable_chat=s.BooleanField(),
    remove_at=nullable(),
    remove_after_seconds_elapsed=s.IntegerField(allow_null=True),
    **_ROOM,
)
Conference = shape(
    "VideoConference",
    size=s.ChoiceField(["small", "medium", "large"]),
    enable_chat=s.BooleanField(),
    **_ROOM,
    **{name: nullable() for name in COLOURS},
)
