"""What must hold in the simulated world, whatever went wrong. Each raises `Broken` with what it found.

The laws of single calls and of worlds are the machine's own (`tests.machine.invariants`), those of money the
ledger's (`tests.support.ledger`); here are those of rows, of the log and its readers, of deliveries and of
claims. They read through a connection of their own.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from calling import models
from calling.calls import queries
from calling.calls.event_log import Entry
from calling.sockets.call_updates import CallUpdate
from calling.webhooks import delivery_queue
from calling.webhooks.delivery_queue import ClaimedDelivery
from tests.machine import invariants
from tests.simulation.sql import Database
from tests.simulation.world import EPOCH, Actor, Broken, World
from tests.support import ledger

# What a claim at this moment could be given, as everybody sees it who is in no transaction.
DUE = """
SELECT e.project_id, d.id FROM calling_delivery d JOIN calling_webhookendpoint e ON e.id = d.endpoint_id
WHERE d.state = 'pending' AND d.head AND d.next_at <= %(now)s AND e.disabled_at IS NULL
  AND (d.claimed_until IS NULL OR d.claimed_until < %(now)s) AND e.failing_since IS NULL
  AND (e.park_before IS NULL OR d.created_at > e.park_before)
  AND d.id = (SELECT o.id FROM calling_delivery o WHERE o.state = 'pending' AND o.endpoint_id = d.endpoint_id
      AND o.stream = d.stream ORDER BY o.event_id, o.id LIMIT 1)
ORDER BY d.id
"""
# Of what was claimed until then: what is younger than something pending of the same endpoint and stream.
PASSED_OVER = """
SELECT d.id FROM calling_delivery d JOIN calling_event e ON e.id = d.event_id
WHERE d.state = 'pending' AND d.claimed_until = %(until)s AND EXISTS (
    SELECT 1 FROM calling_delivery o JOIN calling_event f ON f.id = o.event_id
    WHERE o.endpoint_id = d.endpoint_id AND o.state = 'pending' AND o.event_id < d.event_id
      AND f.stream = e.stream)
