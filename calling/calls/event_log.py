"""Appending to the event log, in the same transaction as the change it tells of.

A row here is the trigger of every publication; nudges only make it quick.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Max, Min, QuerySet

from calling import models
from calling.calls import event_types, payloads
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
    announce(events)


def announce(events: list[models.Event]) -> None:
    """Let events that this transaction writes be published soon after its commit."""
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


def check_kept(project_id: UUID, after: int) -> None:
    """410 `cursor_expired` where events after that cursor are kept no longer."""
    oldest = models.Event.objects.filter(project_id=project_id).aggregate(Min("position"))["position__min"]
    if oldest is not None and after < oldest - 1:
        raise errors.Gone("cursor_expired", "Events after that cursor are kept no longer.", "after")


def before_oldest(project_id: UUID) -> int:
    """The cursor that starts at the oldest event kept."""
    oldest = models.Event.objects.filter(project_id=project_id).aggregate(Min("position"))["position__min"]
    return 0 if oldest is None else oldest - 1


SINCE = """
WITH since AS MATERIALIZED (
    SELECT position FROM calling_event WHERE project_id = %s AND created_at >= %s
)
SELECT min(position) FROM since
"""
"""Materialized, or else the planner walks the whole log by position to the first that is young enough."""


def at(project_id: UUID, moment: datetime) -> int:
    """The cursor that starts with the first event published that happened at or after `moment`."""
    published = models.Event.objects.filter(project_id=project_id, position__isnull=False)
    # The head is read first: what is published while we look lies behind it, and is not skipped.
    head = published.aggregate(Max("position"))["position__max"] or 0
    with connection.cursor() as cursor:
        cursor.execute(SINCE, [project_id, moment])
        (first,) = cursor.fetchone()
    return head if first is None else min(head, first - 1)


def following(
    project_id: UUID, after: int, limit: int, types: tuple[str, ...] = ()
) -> tuple[list[Entry], int]:
    """The next events after a cursor, in order, and the cursor after them.

    Where none is left, that is the log's head: who wants rare types must not keep a cursor that expires.
    """
    end = head(project_id) if types else after  # read first: what is published meanwhile lies behind it
    found = page(project_id, after, limit, types)
    return found, found[-1].position if found else max(after, end)


def page(project_id: UUID, after: int, limit: int, types: tuple[str, ...] = ()) -> list[Entry]:
    """The next events after a cursor, in order."""
    rows = models.Event.objects.filter(project_id=project_id, position__gt=after)
    if types and "*" not in types:
        rows = rows.filter(position__in=next_positions(project_id, after, limit, types))
    found = rows.order_by("position").values_list("position", "body")
    return [Entry(position or 0, body) for position, body in found[:limit]]


NEXT = """
SELECT n.position FROM unnest(%s::text[]) AS t(type), LATERAL (
    SELECT e.position FROM calling_event e
    WHERE e.project_id = %s AND e.type = t.type AND e.position > %s
    ORDER BY e.position LIMIT %s
) n ORDER BY n.position LIMIT %s
"""


def next_positions(project_id: UUID, after: int, limit: int, types: tuple[str, ...]) -> list[int]:
    """Where the next events of some types are: one look into the index for each type, so that those who want
    rare ones do not read all the others again and again."""
    wanted = [each for each in types if not each.endswith("*")]
    wanted += [each for pattern in types if pattern.endswith("*") for each in event_types.matched(pattern)]
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [sorted(set(wanted)), project_id, after, limit, limit])
        return [position for (position,) in cursor.fetchall()]


def head(project_id: UUID) -> int:
    """The cursor after the newest event published; 0 where there is none."""
    rows = models.Event.objects.filter(project_id=project_id, position__isnull=False)
    return rows.order_by("-position").values_list("position", flat=True).first() or 0
