"""Disabling an endpoint, and parking its pending deliveries: one batch at once, a backlog in the sweep."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

import clock
from calling import models
from calling.calls import control

PARKED = 1000  # deliveries in one statement


def disable(endpoint_id: UUID, why: str, *, tell: bool = True) -> None:
    """Disable an endpoint, park what waits for it and, unless its owner did it, say so in the log.

    A large backlog is parked by the sweep, a batch after the other; none of it is sent meanwhile.
    """
    now = clock.now()
    with transaction.atomic():
        row = models.WebhookEndpoint.objects.select_for_update().filter(pk=endpoint_id).first()
        if row is None or row.disabled_at is not None:
            return
        row.disabled_at, row.disabled_reason = now, why
        row.park_before = now
        row.save(update_fields=["disabled_at", "disabled_reason", "park_before"])
        park(row)
        if tell and row.call_id is None:
            data = {"webhook": {"id": str(row.id), "url": row.url}, "reason": why}
            control.record_project_event(row.project_id, "webhook.disabled", data)


def park(endpoint: models.WebhookEndpoint) -> int:
    """Park a batch of what waits since before its `park_before`, which is cleared behind the last of it."""
    waiting = models.Delivery.objects.filter(
        endpoint=endpoint, state="pending", created_at__lte=endpoint.park_before
    )
    first = list(waiting.order_by("stream", "event_id", "id").values_list("pk", flat=True)[:PARKED])
    done = models.Delivery.objects.filter(pk__in=first, state="pending").update(
        state="parked", claimed_until=None, finished_at=clock.now()
    )
    if len(first) < PARKED:
        rows = models.WebhookEndpoint.objects.filter(pk=endpoint.pk, park_before=endpoint.park_before)
        rows.update(park_before=None)
        endpoint.park_before = None
    return done


def park_waiting() -> int:
    """Park more for each endpoint that was disabled with a large backlog. Called by the sweep."""
    return sum(park(row) for row in models.WebhookEndpoint.objects.filter(park_before__isnull=False)[:20])
