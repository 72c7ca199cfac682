"""What each hot query costs as tables grow: blocks of 8 kB touched, with few rows and with 33 times as many.

Rows are written by INSERT … SELECT; then the product's own functions run, and each of their statements runs
once more under EXPLAIN (ANALYZE, BUFFERS). Blocks do not depend on how busy the machine is, so they can be
held to a promise: twice as many at most. Run alone with `python -m bench.growth [--calls N] [--times N]`.

Lives here: the rows, the list of hot queries and the table. The promise in `make test` is
`tests/config/test_cost_does_not_grow_with_history.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

FACTOR = 2.0
FLOOR = 60
"""So many blocks are let pass: a tree that grew by a level, a table that was too small for its index."""
DAY_SHARE = 240
"""So many calls of the short history to a delivery of one day, one endpoint and one state: a count is cut
there, as that of a backlog is, so that both histories are counted equally far."""

ROLE = "callwright_tenant"

UUID_OF = """
CREATE FUNCTION pg_temp.a_uuid(at timestamptz, name text) RETURNS uuid LANGUAGE sql AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(name), 1, 3)
            || '8' || substr(md5(name), 4, 15))::uuid
$$
"""
ZEROES = {
    "text": "''",
    "character varying": "''",
    "jsonb": "'{}'",
    "boolean": "false",
    "uuid": "gen_random_uuid()",
}
LISTS = {"muted", "stats", "connect", "timers", "status_events", "events"}


@dataclass
class Stage:
    """Who asks in the measured queries."""

    project: UUID
    subscriber: UUID
    call: UUID
    leg: UUID
    device: UUID
    room: UUID
    endpoint: UUID
    key: str
    extra: dict[str, Any] = field(default_factory=dict)


def rows(table: str, count: int, columns: dict[str, str], first: int = 1) -> None:
    """`count` rows; a column is an SQL expression over `i`, what is not given gets its type's nought."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_name = %s AND table_schema = 'public' AND is_nullable = 'NO'"
            " AND column_default IS NULL AND is_identity = 'NO'",
            [table],
        )
        needed = {name: "'[]'" if name in LISTS else zero(kind) for name, kind in cursor.fetchall()}
        found = {**needed, **columns}
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(found)}) SELECT {', '.join(found.values())}"
            f" FROM generate_series({first}, {first + count - 1}) AS i"
        )


DAYS = 20


def make_days() -> None:
    """A partition of events for each day of the history, begun when it was, as `calling.retention.partitions`
    would have made them. Their numbers are not drawn from the sequence, which no rollback puts back."""
    from django.db import connection

    from calling.calls import event_days
    from calling.retention import partitions

    event_days.forget()
    with connection.cursor() as cursor:
        for ago in range(DAYS, -1, -1):
            first, end = (first_number(ago - later) for later in (0, 1))
            if not any(each.end > first for each in partitions.partitions()):
                partitions.make(f"calling_event_growth_{ago}", first, end)
                begun = "INSERT INTO callwright_event_day VALUES (%s, now() - %s * interval '1 day')"
                cursor.execute(begun, [first, ago])


def first_number(ago: int) -> int:
    """Of the numbers of a day so many days ago. All of them are ahead of what a fresh database has."""
    from calling.calls import event_days

    return event_days.first_number(datetime.now(UTC).date() + timedelta(days=1000 - ago))


def number_of(row: str, calls: int) -> str:
    """The number of an event in SQL: of its day, and growing with the row."""
    return f"{first_number(DAYS)} + ((({row})::bigint * {DAYS} / {calls}) << 36) + {row}"


def zero(kind: str) -> str:
    return ZEROES.get(kind, "now()" if kind.startswith("timestamp") else "0")


