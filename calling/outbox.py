"""Appending to the event log, in the same transaction as the change it tells of.

A row here is the trigger of every publication; nudges only make it quick.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from calling import models, nudge, payloads
from calling.models.ids import uuid7


def event(
    project_id: UUID,
    stream: str,
    type: str,
    data: dict[str, Any],
    now: datetime,
    *,
    sequence: int | None,
    call_id: UUID | str | None = None,
    leg_id: str | None = None,
    facts: dict[str, Any] | None = None,
) -> models.Event:
    """One event, not written yet. `sequence` must be taken under its stream's row lock (None: project event).

    `data` is published; `facts` are the machine's own words, kept for the device edges.
    """
    event_id = uuid7()
    body = payloads.event_payload(str(event_id), type, now, data, sequence)
    return models.Event(
        event_id=event_id,
        project_id=project_id,
        call_id=call_id,
        stream=stream,
        sequence=sequence,
        type=type,
        leg_id=leg_id,
        data=facts or {},
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        created_at=now,
    )


def keep(events: list[models.Event]) -> None:
    """Write events in their order, in one statement."""
    models.Event.objects.bulk_create(events)
    for project_id in {each.project_id for each in events}:
        nudge.on_commit(nudge.PUBLISH, {"project": str(project_id)})


def append(
    project_id: UUID, stream: str, type: str, data: dict[str, Any], now: datetime, **words: Any
) -> models.Event:
    """Write one event; the same words as `event`."""
    made = event(project_id, stream, type, data, now, **words)
    keep([made])
    return made


def next_in_stream(stream: str) -> int:
    """The next number of a stream without a row of its own (rooms): serialised by an advisory lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [stream])
    last = models.Event.objects.filter(stream=stream).order_by("-sequence").values_list("sequence", flat=True)
    return (last.first() or 0) + 1
