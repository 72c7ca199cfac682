"""Webhook endpoints, deliveries and their attempts."""

from __future__ import annotations

from django.db import models

from calling.models.ids import uuid7
from subscribers.models.stays_removed import StaysRemoved


class WebhookEndpoint(StaysRemoved):
    """Where a project wants its events. A call's status_url is an endpoint of its own (`call_id` set)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=2000)
    events = models.JSONField(default=list)
    description = models.CharField(max_length=500, blank=True)
    secret = models.TextField(help_text="encrypted; whsec_…")
    old_secret = models.TextField(blank=True)
    old_secret_until = models.DateTimeField(null=True)
    call_id = models.UUIDField(null=True, db_index=True)
    status_events = models.JSONField(default=list)
    disabled_at = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    failing_since = models.DateTimeField(null=True)
    hasten_at = models.DateTimeField(null=True, help_text="what was tried before then is due")
    park_before = models.DateTimeField(null=True, help_text="what waits since before then is to be parked")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["id"], name="endpoint_to_park", condition=models.Q(park_before__isnull=False)
            ),
        ]


class Delivery(models.Model):
    """One event for one endpoint. In order per (endpoint, stream): event ids only grow.

    `head`: kept by triggers of migration calling.0020. The oldest pending one of its stream always has it,
    and seldom another has it too.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # No index of its own: others begin with the endpoint.
    endpoint = models.ForeignKey(
        WebhookEndpoint, db_index=False, on_delete=models.CASCADE, related_name="deliveries"
    )
    # A foreign key of PostgreSQL's would be looked for in every row when a day of events is dropped.
    event = models.ForeignKey(
        "calling.Event", db_constraint=False, on_delete=models.CASCADE, related_name="deliveries"
    )
    stream = models.CharField(max_length=80)
    body = models.TextField(blank=True, help_text="when it differs from the event's (status_url)")
    state = models.CharField(max_length=10, default="pending")  # pending delivered parked cancelled
    trigger = models.CharField(max_length=10, default="event")  # event resend replay test
    tries = models.IntegerField(default=0)
    head = models.BooleanField(default=False, db_default=False)
    tried_at = models.DateTimeField(null=True)  # and failed; a pending one's last time
    next_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["endpoint", "stream", "event", "id"],
                name="delivery_stream",
                condition=models.Q(state="pending"),
            ),
            models.Index(
                fields=["endpoint", "next_at"],
                name="delivery_head",
                condition=models.Q(state="pending", head=True),
            ),
            models.Index(
                fields=["endpoint", "tried_at"],
                name="delivery_head_tried",
                condition=models.Q(state="pending", head=True) & models.Q(tried_at__isnull=False),
            ),
            models.Index(fields=["created_at"], name="delivery_oldest", condition=models.Q(state="pending")),
            models.Index(fields=["created_at"], name="delivery_parked", condition=models.Q(state="parked")),
            models.Index(fields=["endpoint", "state", "-created_at"], name="delivery_list"),
            models.Index(fields=["endpoint", "-created_at", "-id"], name="delivery_newest"),
        ]


class DeliveryAttempt(models.Model):
    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    status = models.IntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    duration_ms = models.IntegerField(default=0)
    answer = models.CharField(max_length=1024, blank=True)