def fill(stage: Stage, calls: int) -> None:
    """A history of `calls` calls, half of them the project's, and a backlog of a dead endpoint."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS pg_temp.a_uuid")
        cursor.execute(UUID_OF)
    at = f"(now() - interval '20 days' + i * interval '20 days' / {calls})"
    a_call = f"pg_temp.a_uuid({at}, 'call' || i)"
    project = f"CASE WHEN i % 2 = 0 THEN '{stage.project}' ELSE '{stage.extra['other']}' END::uuid"
    people = max(20, calls // 30)
    rows(
        "calling_call", calls,
        {
            "id": a_call, "project_id": project, "state": "'ended'", "kind": "'subscriber'",
            "from_address": f"'/private/s' || i % {people}", "end_reason": "'completed'",
            "to_address": f"'/private/s' || (i + 2) % {people}", "ended_by": "'caller'",
            "created_at": at, "answered_at": at, "ended_at": at,
        },
    )  # fmt: skip
    for side, role in ((0, "caller"), (1, "callee")):
        who = f"(i + {2 * side}) % {people}"
        rows(
            "calling_leg", calls,
            {
                "id": f"pg_temp.a_uuid({at}, '{role}' || i)", "call_id": a_call, "position": str(side),
                "role": f"'{role}'", "party": "'device'", "address": f"'/private/s' || {who}",
                "subscriber_id": f"md5('subscriber' || {who})::uuid", "state": "'ended'",
                "device_id": f"md5('device' || {who})::uuid", "media_state": "'closed'",
                "offer": "repeat('v', 800)",
            },
        )  # fmt: skip
    rows(
        "calling_attempt", calls,
        {
            "id": f"pg_temp.a_uuid({at}, 'attempt' || i)", "leg_id": f"pg_temp.a_uuid({at}, 'callee' || i)",
            "device_id": f"CASE WHEN i % 3 = 0 THEN '{stage.device}' ELSE md5('device' || i)::uuid END",
            "kind": "'sip'", "state": "'answered_elsewhere'",
        },
    )  # fmt: skip
    rows(
        "calling_sipdialog",
        calls,
        {
            "id": f"pg_temp.a_uuid({at}, 'attempt' || i)",
            "call_id": a_call,
            "state": "'ended'",
            "created_at": at,
        },
    )
    rows(
        "calling_device", max(10, calls // 30),
        {
            "id": "md5('device' || i)::uuid", "project_id": project, "kind": "'phone'",
            "subscriber_id": "md5('subscriber' || i)::uuid", "created_at": "now()",
            "online_until": "CASE WHEN i % 2 = 0 THEN now() + interval '1 hour' END", "offline_at": "now()",
        },
    )  # fmt: skip
    make_days()
    rows(
        "calling_event", calls,
        {
            "id": number_of("i", calls),
            "event_id": f"pg_temp.a_uuid({at}, 'event' || i)", "project_id": project, "call_id": a_call,
            "stream": "'s' || i / 4", "sequence": "i % 4 + 1", "created_at": at,
            "type": "(ARRAY['call.created', 'call.ringing', 'call.answered', 'call.ended'])[i % 4 + 1]",
            "position": "i", "body": "'{\"data\":{\"call\":{\"filler\":\"' || repeat('x', 600) || '\"}}}'",
        },
    )  # fmt: skip
    dead, dead_too = stage.extra["dead"], stage.extra["dead_too"]
    backlog = number_of("i", calls)
    rows(
        "calling_delivery", calls,
        {
            "id": f"pg_temp.a_uuid({at}, 'delivery' || i)", "event_id": backlog, "created_at": at,
            "stream": "'s' || i / 4", "next_at": "now() - interval '1 minute'", "trigger": "'event'",
            "endpoint_id": f"CASE WHEN i % 2 = 0 THEN '{dead}' ELSE '{dead_too}' END::uuid",
            "state": f"CASE WHEN i < {calls // 4} THEN 'delivered'"
            " WHEN i % 10 = 0 THEN 'parked' ELSE 'pending' END",
        },
    )  # fmt: skip
    rows(
        "calling_recording", max(4, calls // 10),
        {"id": f"pg_temp.a_uuid({at}, 'recording' || i)", "project_id": project, "call_id": a_call,
         "state": "'finished'", "created_at": at},
    )  # fmt: skip
    rows(
        "subscribers_address", max(10, calls // 30),
        {
            "id": "md5('address' || i)::uuid", "project_id": project, "context": "'private'",
            "name": "'s' || i", "kind": "'subscriber'", "locked": "false",
            "resource_id": "md5('subscriber' || i)::uuid",
        },
    )  # fmt: skip
    rows(
        "tokens_apitoken", max(2, calls // 1000),
        {
            "id": "md5('token' || i)::uuid", "project_id": f"'{stage.project}'::uuid",
            "digest": "md5('token' || i)", "hint": "'PT'",
        },
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def set_stage() -> Stage:
    """Two projects, and one live call of one subscriber with a past as long as everybody's."""
    from calling import models
    from calling.models.ids import uuid7
    from calling.webhooks.signing import new_secret
    from subscribers.encryption import seal
    from subscribers.models import Room
    from tokens.issue import create_project, issue_api_token

    project, other = create_project("growth"), create_project("another")

    def endpoint(of: Any, **more: Any) -> UUID:
        made = models.WebhookEndpoint.objects.create(
            project=of, url="http://127.0.0.1:9/", events=["*"], secret=seal(new_secret()), **more
        )
        return UUID(str(made.id))

    now = datetime.now(UTC)
    session = models.MediaSession.objects.create(project=project, state="running", wanted_at=now)
    subscriber, device, room = uuid7(), uuid7(), Room.objects.create(project=project, name="den")
    call = models.Call.objects.create(
        project=project, session=session, state="answered", kind="subscriber", from_address="/private/alice",
        to_address="/private/bob", created_at=now, deadline=now + timedelta(hours=4), sequence=3,
    )  # fmt: skip
    leg = models.Leg.objects.create(
        call=call, position=0, role="caller", party="device", address="/private/alice", state="answered",
        subscriber_id=subscriber, device_id=device,
    )  # fmt: skip
    models.Recording.objects.create(
        project=project, call_id=call.id, state="recording", format="wav", path="x"
    )
    key = issue_api_token(project)
    extra = {"other": other.id, "dead": endpoint(project), "dead_too": endpoint(other)}
    return Stage(project.id, subscriber, call.id, leg.id, device, room.id, endpoint(project), key, extra)


