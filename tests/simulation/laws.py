"""What must hold in the simulated world, whatever went wrong. Each raises `Broken` with what it found.

The laws of single calls and of worlds are the machine's own (`tests.machine.invariants`); here are those of
rows, of the log, of deliveries and of claims. They read through a connection of their own.
"""

from __future__ import annotations

import json
from collections import defaultdict
from uuid import UUID

from django.conf import settings

from calling import models
from calling.calls import store
from tests.machine import invariants
from tests.simulation.sql import Database
from tests.simulation.world import Actor, Broken, World

ONE_END = "SELECT call_id FROM calling_event WHERE type = 'call.ended' GROUP BY call_id HAVING count(*) > 1"
GAPS = """
SELECT e.call_id FROM calling_event e JOIN calling_call c ON c.id = e.call_id GROUP BY e.call_id, c.sequence
HAVING count(*) <> max(e.sequence) OR min(e.sequence) <> 1 OR count(DISTINCT e.sequence) <> count(*)
    OR max(e.sequence) <> c.sequence
"""
AFTER_END = """
SELECT e.call_id FROM calling_event e
JOIN calling_event f ON f.call_id = e.call_id AND f.sequence > e.sequence
WHERE e.type = 'call.ended' AND f.type LIKE 'call.%%'
"""
NO_DEADLINE = "SELECT id FROM calling_call WHERE state <> 'ended' AND deadline IS NULL"
OLD_DEADLINE = "SELECT id FROM calling_call WHERE state = 'ended' AND deadline IS NOT NULL"
NO_END = """
SELECT c.id FROM calling_call c WHERE c.state = 'ended' AND NOT EXISTS
    (SELECT 1 FROM calling_event e WHERE e.call_id = c.id AND e.type = 'call.ended')
"""
RINGS_AFTER_END = """
SELECT c.id FROM calling_call c JOIN calling_leg l ON l.call_id = c.id
LEFT JOIN calling_attempt a ON a.leg_id = l.id AND a.state IN ('preparing', 'ringing')
WHERE c.state = 'ended' AND (l.state <> 'ended' OR a.id IS NOT NULL)
"""
POSITIONS = """
SELECT later.call_id FROM calling_event later JOIN calling_event earlier
    ON earlier.call_id = later.call_id AND earlier.sequence = later.sequence - 1
WHERE later.position IS NOT NULL AND (earlier.position IS NULL OR earlier.position > later.position)
"""
ALWAYS = {
    "a call ends once": ONE_END,
    "the numbers of a call's events have no gap": GAPS,
    "nothing of a call follows its end": AFTER_END,
    "a live call has a deadline": NO_DEADLINE,
    "an ended call has no deadline": OLD_DEADLINE,
    "an ended call has said so": NO_END,
    "nothing rings after the end": RINGS_AFTER_END,
    "the log keeps the order of a call": POSITIONS,
}
LATE = {
    "every event is published": "SELECT id FROM calling_event WHERE position IS NULL",
    "no call lives on": "SELECT id FROM calling_call WHERE state <> 'ended'",
    "no media session lives on": "SELECT id FROM calling_mediasession WHERE state <> 'ended'",
    "an event meets each endpoint once": """
        SELECT event_id FROM calling_delivery WHERE trigger = 'event' GROUP BY event_id, endpoint_id
        HAVING count(*) > 1
    """,
}


