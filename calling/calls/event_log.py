"""Appending to the event log, in the transaction of the change that the event reports.

A row here is the trigger of every publication; nudges only make it quick.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Max, Min, QuerySet

from calling import models
from calling.calls import event_days, event_types, payloads
from calling.calls.positions import TEST
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
    """Let events that this transaction writes be published, or read where they are, soon after its commit."""
    for project_id in {each.project_id for each in events if each.position is None}:
        nudge.on_commit(nudge.PUBLISH, {"project": str(project_id)})
    for project_id in {each.project_id for each in events if each.position is not None}:
        nudge.on_commit(nudge.EVENTS, {"project": str(project_id)})


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
    rows = models.Event.objects.filter(stream=stream)
    numbers = rows.order_by("-sequence").values_list("sequence", flat=True)
    lately = event_days.newest_two()
    last = numbers.filter(id__gte=lately).first() or (numbers.first() if lately else None)
    return (last or 0) + 1


def of_call(call_id: UUID | str) -> QuerySet[models.Event]:
    """The events of a call, looked for in the days since it was made."""
    return models.Event.objects.filter(call_id=call_id, id__gte=event_days.of_call(call_id))


@dataclass(frozen=True)
class Entry:
    """One published event: its cursor and its body, byte for byte."""

    position: int
    body: str

    def frame(self) -> str:
        """The JSON text `{"cursor", "event"}`."""
        return f'{{"cursor":"{self.position}","event":{self.body}}}'


def waiting() -> QuerySet[models.Event]:
    """Committed events that are not yet published."""
    return models.Event.objects.filter(position=None).exclude(type=TEST)


def check_kept(project_id: UUID, after: int) -> None:
    """Raise 410 `cursor_expired` if events after that cursor are no longer stored."""
    if after + 1 >= (span(project_id).first or head(project_id)):
        return
    if after < before_oldest(project_id):
        raise errors.Gone("cursor_expired", "Events after that cursor are kept no longer.", "after")


def before_oldest(project_id: UUID) -> int:
    """The cursor that starts at the oldest event kept."""
    oldest = models.Event.objects.filter(project_id=project_id).aggregate(Min("position"))["position__min"]
    return 0 if oldest is None else oldest - 1


SINCE = """
WITH since AS MATERIALIZED (
    SELECT position FROM calling_event WHERE project_id = %s AND created_at >= %s AND id >= %s
)
SELECT min(position) FROM since
"""
"""Materialized, or else the planner walks the whole log by position to the first that is young enough."""


def at(project_id: UUID, moment: datetime) -> int:
    """The cursor that starts with the first event published that happened at or after `moment`."""
    # The head is read first: what is published while we look lies behind it, and is not skipped.
    end = head(project_id)
    with connection.cursor() as cursor:
        cursor.execute(SINCE, [project_id, moment, event_days.since(moment)])
        (first,) = cursor.fetchone()
    return end if first is None else min(end, first - 1)


def following(
    project_id: UUID, after: int, limit: int, types: tuple[str, ...] = ()
) -> tuple[list[Entry], int]:
    """The next events after a cursor, in order, and the cursor after them.

    Where none is left, that is the log's head: who wants rare types must not keep a cursor that expires.
    """
    if not types or "*" in types:
        found = page(project_id, after, limit)
        return found, found[-1].position if found else after
    lately = span(project_id)  # read first: what is published meanwhile lies behind it
    end = lately.last or head(project_id)
    lowest = event_days.newest_two() if lately.first is not None and lately.first <= after + 1 else 0
    found = page_of(project_id, after, limit, types, lowest)
    return found, found[-1].position if found else max(after, end)


def page(project_id: UUID, after: int, limit: int) -> list[Entry]:
    """The next events after a cursor, in order."""
    rows = models.Event.objects.filter(project_id=project_id, position__gt=after)
    lately = event_days.newest_two()
    found = entries(rows.filter(id__gte=lately), limit)
    if found and found[0].position == after + 1:  # nothing of the days before lies between
        return found
    return entries(rows, limit) if lately and (found or head(project_id) > after) else found


def page_of(project_id: UUID, after: int, limit: int, types: tuple[str, ...], lowest: int) -> list[Entry]:
    """The same of some types, where no event after the cursor has a lower number than `lowest`."""
    found = next_positions(project_id, after, limit, types, lowest)
    rows = models.Event.objects.filter(project_id=project_id, position__in=found, id__gte=lowest)
    return entries(rows, limit)


def entries(rows: QuerySet[models.Event], limit: int) -> list[Entry]:
    found = rows.order_by("position").values_list("position", "body")
    return [Entry(position or 0, body) for position, body in found[:limit]]


NEXT = """
SELECT n.position FROM unnest(%s::text[]) AS t(type), LATERAL (
    SELECT e.position FROM calling_event e
    WHERE e.project_id = %s AND e.type = t.type AND e.position > %s AND e.id >= %s
    ORDER BY e.position LIMIT %s
) n ORDER BY n.position LIMIT %s
"""


def next_positions(
    project_id: UUID, after: int, limit: int, types: tuple[str, ...], lowest: int
) -> list[int]:
    """Where the next events of some types are: one look into the index for each type, so that those who want
    rare ones do not read all the others again and again."""
    wanted = [each for each in types if not each.endswith("*")]
    wanted += [each for pattern in types if pattern.endswith("*") for each in event_types.matched(pattern)]
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [sorted(set(wanted)), project_id, after, lowest, limit, limit])
        return [position for (position,) in cursor.fetchall()]


class Span(NamedTuple):
    """The first and the last position that a project has in the two newest days."""

    first: int | None
    last: int | None


def span(project_id: UUID) -> Span:
    rows = models.Event.objects.filter(project_id=project_id, id__gte=event_days.newest_two())
    return Span(*rows.aggregate(first=Min("position"), last=Max("position")).values())


def head(project_id: UUID) -> int:
    """The cursor after the newest event published; 0 where there is none."""
    rows = models.Event.objects.filter(project_id=project_id, position__isnull=False)
    newest = rows.order_by("-position").values_list("position", flat=True)
    lately = event_days.newest_two()
    return newest.filter(id__gte=lately).first() or (newest.first() if lately else None) or 0
