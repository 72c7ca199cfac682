"""What waits for the sweep: one statement that tells each loop of the sweep whether it has work.

An instance without calls must cost almost nothing, and a separate query per loop would cost a transaction
each time. A condition is true whenever its job would find work, and may be true when the job finds none. Must
not live here: what a job does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import clock
from calling.calls import event_days
from calling.calls.positions import TEST
from calling.media_sessions.failover import LOST
from calling.retention import erasure
from calling.telephony import billing
from subscribers.postgresql import prepared

UNTAKEN_SECONDS = 1.5
UNSENT_SECONDS = 0.7  # its web process died before it asked: with a round and the dispatch carried within 2 s

DEADLINE = """
SELECT deadline FROM calling_call WHERE deadline IS NOT NULL AND state <> 'ended' ORDER BY deadline LIMIT 1
"""

# When the sweep is to ask for a session whose web process may have died before it asked.
UNSENT = """
SELECT min(wanted_at) + (%(now)s::timestamptz - %(unsent)s::timestamptz)
FROM calling_mediasession WHERE state = 'wanted' AND dispatched_at IS NULL
"""

CONDITIONS = {
    "deadlines": f"EXISTS (SELECT 1 FROM ({DEADLINE}) next WHERE next.deadline <= %(now)s)",
    "sessions": f"""EXISTS ({LOST.replace("LIMIT %s", "LIMIT 1")})
        OR EXISTS (SELECT 1 FROM calling_mediasession WHERE state = 'wanted'
                   AND (dispatched_at IS NULL AND wanted_at < %(unsent)s OR dispatched_at < %(untaken)s))
        OR EXISTS (SELECT 1 FROM calling_call c JOIN calling_mediasession s ON s.id = c.session_id
                   WHERE c.state <> 'ended' AND s.state = 'ended')""",
    "charges": """EXISTS (
        SELECT 1 FROM calling_phonecharge c JOIN subscribers_project p ON p.id = c.project_id
        WHERE c.settled_at IS NULL
          AND (c.per_minute <> 0 AND c.paid_until <= %(extend)s OR p.suspended_at IS NOT NULL))""",
    "devices": """EXISTS (SELECT 1 FROM calling_device WHERE online_until <= %(now)s)
        OR EXISTS (SELECT 1 FROM calling_presencelease WHERE until <= %(now)s)""",
    "meetings": "EXISTS (SELECT 1 FROM calling_meeting WHERE ended_at IS NULL AND empty_since IS NOT NULL)",
    "recordings": "EXISTS (SELECT 1 FROM calling_recording WHERE state = 'recording')",
    "parking": "EXISTS (SELECT 1 FROM calling_webhookendpoint WHERE park_before IS NOT NULL)",
    "events": """EXISTS (
        SELECT 1 FROM calling_event WHERE position IS NULL AND type <> %(test)s AND id >= %(lowest)s)""",
    "alerts": "EXISTS (SELECT 1 FROM calling_alert WHERE telling AND next_at <= %(now)s)",
    # By the index of heads: else PostgreSQL may read from the start of the table to the first that pends.
    "deliveries": """EXISTS (
        SELECT 1 FROM (SELECT 1 FROM calling_delivery WHERE state = 'pending' AND head
                       ORDER BY endpoint_id, next_at LIMIT 1) first)""",
    "rings": """EXISTS (SELECT 1 FROM calling_pushring)
        OR EXISTS (SELECT 1 FROM calling_pushsubscription) AND EXISTS (
            SELECT 1 FROM calling_leg WHERE state = 'ringing' AND party = 'device'
            AND subscriber_id IS NOT NULL)""",
}
ERASURES = f"""EXISTS (
    SELECT 1 FROM calling_staffaction a WHERE a.action = '{erasure.ASKED}' AND a.project_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM calling_staffaction d WHERE d.action = '{erasure.DONE}'
                    AND d.subject = a.subject AND d.project_id = a.project_id))"""
SEARCHED = {"erasures": ERASURES}
"""What no index answers: asked once in a while."""


def statement(conditions: dict[str, str]) -> str:
    columns = ", ".join(f"({condition}) AS {name}" for name, condition in conditions.items())
    return f"SELECT LEAST(({DEADLINE}), ({UNSENT})) AS deadline, {columns}"


LOOK, SEARCH = statement(CONDITIONS), statement(CONDITIONS | SEARCHED)


@dataclass(frozen=True)
class Waiting:
    """`names`: the conditions that hold; `deadline`: seconds until the next of a live call, or of a session
    that nobody was asked to take; negative where it has passed, None where there is none."""

    names: frozenset[str] = frozenset()
    deadline: float | None = None


def look(*, search: bool = False) -> Waiting:
    """One look at the rows. `search`: for what no index answers too."""
    now = clock.now()
    conditions = CONDITIONS | SEARCHED if search else CONDITIONS
    words: dict[str, Any] = {"test": TEST, "lowest": event_days.newest_two()}
    ((deadline, *held),) = prepared.rows(SEARCH if search else LOOK, words | moments(now))
    names = frozenset(name for name, holds in zip(conditions, held, strict=True) if holds)
    return Waiting(names, None if deadline is None else (deadline - now).total_seconds())


def moments(now: datetime) -> dict[str, datetime]:
    return {
        "now": now,
        "unsent": now - timedelta(seconds=UNSENT_SECONDS),
        "untaken": now - timedelta(seconds=UNTAKEN_SECONDS),
        "extend": now + billing.EXTEND,
    }
