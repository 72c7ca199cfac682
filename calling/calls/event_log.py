"""Appending to the event log, in the same transaction as the change it tells of.

A row here is the trigger of every publication; nudges only make it quick.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, Min, Q, QuerySet

from calling import models
from calling.calls import payloads
from calling.models.ids import uuid7
from calling.runtime import nudge
from calling.runtime.locks import lock_stream
from rest import errors


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
    """Write one event; see `event`."""
    made = event(
        project_id, stream, type, data, now, sequence=sequence, call_id=call_id, leg_id=leg_id, facts=facts
    )
    keep([made])
    return made


def next_in_stream(stream: str) -> int:
    """The next number of a stream without a row of its own (rooms): serialised by an advisory lock."""
    lock_stream(stream)
    last = models.Event.objects.filter(stream=stream).order_by("-sequence").values_list("sequence", flat=True)
    return (last.first() or 0) + 1


TEST = "webhook.test"
"""Sent to one endpoint when asked for; never published in the log."""


@dataclass(frozen=True)
class Entry:
    """One published event: its cursor and its body, byte for byte."""

    position: int
    body: str

    def frame(self) -> str:
        """The JSON text `{"cursor", "event"}`."""
        return f'{{"cursor":"{self.position}","event":{self.body}}}'


def waiting() -> QuerySet[models.Event]:
    """What is committed and still has to be published."""
    return models.Event.objects.filter(position=None).exclude(type=TEST)


def of_types(types: tuple[str, ...]) -> Q:
    where = Q()
    for each in types:
        if each == "*":
            return Q()
        where |= Q(type__startswith=each[:-1]) if each.endswith("*") else Q(type=each)
    return where


def check_kept(project_id: UUID, after: int) -> None:
    """410 `cursor_expired` where events after that cursor are kept no longer."""
    oldest = models.Event.objects.filter(project_id=project_id).aggregate(Min("position"))["position__min"]
    if oldest is not None and after < oldest - 1:
        raise errors.Gone("cursor_expired", "Events after that cursor are kept no longer.", "after")


def before_oldest(project_id: UUID) -> int:
    """The cursor that starts at the oldest event kept."""
    oldest = models.Event.objects.filter(project_id=project_id).aggregate(Min("position"))["position__min"]
    return 0 if oldest is None else oldest - 1


def at(project_id: UUID, moment: datetime) -> int:
    """The cursor that starts with the first event published that happened at or after `moment`."""
    published = models.Event.objects.filter(project_id=project_id, position__isnull=False)
    # The head is read first: what is published while we look lies behind it, and is not skipped.
    head = published.aggregate(Max("position"))["position__max"] or 0
    first = published.filter(created_at__gte=moment).aggregate(Min("position"))["position__min"]
    return head if first is None else min(head, first - 1)


def page(project_id: UUID, after: int, limit: int, types: tuple[str, ...] = ()) -> list[Entry]:
    """The next events after a cursor, in order."""
    rows = (
        models.Event.objects.filter(of_types(types), project_id=project_id, position__gt=after)
        .order_by("position")
        .values_list("position", "body")
    )
    return [Entry(position or 0, body) for position, body in rows[:limit]]
