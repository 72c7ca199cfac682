"""The REST paths of docs/contract.md#calls and docs/contract.md#events, without trailing slashes."""

from __future__ import annotations

from django.urls import URLPattern, path

from calling.api import (
    alerts,
    balance,
    calls,
    commands,
    erasure,
    events,
    history,
    operations,
    push,
    recordings,
    rooms,
    supervision,
    twilio,
)

urlpatterns: list[URLPattern] = [
    path("api/calls", calls.CallsView.as_view(), name="calls"),
    path("api/calls/<str:call_id>", calls.CallView.as_view(), name="call"),
    path("api/calls/<str:call_id>/events", calls.CallEventsView.as_view(), name="call-events"),
    path("api/calls/<str:call_id>/listen", supervision.ListenView.as_view(), name="call-listen"),
    path("api/calls/<str:call_id>/legs/<str:leg_id>", supervision.LegView.as_view(), name="call-leg"),
    path("api/calls/<str:call_id>/stats", calls.CallStatsView.as_view(), name="call-stats"),
    *(path(f"api/calls/<str:call_id>/{verb}", view) for verb, view in commands.VIEWS.items()),
    *(path(f"api/calls/<str:call_id>/{verb}", view) for verb, view in operations.VIEWS.items()),
    path("api/calls/<str:call_id>/<str:verb>/<str:control_id>/<str:wish>", operations.WishView.as_view()),
    path("api/fabric/resources/subscribers/<uuid:id>/erase", erasure.EraseView.as_view()),
    path("api/alerts", alerts.AlertsView.as_view(), name="alerts"),
    path("api/alerts/<str:alert_id>", alerts.AlertView.as_view(), name="alert"),
    path("api/balance", balance.BalanceView.as_view(), name="balance"),
    path("api/events", events.LogView.as_view(), name="events"),
    path("api/history", history.HistoryView.as_view(), name="history"),
    path("api/history/seen", history.SeenView.as_view(), name="history-seen"),
    path("api/push/key", push.KeyView.as_view(), name="push-key"),
    path("api/push/subscription", push.SubscriptionView.as_view(), name="push-subscription"),
    path("api/recordings", recordings.RecordingsView.as_view(), name="recordings"),
    path("api/recordings/<str:recording_id>", recordings.RecordingView.as_view(), name="recording"),
    path("api/recordings/<str:recording_id>/transcribe", recordings.TranscribeView.as_view()),
    path(
        "api/recordings/<str:recording_id>/download",
        recordings.DownloadView.as_view(),
        name="recording-download",
    ),
    path("2010-04-01/Accounts/<str:account>/Calls/<str:call_id>.json", twilio.BotHangupView.as_view()),
    path("api/rooms/<str:name>", rooms.RoomView.as_view(), name="room"),
    path("api/rooms/<str:name>/<str:verb>", rooms.RoomVerbView.as_view()),
    path("api/rooms/<str:name>/members/<str:leg_id>/<str:verb>", rooms.MemberVerbView.as_view()),
]
