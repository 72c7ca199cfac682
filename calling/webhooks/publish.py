"""Publication: giving events their position in the project's log, and fanning them out to webhooks.

One publisher at a time (an advisory lock), so a position handed out never has a later one behind it.
Within a call the order is the sequence's: rows are taken by id, and a call's ids grow under its lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from calling.calls.event_log import TEST
from calling.runtime import nudge
from calling.webhooks.fanout import fan_out

LOCK = 0x43414C4C  # "CALL": the publisher's advisory lock
BATCH = 2000

# In one message: the second statement sees what was published while the first tried the lock.
TRY = "SELECT set_config('callwright.publishing', pg_try_advisory_xact_lock(%(lock)s)::text, true)"
POSITIONS = """
WITH waiting AS (
    SELECT id, project_id, call_id FROM calling_event
    WHERE position IS NULL AND type <> %(test)s AND current_setting('callwright.publishing') = 'true'
    ORDER BY id LIMIT %(batch)s
), heard AS MATERIALIZED (
    SELECT EXISTS (SELECT 1 FROM waiting w JOIN calling_webhookendpoint h ON h.project_id = w.project_id
                   WHERE h.disabled_at IS NULL AND h.call_id IS NULL)
        OR EXISTS (SELECT 1 FROM waiting w JOIN calling_webhookendpoint h ON h.call_id = w.call_id
                   WHERE h.disabled_at IS NULL) AS by_endpoints
), heads AS MATERIALIZED (
    SELECT p.project_id, COALESCE((
        SELECT e.position FROM calling_event e WHERE e.project_id = p.project_id AND e.position IS NOT NULL
        ORDER BY e.position DESC LIMIT 1), 0) AS position
    FROM (SELECT DISTINCT project_id FROM waiting) p
), numbered AS (
    SELECT w.id, w.project_id,
           h.position + row_number() OVER (PARTITION BY w.project_id ORDER BY w.id) AS position
    FROM waiting w JOIN heads h ON h.project_id = w.project_id
), published AS (
    UPDATE calling_event e SET position = n.position FROM numbered n
    WHERE e.id = n.id AND (%(told)s OR NOT (SELECT by_endpoints FROM heard))
    RETURNING e.project_id, e.id
)
SELECT (SELECT by_endpoints FROM heard), ARRAY(SELECT id FROM published),
    ARRAY(SELECT DISTINCT project_id FROM published)
"""
"""`told`: also events that an endpoint is to be told of. Returns whether there are such, then the events and
the projects that were published."""


@dataclass(frozen=True)
class Published:
    """How many events one round has published, and the deliveries written for them."""

    events: int = 0
    deliveries: int = 0

    @property
    def full(self) -> bool:
        """Whether more may wait than one round takes."""
        return self.events == BATCH


def publish_waiting() -> int:
    """Give every waiting event its position. Returns how many; 0 also when another publisher is at it."""
    return publish_round().events


def publish_round() -> Published:
    """Give the events that wait their positions, BATCH at most. None when another publisher is at it.

    A transaction that took a lower id may commit after this ran; its events then get later positions,
    which is all a cursor needs. Within one call that cannot happen: its row lock orders its commits.
    """
    deliveries = 0
    heard, events, projects = give_positions(told=False)  # one message where no endpoint listens
    if heard:
        with transaction.atomic():
            _, events, projects = give_positions(told=True)
            if events:
                deliveries = fan_out(events)
    for project in projects:
        nudge.send(nudge.EVENTS, {"project": str(project)})
    return Published(len(events), deliveries)


def give_positions(*, told: bool) -> tuple[bool, list[int], list[UUID]]:
    """What `POSITIONS` returns; nothing when another publisher is at it."""
    with connection.cursor() as cursor:
        cursor.execute(f"{TRY}; {POSITIONS}", {"lock": LOCK, "test": TEST, "batch": BATCH, "told": told})
        cursor.nextset()
        heard, events, projects = cursor.fetchone()
    return heard, events, projects
