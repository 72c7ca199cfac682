"""Deliveries on request: a test, a resend, a replay. REST and the dashboard share these.

They queue beside the ordinary deliveries of their stream, so a call's events keep their order; and what
waits there for its next try is tried now, because whoever asks has usually just mended the receiver.
Such a try is one more: where it fails too, the schedule goes on as it was (`calling.webhooks.schedule`).
Each refuses a disabled endpoint with 409.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

import clock
from calling import models
from calling.calls import control
from calling.calls.positions import TEST
from calling.runtime import nudge
from calling.webhooks.disabling import disable
from calling.webhooks.fanout import wants
from rest import errors

REPLAY_LIMIT = 10_000
SHOWN = 500


def send_test(endpoint: models.WebhookEndpoint) -> models.Delivery:
    """A signed `webhook.test` for this endpoint alone, whatever its filter; it is no event of the log."""
    refuse_disabled(endpoint)
    with transaction.atomic():
        told = {"webhook": {"id": str(endpoint.id), "url": endpoint.url}}
        event = control.record_project_event(endpoint.project_id, TEST, told)
        return queue(endpoint, event, "test", stream=f"test:{event.event_id}")


def resend(old: models.Delivery) -> models.Delivery:
    """Send one delivery again under its event's id; one that still waits is tried now instead."""
    refuse_disabled(old.endpoint)
    with transaction.atomic():
        retry_now(old.endpoint, stream=old.stream, event_id__lte=old.event_id)
        waiting = models.Delivery.objects.select_related("event").filter(pk=old.pk, state="pending").first()
        return waiting or queue(old.endpoint, old.event, "resend", body=old.body, stream=old.stream)


def replay(
    endpoint: models.WebhookEndpoint, *, after: int | None = None, since: datetime | None = None
) -> int:
    """Deliver again what it wants after a cursor or since a time, at most REPLAY_LIMIT. Returns how many."""
    refuse_disabled(endpoint)
    rows = models.Event.objects.filter(project_id=endpoint.project_id, position__isnull=False)
    rows = rows.filter(position__gt=after) if after is not None else rows.filter(created_at__gte=since)
    found = rows.order_by("position").only("id", "type", "stream")[:REPLAY_LIMIT]
    wanted = [event for event in found if wants(endpoint.events, event.type)]
    now = clock.now()
    with transaction.atomic():
        retry_backlog(endpoint)
        endpoint.hold()
        models.Delivery.objects.bulk_create(
            (
                models.Delivery(
                    endpoint=endpoint,
                    event=event,
                    stream=event.stream,
                    trigger="replay",
                    next_at=now,
                    created_at=now,
                )
                for event in wanted
            ),
            batch_size=1000,
        )
        wake()
    return len(wanted)


def enable(endpoint: models.WebhookEndpoint) -> None:
    """Let an endpoint have events again, from now on; what was parked meanwhile can be replayed."""
    endpoint.disabled_at, endpoint.disabled_reason, endpoint.failing_since = None, "", None
    endpoint.save(update_fields=["disabled_at", "disabled_reason", "failing_since"])


def disable_by_owner(endpoint: models.WebhookEndpoint) -> None:
    disable(endpoint.id, "disabled by its owner", tell=False)
    endpoint.refresh_from_db()


def refuse_disabled(endpoint: models.WebhookEndpoint) -> None:
    if endpoint.disabled_at is not None:
        raise errors.Conflict("not_allowed", "The endpoint is disabled.")


def retry_backlog(endpoint: models.WebhookEndpoint) -> None:
    """Make pending deliveries due. Only the first SHOWN rows are rewritten, not a whole backlog."""
    now = clock.now()
    models.WebhookEndpoint.objects.filter(pk=endpoint.pk).update(hasten_at=now)
    heads = models.Delivery.objects.filter(endpoint=endpoint, state="pending", head=True, next_at__gt=now)
    soonest = list(heads.order_by("next_at").values_list("pk", flat=True)[:SHOWN])
    models.Delivery.objects.filter(pk__in=soonest, state="pending").update(next_at=now)


def retry_now(endpoint: models.WebhookEndpoint, **which: object) -> None:
    waiting = models.Delivery.objects.filter(endpoint=endpoint, state="pending", **which)
    waiting.filter(next_at__gt=clock.now()).update(next_at=clock.now())


def queue(
    endpoint: models.WebhookEndpoint, event: models.Event, trigger: str, *, stream: str, body: str = ""
) -> models.Delivery:
    now = clock.now()
    endpoint.hold()
    wake()
    return models.Delivery.objects.create(
        endpoint=endpoint,
        event=event,
        stream=stream,
        trigger=trigger,
        body=body,
        next_at=now,
        created_at=now,
    )


def wake() -> None:
    nudge.on_commit(nudge.PUBLISH, {})
