"""Publication: giving events their position in the project's log, and fanning them out to webhooks.

One publisher at a time (an advisory lock), so a position handed out never has a later one behind it.
Within a call the order is the sequence's: rows are taken by id, and a call's ids grow under its lock.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction

from calling.calls.event_log import TEST
from calling.runtime import nudge
from calling.webhooks.fanout import fan_out

LOCK = 0x43414C4C  # "CALL": the publisher's advisory lock
BATCH = 2000

POSITIONS = """
WITH waiting AS (
    SELECT id, project_id FROM calling_event WHERE position IS NULL AND type <> %s ORDER BY id LIMIT %s
), heads AS MATERIALIZED (
    SELECT p.project_id, COALESCE((
        SELECT e.position FROM calling_event e WHERE e.project_id = p.project_id AND e.position IS NOT NULL
        ORDER BY e.position DESC LIMIT 1), 0) AS position
    FROM (SELECT DISTINCT project_id FROM waiting) p
), numbered AS (
    SELECT w.id, w.project_id,
           h.position + row_number() OVER (PARTITION BY w.project_id ORDER BY w.id) AS position
    FROM waiting w JOIN heads h ON h.project_id = w.project_id
)
UPDATE calling_event e SET position = n.position FROM numbered n WHERE e.id = n.id
RETURNING e.project_id, e.id
"""


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
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return Published()
        cursor.execute(POSITIONS, [TEST, BATCH])
        published = cursor.fetchall()
        if published:
            deliveries = fan_out([event_id for _, event_id in published])
    for project in {project for project, _ in published}:
        nudge.send(nudge.EVENTS, {"project": str(project)})
    return Published(len(published), deliveries)