def queries(stage: Stage) -> Iterator[tuple[str, bool, Callable[[], object]]]:
    """(what is asked, whether within the project's fence, the product's own function)."""
    from calling import metrics, models, presence, retention, waiting
    from calling.api.calls import visible_calls
    from calling.calls import event_log, room_sessions
    from calling.commands import leg_selection
    from calling.dashboard import call_search
    from calling.dashboard.pages import webhooks
    from calling.media.recording.rows import close_abandoned
    from calling.sip.edge import rows as sip_rows
    from calling.sockets import call_updates
    from calling.webhooks import delivery_queue
    from subscribers.models import Address
    from tokens import authentication
    from tokens.subjects import TokenHolder

    now = datetime.now(UTC)
    holder = TokenHolder(
        stage.project,
        "subscriber",
        stage.subscriber,
        "/private/alice",
        uuid4(),
        now + timedelta(hours=1),
        None,
    )
    calls = models.Call.objects.filter(project_id=stage.project).order_by("-created_at", "-id")
    newest = "-created_at", "-id"
    end = event_log.head(stage.project)

    def search(text: str) -> object:
        found = calls.filter(pk__in=calls.filter(call_search.matches(text)).values("pk"))
        return list(found.order_by("-pk")[:51])

    yield "a token's command", True, lambda: leg_selection.locate(holder, stage.call)
    yield "a token's calls", True, lambda: list(visible_calls(holder).order_by(*newest)[:51])
    yield "the newest calls", True, lambda: list(calls[:51])
    yield "calls from an address", True, lambda: list(calls.filter(from_address="/private/alice")[:51])
    yield "calls to an address", True, lambda: list(calls.filter(to_address="/private/bob")[:51])
    yield "calls of a rare kind", True, lambda: list(calls.filter(kind="pstn")[:51])
    yield "calls with a rare end", True, lambda: list(calls.filter(end_reason="failed")[:51])
    yield "consultations of a call", True, lambda: list(calls.filter(consult_of=stage.call)[:51])
    yield "search by an id", False, lambda: search(str(stage.call))
    yield "the log from now on", True, lambda: event_log.at(stage.project, now)
    yield "the log of a rare type", True, lambda: event_log.following(stage.project, 0, 50, ("room.*",))
    yield "the log from its start", True, lambda: event_log.following(stage.project, 0, 50)
    yield "the log from its end", True, lambda: event_log.following(stage.project, end - 3, 50)
    yield "the head of the log", True, lambda: event_log.head(stage.project)
    yield "the events of a call", True, lambda: list(event_log.of_call(stage.call))
    yield "what waits for the sweep", False, waiting.look
    dead = models.Delivery.objects.filter(endpoint_id=stage.extra["dead"])
    deliveries = dead.prefetch_related("event")
    yield "deliveries of an endpoint", True, lambda: list(deliveries.order_by(*newest)[:51])
    yield "claim of deliveries", False, lambda: delivery_queue.claim(256, {})
    yield "endpoints and their counts", False, lambda: webhooks.endpoints(Staff(stage.project))
    yield "/metrics", False, lambda: list(metrics.Switchboard().collect())
    yield "retention with nothing old", False, lambda: retention.forget_events(now - timedelta(days=30))
    yield "abandoned recordings", False, close_abandoned
    yield "lapsed devices", False, presence.expire_devices
    yield "forgotten devices", False, presence.forget_devices
    device = models.Device(id=stage.device, project_id=stage.project, subscriber_id=stage.subscriber)
    yield "calls of a device", False, lambda: presence.affected_calls(device)
    yield "legs of a device with a past", False, lambda: call_updates.read([str(stage.device)], {})
    yield "INVITEs to be sent", False, lambda: sip_rows.waiting([])
    yield "entry to a room", True, lambda: room_sessions.admission_refusal(stage.room)
    names = Address.objects.filter(project_id=stage.project).order_by("name", "pk")
    yield "addresses by name", True, lambda: list(names[:51])
    yield "rooms by name", True, lambda: list(names.filter(kind="room")[:51])
    ahead = now + timedelta(hours=1)  # since when no other project has called
    yield (
        "whether others call",
        True,
        lambda: ask("SELECT callwright_others_call(%s, %s)", stage.project, ahead),
    )
    yield "legs at once", True, lambda: ask("SELECT * FROM callwright_legs_held(%s)", stage.project)
    yield "an API key", False, lambda: authenticate(authentication, stage)