class Laws:
    """The laws of one world."""

    def __init__(self, world: World, database: Database) -> None:
        self.world, self.database = world, database
        self.accepted: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.bodies: dict[tuple[str, str], bytes] = {}
        self.got: dict[str, set[str]] = defaultdict(set)  # endpoint -> message ids that it accepted
        self.claims: dict[tuple[str, int], tuple[Actor, int]] = {}
        self.trying: dict[UUID, tuple[float, Actor]] = {}
        self.checked = 0
        database.before_commit = self.before_commit

    def hold(self, name: str, found: object) -> None:
        if found:
            raise Broken(f"{name}: {str(found)[:500]}")

    def ask(self, laws: dict[str, str]) -> None:
        for name, sql in laws.items():
            self.hold(name, self.database.monitor.execute(sql + " LIMIT 3").fetchall())

    def always(self) -> None:
        """Between two steps: of everything that is committed now."""
        self.checked += 1
        self.ask(ALWAYS)
        live = models.Call.objects.exclude(state="ended").order_by("id")
        with store.repeatable_read():
            calls = store.values(list(live))
        try:
            world = {call.id: call for call in calls}
            for call in calls:
                invariants.check_call(call)
                invariants.check_links(world, call)
            invariants.check_hearing(world)
        except (AssertionError, KeyError) as error:
            raise Broken(f"a law of the machine: {error!r}") from error

    def undisturbed(self) -> None:
        """Where every process was well, none was taken for lost."""
        moved = models.MediaSession.objects.filter(moves__gt=0)
        self.hold(
            "nobody takes a session from a worker that is well", list(moved.values_list("id", "moves")[:3])
        )

    def finally_(self, well: dict[str, str]) -> None:
        """A minute after everything went well again. well: id of an endpoint that answers 200 -> project."""
        self.always()
        self.ask(LATE)
        waiting = models.Delivery.objects.filter(endpoint_id__in=list(well), state="pending")
        self.hold("what could be delivered is", list(waiting.values_list("id", "tries", "next_at")[:3]))
        for endpoint_id, project_id in well.items():
            events = models.Event.objects.filter(project_id=project_id).exclude(type="webhook.test")
            missed = {str(each) for each in events.values_list("event_id", flat=True)} - self.got[endpoint_id]
            self.hold("each event is delivered at least once", sorted(missed)[:3])

    # --- while it happens

    def before_commit(self, actor: Actor) -> None:
        """What a worker writes under a fence commits only while the session has that epoch."""
        if actor.fence is None:
            return
        session_id, epoch = actor.fence
        sql = "SELECT epoch, state FROM calling_mediasession WHERE id = %s"
        row = self.database.monitor.execute(sql, [UUID(session_id)]).fetchone()
        if row != (epoch, "running"):
            raise Broken(f"nothing is written under an old epoch: {epoch} while the row says {row}")

    def claimed(self, session_id: str, epoch: int, actor: Actor) -> None:
        """A worker was given a session under this epoch."""
        holder = self.claims.setdefault((session_id, epoch), (actor, actor.lives))
        if holder != (actor, actor.lives):
            raise Broken(f"one worker holds a session under one epoch: {holder[0].name} and {actor.name}")

    def posts(self, delivery_id: UUID, actor: Actor, asked: float, given: float) -> None:
        """A try begins. asked, given: when its claim was asked for and had; it holds as long as its lease."""
        before = self.trying.get(delivery_id)
        if before is not None and given < before[0]:
            return  # a late try of a claim that had lapsed before another was given
        if before is not None and given - before[0] < settings.CALLWRIGHT_WEBHOOK_SECONDS * 1.5:
            raise Broken(f"a delivery is claimed by one at a time: {before[1].name} and {actor.name}")
        self.trying[delivery_id] = (asked, actor)

    def posted(self, delivery_id: UUID, actor: Actor) -> None:
        if self.trying.get(delivery_id, (0.0, None))[1] is actor:
            del self.trying[delivery_id]

    def delivered(self, endpoint_id: str, message_id: str, body: bytes, accepted: bool) -> None:
        """A receiver got this, and answered 200 or something else."""
        same = self.bodies.setdefault((endpoint_id, message_id), body)
        if same != body:
            raise Broken(f"one id has one body: {message_id}")
        said = json.loads(body)
        data = said["data"]
        call_id, sequence = data.get("call", {}).get("id"), data.get("sequence")
        if call_id is not None and sequence is not None:
            kept = self.accepted[endpoint_id, str(call_id)]
            newest = kept[-1] if kept else 0
            if sequence > newest + 1:
                raise Broken(f"the order of a call is kept: {sequence} after {newest} of {call_id}")
            if accepted and sequence == newest + 1:
                kept.append(sequence)
        if accepted:
            self.got[endpoint_id].add(message_id)