ORDER BY d.id
"""
LATE_SECONDS = 60.0  # a due delivery that waited longer was passed over
COMPARISONS = 3  # a session that is over is let go by then, whatever nudge was lost; a refusal may cost two
GONE_SECONDS = 60.0  # a device whose socket is gone for longer is offline

ONE_END = "SELECT call_id FROM calling_event WHERE type = 'call.ended' GROUP BY call_id HAVING count(*) > 1"
GAPS = """
SELECT e.call_id FROM calling_event e JOIN calling_call c ON c.id = e.call_id
WHERE c.created_at > %(kept)s GROUP BY e.call_id, c.sequence
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
SELECT c.id FROM calling_call c WHERE c.state = 'ended' AND c.created_at > %(kept)s AND NOT EXISTS
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
NUMBERS = """
SELECT later.call_id FROM calling_event later JOIN calling_event earlier
    ON earlier.call_id = later.call_id AND earlier.sequence = later.sequence - 1 WHERE earlier.id > later.id
"""
ONE_PLACE = """
SELECT project_id, position FROM calling_event WHERE position IS NOT NULL
GROUP BY project_id, position HAVING count(*) > 1
"""
# Of each delivery that is pending, by the index of its attempts: a join would read all that there ever were.
AGAIN = """
SELECT d.id FROM calling_delivery d CROSS JOIN LATERAL (
    SELECT 1 FROM (SELECT a.status FROM calling_deliveryattempt a WHERE a.delivery_id = d.id OFFSET 0) a
    WHERE a.status BETWEEN 200 AND 299 LIMIT 1) a
WHERE d.state = 'pending'
"""
TRIED = frozenset({"calling_delivery", "calling_deliveryattempt"})
MONEY = frozenset({"calling_account", "calling_ledgerentry", "calling_phonecharge"})
UNFAIR = """
SELECT e.project_id, d.id, d.next_at
FROM calling_delivery d JOIN calling_webhookendpoint e ON e.id = d.endpoint_id
WHERE d.state = 'pending' AND d.head AND e.disabled_at IS NULL AND e.park_before IS NULL
  AND d.next_at < %(late)s AND d.created_at < %(late)s AND coalesce(d.claimed_until, d.next_at) < %(late)s
  AND d.id = (SELECT o.id FROM calling_delivery o WHERE o.state = 'pending' AND o.endpoint_id = d.endpoint_id
      AND o.stream = d.stream ORDER BY o.event_id, o.id LIMIT 1)
  AND NOT EXISTS (SELECT 1 FROM calling_delivery o WHERE o.endpoint_id = d.endpoint_id
      AND o.stream = d.stream AND o.finished_at > %(late)s)
"""
OVER = """
SELECT s.id FROM calling_mediasession s WHERE s.id = ANY(%s) AND s.state = 'running'
  AND NOT EXISTS (SELECT 1 FROM calling_call c WHERE c.session_id = s.id AND c.state <> 'ended')
ORDER BY s.id
"""
DELIVERED_AGAIN = "what was delivered is not tried again"
ALWAYS = {
    "a call ends once": ONE_END,
    "the numbers of a call's events have no gap": GAPS,
    "nothing of a call follows its end": AFTER_END,
    "a live call has a deadline": NO_DEADLINE,
    "an ended call has no deadline": OLD_DEADLINE,
    "an ended call has said so": NO_END,
    "nothing rings after the end": RINGS_AFTER_END,
    "the log keeps the order of a call": POSITIONS,
    "a call's events lie in the order in which days are": NUMBERS,
    "a position is given once": ONE_PLACE,
    DELIVERED_AGAIN: AGAIN,
    "no due delivery waits for others'": UNFAIR,
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
        self.kept_seconds = float("inf")  # how long events are kept
        self.caps: dict[UUID, int | None] = {}  # project -> what a day may cost
        self.events: dict[UUID, set[str]] = defaultdict(set)  # project -> all that were ever written
        self.read: dict[UUID, list[int]] = defaultdict(
            list
        )  # project -> the positions that a reader was given
        self.anew: set[str] = set()  # endpoints that were disabled and enabled again
        self.gone: dict[
            str, float
        ] = {}  # device -> since when it has no socket, whether or not that was said
        self.due: dict[Actor, dict[UUID, set[UUID]]] = {}  # what a claim chose from, by project
        self.over: dict[tuple[Actor, UUID], int] = {}  # sessions without a live call -> how often compared so
        self.newest = 0
        self.moved = -1  # the version of what is money when it was last proven
        self.tried = 0  # the version of what is tried when it was last looked at
        self.keys: dict[str, str] = {}
        database.before_commit = self.before_commit
        database.after_statement[delivery_queue.CLAIM] = self.chooses

    def hold(self, name: str, found: object) -> None:
        if found:
            raise Broken(f"{name}: {str(found)[:500]}")

    def ask(self, laws: dict[str, str]) -> None:
        """All in one statement, which tells the rows that break one, three of each at most."""
        moments = {"kept": self.before(self.kept_seconds), "late": self.before(LATE_SECONDS)}
        asked = (
            f"SELECT {number} AS law, to_jsonb(found) AS found FROM ({sql} LIMIT 3) found"
            for number, sql in enumerate(laws.values())
        )
        broken = self.database.monitor.execute(" UNION ALL ".join(asked), moments).fetchall()
        if broken:
            first = min(number for number, _ in broken)
            self.hold(list(laws)[first], [found for number, found in broken if number == first])

    def before(self, seconds: float) -> datetime:
        return EPOCH + timedelta(seconds=max(0.0, self.world.now - seconds))

    def always(self) -> None:
        """Between two steps: of everything that is committed now."""
        self.checked += 1
        self.ask(ALWAYS)
        long = [device for device, since in self.gone.items() if self.world.now - since > GONE_SECONDS]
        if long:
            online = models.Device.objects.filter(pk__in=long, online_until__isnull=False).order_by("id")
            found = list(online.values_list("id", "online_until")[:3])
            self.hold("a device that has no socket goes offline", found)
        self.note_events()
        live = models.Call.objects.exclude(state="ended").order_by("id")
        with queries.repeatable_read():
            calls = queries.values(list(live))
        try:
            world = {call.id: call for call in calls}
            for call in calls:
                invariants.check_call(call)
                invariants.check_links(world, call)
            invariants.check_hearing(world)
        except (AssertionError, KeyError) as error:
            raise Broken(f"a law of the machine: {error!r}") from error
        if (moved := self.world.version(MONEY)) != self.moved:
            self.moved = moved
            self.prove_money()

    def prove_money(self) -> None:
        try:
            with queries.repeatable_read():
                for project_id, cap in self.caps.items():
                    ledger.prove_cap(ledger.prove(project_id), cap)
                    ledger.prove_charges(project_id)
        except AssertionError as error:
            raise Broken(f"the ledger is the balance: {error!r}") from error

    def note_events(self) -> None:
        sql = """SELECT id, project_id, event_id FROM calling_event
                 WHERE id > %s AND type <> 'webhook.test' ORDER BY id"""
        for number, project_id, event_id in self.database.monitor.execute(
            sql, [self.newest - 500]
        ).fetchall():
            self.events[project_id].add(str(event_id))
            self.newest = max(self.newest, number)

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
            missed = self.events[UUID(project_id)] - self.got[endpoint_id]
            self.hold("each event is delivered at least once", sorted(missed)[:3])
        for project_id, events in self.events.items():
            seen = self.read[project_id]
            self.hold(
                "a reader of the log has each event once",
                (len(seen), len(events)) if len(seen) != len(events) else None,
            )
        for key, call_id in self.keys.items():
            found = models.Call.objects.filter(pk=call_id).exists()
            self.hold("a call that was answered for exists", None if found else (key, call_id))

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

    def compared(self, actor: Actor, kept: Sequence[str]) -> None:
        """A worker compared the rows of these, its sessions."""
        over = {key: count for key, count in self.over.items() if key[0] is not actor}
        found = self.database.monitor.execute(OVER, [[UUID(each) for each in kept]]) if kept else ()
        for session_id in found:
            key = (actor, session_id[0])
            over[key] = self.over.get(key, 0) + 1
            if over[key] > COMPARISONS:
                raise Broken(f"a session that is over is let go: {actor.name} keeps {session_id[0]}")
        self.over = over

    def chooses(self, actor: Actor) -> None:
        """A claim has just chosen: what it could have chosen from. Rows that others hold are passed over.
        What a late verdict made pending again is due at once, so only a claim is sure to see it."""
        if (tried := self.world.version(TRIED)) != self.tried:
            self.tried = tried
            self.ask({DELIVERED_AGAIN: AGAIN})
        now = EPOCH + timedelta(seconds=self.world.now)
        until = now + timedelta(seconds=delivery_queue.lease_seconds())
        passed = self.database.monitor.execute(PASSED_OVER, {"until": until}).fetchall()
        self.hold("the oldest of a stream goes first, sent again or not", passed)
        held = any(each.holds for each in self.world.actors if each is not actor)
        due: dict[UUID, set[UUID]] = defaultdict(set)
        if not held:
            for project_id, delivery_id in self.database.monitor.execute(DUE, {"now": now}).fetchall():
                due[project_id].add(delivery_id)
        self.due[actor] = due

    def chosen(self, actor: Actor, busy: Mapping[UUID, int], claimed: Sequence[ClaimedDelivery]) -> None:
        """A claim was given these. busy: tries under way, by project. No project waits while another that has
        more tries at once is given one more."""
        counts, due = Counter(busy), self.due.pop(actor, {})
        counts.update(each.project_id for each in claimed if each.project_id is not None)
        given = {each.project_id for each in claimed}
        most = max((counts[each] for each in given if each is not None), default=0)
        for project_id, waiting in due.items():
            left = waiting - {each.id for each in claimed}
            if left and counts[project_id] + 1 < min(most, delivery_queue.PER_ENDPOINT):
                raise Broken(
                    f"projects take turns: {len(left)} of {project_id} wait, which has {counts[project_id]} "
                    f"tries at once, while another was given its {most}th"
                )
        self.world.counts["claims among projects"] += len(due) > 1

    def posts(self, delivery_id: UUID, actor: Actor, asked: float, given: float) -> None:
        """A try begins. asked, given: when its claim was asked for and had; it holds as long as its lease."""
        before = self.trying.get(delivery_id)
        if before is not None and given - before[0] < delivery_queue.lease_seconds():
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
            if endpoint_id in self.anew and sequence > newest:
                kept.append(sequence - 1)  # what was parked while it was disabled comes by a replay alone
                newest = sequence - 1
            if sequence > newest + 1:
                raise Broken(f"the order of a call is kept: {sequence} after {newest} of {call_id}")
            if accepted and sequence == newest + 1:
                kept.append(sequence)
        if accepted:
            self.got[endpoint_id].add(message_id)

    def followed(self, project_id: UUID, cursor: int, entries: Sequence[Entry]) -> None:
        """A reader of the log asked for what follows a cursor, and got this."""
        for expected, entry in enumerate(entries, cursor + 1):
            if entry.position != expected:
                raise Broken(
                    f"a reader of the log has each event once: {entry.position} after {expected - 1}"
                )
            self.read[project_id].append(entry.position)

    def expired(self, project_id: UUID, cursor: int) -> None:
        raise Broken(f"a cursor that keeps up does not expire: {cursor} of {project_id}")

    def told(self, device: str, call_id: str, known: int, update: CallUpdate) -> None:
        """A device's socket was told these events of a call after the one that it knew."""
        numbers = [each.sequence for each in update.said if each.sequence > known]
        if numbers != list(range(known + 1, update.sequence + 1)):
            raise Broken(
                f"a device is told each event in order: {device} had {known} of {call_id}: {numbers}"
            )

    def answered(self, key: str, call_id: str) -> None:
        """A back end was told that its request with this key made that call."""
        if self.keys.setdefault(key, call_id) != call_id:
            raise Broken(f"one key, one call: {self.keys[key]} and {call_id}")
