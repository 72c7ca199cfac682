"""Webhook endpoints and deliveries in the OpenAPI document. `views` makes and checks them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from rest.openapi import listed, shape

EVENTS_HELP = "types like call.ended, or patterns like call.* and *"
NewWebhook = shape(
    "NewWebhook",
    url=s.CharField(max_length=2000),
    events=s.ListField(child=s.CharField(), min_length=1, max_length=50, help_text=EVENTS_HELP),
    description=s.CharField(required=False, max_length=500),
)
WebhookChange = shape(
    "WebhookChange",
    url=s.CharField(required=False, max_length=2000),
    events=s.ListField(
        child=s.CharField(), min_length=1, max_length=50, required=False, help_text=EVENTS_HELP
    ),
    description=s.CharField(required=False, max_length=500),
    enabled=s.BooleanField(required=False),
)
_SHOWN: dict[str, Any] = {
    "id": s.UUIDField(),
    "url": s.CharField(),
    "events": s.ListField(child=s.CharField()),
    "description": s.CharField(),
    "status": s.ChoiceField(["enabled", "disabled"]),
    "enabled": s.BooleanField(),
    "disabled_at": s.DateTimeField(allow_null=True),
    "disabled_reason": s.CharField(allow_null=True),
    "failing_since": s.DateTimeField(allow_null=True),
    "created_at": s.DateTimeField(),
}
Webhook = shape("Webhook", **_SHOWN)
WebhookWithSecret = shape(
    "WebhookWithSecret", **_SHOWN, secret=s.CharField(help_text="whsec_…; shown only in this response")
)
Webhooks = listed("Webhooks", Webhook)
Attempt = shape(
    "DeliveryAttempt",
    at=s.DateTimeField(),
    status=s.IntegerField(allow_null=True, help_text="HTTP status of the receiver's response"),
    error=s.CharField(allow_null=True),
    duration_ms=s.IntegerField(),
    answer=s.CharField(allow_null=True, help_text="the beginning of the receiver's response body"),
)
Delivery = shape(
    "Delivery",
    id=s.UUIDField(),
    webhook_id=s.UUIDField(),
    event_id=s.UUIDField(),
    event_type=s.CharField(),
    call_id=s.UUIDField(allow_null=True),
    status=s.ChoiceField(["pending", "delivered", "parked", "cancelled"]),
    trigger=s.CharField(),
    tries=s.IntegerField(),
    next_at=s.DateTimeField(allow_null=True),
    created_at=s.DateTimeField(),
    finished_at=s.DateTimeField(allow_null=True),
    attempts=s.ListField(child=Attempt),
)
Deliveries = listed("Deliveries", Delivery)
Replay = shape(
    "Replay",
    after=s.CharField(required=False, help_text="a cursor of the event log; an alternative to `since`"),
    since=s.DateTimeField(required=False),
)
Replayed = shape("Replayed", replayed=s.IntegerField())
