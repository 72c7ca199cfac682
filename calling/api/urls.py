"""The REST paths of contract 5 and 7, without trailing slashes."""

from __future__ import annotations

from django.urls import URLPattern, path

from calling.api import balance, bot_hangup, calls, log, operation_views, recordings, rooms, verb_views

urlpatterns: list[URLPattern] = [
    path("api/calls", calls.CallsView.as_view(), name="calls"),
    path("api/calls/<str:call_id>", calls.CallView.as_view(), name="call"),
    path("api/calls/<str:call_id>/events", calls.CallEventsView.as_view(), name="call-events"),
    path("api/calls/<str:call_id>/stats", calls.CallStatsView.as_view(), name="call-stats"),
    *(path(f"api/calls/<str:call_id>/{verb}", view) for verb, view in verb_views.VIEWS.items()),
    *(path(f"api/calls/<str:call_id>/{verb}", view) for verb, view in operation_views.VIEWS.items()),
    path(
        "api/calls/<str:call_id>/<str:verb>/<str:control_id>/<str:wish>", operation_views.WishView.as_view()
    ),
    path("api/balance", balance.BalanceView.as_view(), name="balance"),
    path("api/events", log.LogView.as_view(), name="events"),
    path("api/recordings", recordings.RecordingsView.as_view(), name="recordings"),
    path("api/recordings/<str:recording_id>", recordings.RecordingView.as_view(), name="recording"),
    path(
        "api/recordings/<str:recording_id>/download",
        recordings.DownloadView.as_view(),
        name="recording-download",
    ),
    path("2010-04-01/Accounts/<str:account>/Calls/<str:call_id>.json", bot_hangup.BotHangupView.as_view()),
    path("api/rooms/<str:name>", rooms.RoomView.as_view(), name="room"),
    path("api/rooms/<str:name>/<str:verb>", rooms.RoomVerbView.as_view()),
    path("api/rooms/<str:name>/members/<str:leg_id>/<str:verb>", rooms.MemberVerbView.as_view()),
]