def ask(sql: str, *params: object) -> object:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


@dataclass
class Staff:
    """As far as the page of the endpoints looks at it."""

    project: UUID


def authenticate(authentication: Any, stage: Stage) -> object:
    authentication.forget_keys()
    return authentication.subject_from_basic(str(stage.project), stage.key)


@contextmanager
def fenced(stage: Stage, wanted: bool) -> Iterator[None]:
    """As requests of the project run, until the block ends."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        if wanted:
            cursor.execute(f"SELECT set_config('callwright.project', '{stage.project}', true)")
            cursor.execute(f"SET LOCAL ROLE {ROLE}")
        yield
        if wanted:
            cursor.execute("RESET ROLE")
            cursor.execute("SELECT set_config('callwright.project', '', true)")
        transaction.set_rollback(True)


class Meter:
    """Counts the blocks of every statement that passes through Django meanwhile."""

    def __init__(self) -> None:
        self.blocks = 0
        self.plans: list[tuple[int, str, Any]] = []
        self.quiet = False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        word = str(sql).lstrip().split(None, 1)[0].upper()
        if not self.quiet and not many and word in ("SELECT", "WITH", "UPDATE", "DELETE", "INSERT"):
            self.quiet = True
            try:
                self.explain(str(sql), params)
            finally:
                self.quiet = False
        return execute(sql, params, many, context)

    def explain(self, sql: str, params: Any) -> None:
        """A message may hold several statements, of which later ones need what earlier ones set."""
        from django.db import connection, transaction

        with transaction.atomic(), connection.cursor() as cursor:
            for part in cursor.mogrify(sql, params).split(";"):
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {part}")
                (found,) = cursor.fetchone()
                self.add(sql, (json.loads(found) if isinstance(found, str) else found)[0]["Plan"])
            transaction.set_rollback(True)

    def add(self, sql: str, plan: Any) -> None:
        names = ("Shared Hit Blocks", "Shared Read Blocks", "Temp Read Blocks", "Temp Written Blocks")
        blocks = sum(plan.get(name, 0) for name in names)
        self.blocks += blocks
        self.plans.append((blocks, sql, plan))


def measure(stage: Stage, most: int) -> dict[str, Meter]:
    """What each hot query touches now. Nothing that it writes is kept. `most`: how far a backlog is counted,
    in proportion to so few rows."""
    from django.db import connection

    from calling.webhooks import counts

    found = {}
    counts.MOST = most
    for name, within, ask in queries(stage):
        with fenced(stage, within):
            ask()  # catalogues and the planner's own look-ups are not the query's
            found[name] = Meter()
            with connection.execute_wrapper(found[name]):
                ask()
    return found


def too_many(small: int, big: int) -> bool:
    return big > max(FACTOR * small, FLOOR)


def table(small: dict[str, Meter], big: dict[str, Meter], times: int) -> list[str]:
    lines = [f"growth    {'blocks of 8 kB touched':34} {'1x':>8} {f'{times}x':>8}"]
    for name, after in big.items():
        before = small[name].blocks
        verdict = "  GROWS" if too_many(before, after.blocks) else ""
        lines.append(f"growth    {name:34} {before:8} {after.blocks:8}{verdict}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.growth")
    parser.add_argument("--calls", type=int, default=6_000)
    parser.add_argument("--times", type=int, default=33)
    chosen = parser.parse_args()
    from bench.webhooks import prepare

    prepare()
    from django.db import transaction

    found = []
    for calls in (chosen.calls, chosen.calls * chosen.times):
        with transaction.atomic():
            stage = set_stage()
            fill(stage, calls)
            found.append(measure(stage, chosen.calls // DAY_SHARE))
            transaction.set_rollback(True)
    print("\n".join(table(found[0], found[1], chosen.times)), flush=True)
    return int(any(too_many(found[0][name].blocks, after.blocks) for name, after in found[1].items()))


if __name__ == "__main__":
    sys.exit(main())
