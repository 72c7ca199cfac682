"""Publication: giving events their position in the project's log, and fanning them out to webhooks.

One publisher at a time (an advisory lock), so a position handed out never has a later one behind it.
Within a call the order is the sequence's: rows are taken by id, and a call's ids grow under its lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from calling.calls import event_days
from calling.calls.positions import LOCK, TEST, TRY
from calling.runtime import nudge
from calling.webhooks.fanout import fan_out
from subscribers.postgresql import prepared

BATCH = 500  # what the first of these wait for

POSITIONS = """
WITH waiting AS (
    SELECT id, project_id, call_id FROM calling_event
    WHERE position IS NULL AND type <> %(test)s AND id >= %(lowest)s
      AND current_setting('callwright.publishing') = 'true'
    ORDER BY id LIMIT %(batch)s
), heard AS MATERIALIZED (
    SELECT EXISTS (SELECT 1 FROM waiting w JOIN calling_webhookendpoint h ON h.project_id = w.project_id
                   WHERE h.disabled_at IS NULL AND h.call_id IS NULL)
        OR EXISTS (SELECT 1 FROM waiting w JOIN calling_webhookendpoint h ON h.call_id = w.call_id
                   WHERE h.disabled_at IS NULL) AS by_endpoints
), heads AS MATERIALIZED (
    SELECT p.project_id, COALESCE((
        SELECT e.position FROM calling_event e
        WHERE e.project_id = p.project_id AND e.position IS NOT NULL AND e.id >= %(lowest)s
        ORDER BY e.position DESC LIMIT 1), CASE WHEN %(lowest)s::bigint = 0 THEN 0 END) AS position
    FROM (SELECT DISTINCT project_id FROM waiting) p
), numbered AS (
    SELECT w.id, w.project_id,
           h.position + row_number() OVER (PARTITION BY w.project_id ORDER BY w.id) AS position
    FROM waiting w JOIN heads h ON h.project_id = w.project_id AND h.position IS NOT NULL
), published AS (
    UPDATE calling_event e SET position = n.position FROM numbered n
    WHERE e.id = n.id AND e.id >= %(lowest)s AND (%(told)s OR NOT (SELECT by_endpoints FROM heard))
    RETURNING e.project_id, e.id
)
SELECT CASE WHEN current_setting('callwright.publishing') = 'true' THEN (SELECT by_endpoints FROM heard) END,
    ARRAY(SELECT id FROM published), ARRAY(SELECT DISTINCT project_id FROM published),
    EXISTS (SELECT FROM heads WHERE position IS NULL)
"""
"""`told`: also events that an endpoint is to be told of; `lowest`: events with lower numbers are left out.
Returns whether there are such to be told (NULL: somebody else has the lock), the events and the projects that
were published, and whether some are of a project whose last position is further back."""


@dataclass(frozen=True)
class Published:
    """How many events one round has published, and the deliveries written for them."""

    events: int = 0
    deliveries: int = 0
    further_back: bool = False  # some are of a project that has written nothing since yesterday
    busy: bool = False  # somebody else had the lock: another publisher, or for a moment a turn

    @property
    def full(self) -> bool:
        """Whether more events may be waiting than one round takes."""
        return self.events >= BATCH


def publish_round() -> Published:
    """Give the events that wait their positions, BATCH at most. None when another publisher is at it.

    A transaction that took a lower id may commit after this ran; its events then get later positions,
    which is all a cursor needs. Within one call that cannot happen: its row lock orders its commits.
    """
    lowest = event_days.newest_two()
    done = round_from(lowest)
    if done.further_back and lowest:
        rest = round_from(0)
        done = Published(done.events + rest.events, done.deliveries + rest.deliveries)
    return done


def round_from(lowest: int) -> Published:
    """A round over the events from that number on."""
    deliveries = 0
    heard, events, projects, further_back = give_positions(
        lowest, told=False
    )  # one message if nobody listens
    if heard:
        with transaction.atomic():
            heard, events, projects, further_back = give_positions(lowest, told=True)
            if events:
                deliveries = fan_out(events)
    for project in projects:
        nudge.send(nudge.EVENTS, {"project": str(project)})
    return Published(len(events), deliveries, further_back, heard is None)


def give_positions(lowest: int, *, told: bool) -> tuple[bool | None, list[int], list[UUID], bool]:
    """What `POSITIONS` returns; nothing when another publisher is at it."""
    with connection.cursor() as cursor:
        words: dict[str, Any] = {"lock": LOCK, "test": TEST, "batch": BATCH, "told": told, "lowest": lowest}
        prepared.send(cursor, (TRY.replace("%s", "%(lock)s"), words), (POSITIONS, words))
        cursor.nextset()
        heard, events, projects, further_back = cursor.fetchone()
    return heard, events, projects, further_back
