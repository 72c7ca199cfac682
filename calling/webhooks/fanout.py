"""From published events to deliveries, inside the publisher's own transaction.

So each event meets each endpoint exactly once, whatever is killed when.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

import clock
from calling import models
from calling.calls import event_log
from calling.calls.status_urls import StatusUrl
from calling.models.ids import uuid7
from calling.webhooks.status_callbacks import callback_body

PUBLISHED = (
    "SELECT id, project_id, call_id, type, stream FROM calling_event WHERE id = ANY(%s::bigint[]) ORDER BY id"
)
ADD = """
INSERT INTO calling_delivery
    (id, endpoint_id, event_id, stream, body, state, trigger, tries, head, next_at, created_at)
SELECT v.id, v.endpoint_id, v.event_id, v.stream, v.body, 'pending', 'event', 0, false, %(now)s, %(now)s
FROM unnest(%(ids)s::uuid[], %(endpoints)s::uuid[], %(events)s::bigint[], %(streams)s::text[],
            %(bodies)s::text[]) WITH ORDINALITY AS v(id, endpoint_id, event_id, stream, body, number)
JOIN calling_webhookendpoint e ON e.id = v.endpoint_id
ORDER BY v.number
FOR KEY SHARE OF e
"""
"""`head` is the trigger's. In the order of events: of a stream, the older delivery is written first. An
endpoint that is removed meanwhile gets none; one that gets some is not removed until they are written."""


class Published(NamedTuple):
    """What decides which endpoints get an event. Its body is read only where it matters."""

    id: int
    project_id: UUID
    call_id: UUID | None
    type: str
    stream: str


def fan_out(event_ids: Sequence[int]) -> int:
    """Write the deliveries of some freshly published events. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(PUBLISHED, [list(event_ids)])
        events = [Published(*row) for row in cursor.fetchall()]
    general, private = endpoints_of(events)
    rows: list[tuple[UUID, UUID, int, str, str]] = []
    for event in events:
        rows += [
            (uuid7(), endpoint.id, event.id, event.stream, "")
            for endpoint in general.get(event.project_id, [])
            if wants(endpoint.events, event.type)
        ]
        listening = private.get(event.call_id, []) if event.call_id else []
        said = body_of(event) if listening else {}  # once: each step of a script may have a status_url
        for endpoint in listening:
            body = callback_body(said, StatusUrl.read(endpoint.status_events))
            if body is not None and not told_before(endpoint, event):
                rows.append((uuid7(), endpoint.id, event.id, event.stream, body))
    if rows:
        columns = zip(
            ("ids", "endpoints", "events", "streams", "bodies"), zip(*rows, strict=True), strict=True
        )
        with connection.cursor() as cursor:
            cursor.execute(ADD, {name: list(column) for name, column in columns} | {"now": clock.now()})
            return int(cursor.rowcount)
    return 0


def body_of(event: Published) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(models.Event.objects.values_list("body", flat=True).get(pk=event.id))
    return found


def told_before(endpoint: models.WebhookEndpoint, event: Published) -> bool:
    """Whether it is about one leg (`connect/<leg>`, `leg/<leg>`) that had left before its call ended."""
    about = StatusUrl.read(endpoint.status_events)
    if event.call_id is None or event.type != "call.ended" or about.scope not in ("connect", "leg"):
        return False
    left = event_log.of_call(event.call_id).filter(type="leg.ended", leg_id=about.ref)
    return left.exists()


Endpoints = dict[UUID, list[models.WebhookEndpoint]]


def endpoints_of(events: Sequence[Published]) -> tuple[Endpoints, Endpoints]:
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
