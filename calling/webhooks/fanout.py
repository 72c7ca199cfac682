"""From published events to deliveries, inside the publisher's own transaction.

So each event meets each endpoint exactly once, whatever is killed when.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import clock
from calling import models
from calling.calls import event_log
from calling.calls.status_urls import StatusUrl
from calling.webhooks.status_callbacks import callback_body


def fan_out(event_ids: Sequence[int]) -> int:
    """Write the deliveries of some freshly published events. Returns how many."""
    events = list(models.Event.objects.filter(pk__in=list(event_ids)).order_by("id"))
    general, private = endpoints_of(events)
    now = clock.now()
    rows: list[models.Delivery] = []
    for event in events:
        rows += [
            delivery(endpoint, event, "", now)
            for endpoint in general.get(event.project_id, [])
            if wants(endpoint.events, event.type)
        ]
        for endpoint in private.get(event.call_id, []) if event.call_id else []:
            body = callback_body(json.loads(event.body), StatusUrl.read(endpoint.status_events))
            if body is not None and not told_before(endpoint, event):
                rows.append(delivery(endpoint, event, body, now))
    models.Delivery.objects.bulk_create(rows, batch_size=1000)
    return len(rows)


def told_before(endpoint: models.WebhookEndpoint, event: models.Event) -> bool:
    """Whether it is about one leg (`connect/<leg>`, `leg/<leg>`) that had left before its call ended."""
    about = StatusUrl.read(endpoint.status_events)
    if event.call_id is None or event.type != "call.ended" or about.scope not in ("connect", "leg"):
        return False
    left = event_log.of_call(event.call_id).filter(type="leg.ended", leg_id=about.ref)
    return left.exists()


def delivery(
    endpoint: models.WebhookEndpoint, event: models.Event, body: str, now: datetime
) -> models.Delivery:
    return models.Delivery(
        endpoint=endpoint, event=event, stream=event.stream, body=body, next_at=now, created_at=now
    )


Endpoints = dict[UUID, list[models.WebhookEndpoint]]


def endpoints_of(events: Sequence[models.Event]) -> tuple[Endpoints, Endpoints]:
    """The enabled endpoints of the events' projects, and those of one call alone, each by its id."""
    general: Endpoints = defaultdict(list)
    private: Endpoints = defaultdict(list)
    enabled = models.WebhookEndpoint.objects.filter(disabled_at=None)
    of_projects = enabled.filter(project_id__in={event.project_id for event in events}, call_id=None)
    of_calls = enabled.filter(call_id__in={event.call_id for event in events if event.call_id})
    for row in of_projects.union(of_calls, all=True).order_by("id"):  # each half by its own index
        if row.call_id is None:
            general[row.project_id].append(row)
        else:
            private[row.call_id].append(row)
    return general, private


def wants(patterns: Iterable[str], type: str) -> bool:
    """Whether any pattern covers the event type."""
    return any(
        pattern == "*" or pattern == type or (pattern.endswith(".*") and type.startswith(pattern[:-1]))
        for pattern in patterns
    )
