"""The lock under which events get their positions in a project's log, and giving them in the turn itself.

A position is given by whoever holds the lock until his transaction ends, so nothing ever appears behind one
that was handed out. That is the publisher (`calling.webhooks.publish`), or a turn that finds the lock free,
nothing of its project waiting and nobody to be told by webhook: then its events are published with its
commit. Otherwise they wait for the publisher. Must not live here: what the events say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from calling import models
from calling.calls import event_days
from calling.calls.one_statement import OneStatement

LOCK = 0x43414C4C  # "CALL"
TEST = "webhook.test"
"""Sent to one endpoint when asked for; never published in the log."""

# The statement after it, in the same message, sees what was published while this one tried.
TRY = "SELECT set_config('callwright.publishing', pg_try_advisory_xact_lock(%s)::text, true)"
NEXT = """(
    SELECT h.position + %s FROM (SELECT COALESCE((
        SELECT e.position FROM calling_event e
        WHERE e.project_id = %s AND e.position IS NOT NULL AND e.id >= %s
        ORDER BY e.position DESC LIMIT 1), CASE WHEN %s::bigint = 0 THEN 0 END) AS position) h
    WHERE current_setting('callwright.publishing') = 'true'
      AND NOT EXISTS (SELECT FROM calling_event w WHERE w.position IS NULL AND w.type <> %s
                      AND w.id >= %s AND w.project_id = %s)
      AND NOT EXISTS (SELECT FROM calling_webhookendpoint p WHERE p.project_id = %s
                      AND p.disabled_at IS NULL AND p.call_id IS NULL)
      AND NOT EXISTS (SELECT FROM calling_webhookendpoint p WHERE p.call_id = ANY(%s::uuid[])
                      AND p.disabled_at IS NULL))"""
"""NULL where the publisher is to give it. One whose project has written nothing since yesterday is: its last
position is further back."""

FIELDS = [field for field in models.Event._meta.concrete_fields if not field.primary_key]
COLUMNS = ", ".join(f'"{field.column}"' for field in FIELDS)


def write(events: Sequence[models.Event], rest: OneStatement) -> None:
    """Add events to what a turn writes, as its last part, which returns their positions (`note`)."""
    if not events:
        return
    project = events[0].project_id
    given = is_last_word() and all(each.project_id == project for each in events)
    lowest = event_days.newest_two() if given else 0
    # As texts: a row that was just made may have its id as one, and a parameter's list is of one type.
    calls = [str(each.call_id) for each in events if each.call_id is not None]
    rows, params = [], []
    for number, event in enumerate(events, 1):
        places = []
        for field in FIELDS:
            if given and field.name == "position":
                places.append(NEXT)
                params += [number, project, lowest, lowest, TEST, lowest, project, project, calls]
            else:
                places.append("%s")
                params.append(field.get_db_prep_save(getattr(event, field.attname), connection))
        rows.append(f"({', '.join(places)})")
    if given:
        rest.before(TRY, [LOCK])
    words = ", ".join(rows)
    rest.add(f'INSERT INTO "calling_event" ({COLUMNS}) VALUES {words} RETURNING position', params)


def is_last_word() -> bool:
    """Whether the transaction is the turn's own: one that goes on for longer must not hold the lock, which
    everybody who publishes wants."""
    return connection.in_atomic_block and not connection.savepoint_ids


def note(events: Sequence[models.Event], found: Sequence[tuple[Any, ...]]) -> None:
    """Let the events that `write` added know their positions, as the statement returned them."""
    for event, (position,) in zip(events, found, strict=True):
        event.position = position
