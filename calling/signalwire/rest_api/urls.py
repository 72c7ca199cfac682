"""The paths of SignalWire's REST API beside `calling` and the directory: those that work, those refused."""

from __future__ import annotations

import re

from django.urls import URLPattern, path, re_path
from rest_framework.permissions import BasePermission

from calling.signalwire.rest_api import (
    conversations,
    phone_numbers,
    recordings,
    rooms,
    sessions,
    voice_logs,
)
from calling.signalwire.rest_api.known_paths import NOT_SUPPORTED
from calling.signalwire.rest_api.unsupported import UnsupportedView
from rest.permissions import BearsToken, ManagesProject


def _refused(template: str, about: str, by: type[BasePermission] = ManagesProject) -> URLPattern:
    pattern = "[^/]+".join(re.escape(part) for part in template.split("{id}"))
    return re_path(f"^{pattern}$", UnsupportedView.as_view(about=about, permission_classes=(by,)))


# What the browser SDK asks for with a token: push devices of version 3, tokens bound to keys of version 4.
_OF_THE_SDK = (
    "subscriber/devices",
    "subscriber/devices/{id}",
    "api/fabric/subscriber/devices/token",
    "api/fabric/subscriber/devices/refresh",
)
_RELAY = "api/relay/rest"

urlpatterns: list[URLPattern] = [
    path(f"{_RELAY}/phone_numbers", phone_numbers.PhoneNumbers.as_view()),
    path(f"{_RELAY}/phone_numbers/<uuid:id>", phone_numbers.PhoneNumberItem.as_view()),
    path(f"{_RELAY}/recordings", recordings.Recordings.as_view()),
    path(f"{_RELAY}/recordings/<uuid:id>", recordings.RecordingItem.as_view()),
    path("api/voice/logs", voice_logs.VoiceLogs.as_view()),
    path("api/voice/logs/<uuid:id>", voice_logs.VoiceLog.as_view()),
    path("api/voice/logs/<uuid:id>/events", voice_logs.VoiceLogEvents.as_view()),
    path("api/logs/conferences", sessions.ConferenceLogs.as_view()),
    path("api/video/rooms", rooms.Rooms.as_view()),
    path("api/video/rooms/<str:key>", rooms.Room.as_view()),
    path("api/video/conferences", rooms.Conferences.as_view()),
    path("api/video/conferences/<str:key>", rooms.Conference.as_view()),
    path("api/video/room_sessions", sessions.RoomSessions.as_view()),
    path("api/video/room_sessions/<uuid:id>", sessions.RoomSession.as_view()),
    path("api/video/room_sessions/<uuid:id>/members", sessions.SessionMembers.as_view()),
    path("api/video/room_sessions/<uuid:id>/events", sessions.SessionEvents.as_view()),
    path("api/fabric/conversations/join", conversations.Join.as_view()),
    path("api/fabric/conversations/<uuid:id>/messages", conversations.GroupMessages.as_view()),
    path("api/fabric/messages", conversations.Messages.as_view()),
    *(_refused(template, about) for template, about in NOT_SUPPORTED.items()),
    *(_refused(template, "Devices of a subscriber", BearsToken) for template in _OF_THE_SDK),
]
