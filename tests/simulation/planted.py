"""Faults put into the product on purpose, which the laws must find: name → a patch for the time of a run.

A patch changes the text of a function or a statement of the product, and fails where that text is no longer
there. Must not live here: how long the laws may take to find one.
"""

from __future__ import annotations
import __future__

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import clock
from calling import presence, retention, sweep, waiting
from calling.calls import control, event_days, mapping, store
from calling.media.worker import lease
from calling.media_sessions import failover
from calling.telephony import billing
from calling.webhooks import delivery_queue, delivery_results, fanout, publish, redelivery
from subscribers import idempotency
from tests.simulation import processes

Patch = Callable[[], Any]


def instead(place: Any, name: str, value: Any) -> Patch:
    return lambda: mock.patch.object(place, name, value)


def replaced(text: str, part: str, other: str) -> str:
    assert part in text, f"the product no longer says {part!r}"
    return text.replace(part, other)


def edited(place: Any, name: str, part: str, other: str) -> Patch:
    """A function of a module or class with a part of its source replaced."""

    def patch() -> Any:
        function = inspect.unwrap(getattr(place, name))
        source = replaced(textwrap.dedent(inspect.getsource(function)), part, other)
        module = sys.modules[function.__module__]
        made: dict[str, Any] = {}
        flags = __future__.annotations.compiler_flag
        exec(compile(source, module.__file__ or name, "exec", flags), module.__dict__, made)
        return mock.patch.object(place, name, made[name])

    return patch


def statement(place: Any, name: str, *changes: tuple[str, str]) -> Patch:
    """A statement of SQL with some of its parts replaced."""
    text = getattr(place, name)
    for part, other in changes:
        text = replaced(text, part, other)
    return instead(place, name, text)


def together(*patches: Patch) -> Patch:
    @contextmanager
    def all_of_them() -> Iterator[None]:
        with ExitStack() as stack:
            for patch in patches:
                stack.enter_context(patch())
            yield

    return all_of_them


def publish_in_two_halves() -> publish.Published:
    """Positions are committed before the deliveries are written."""
    _, published, _, _ = publish.give_positions(event_days.newest_two(), told=True)
    if published:
        fanout.fan_out(published)
    return publish.Published(len(published))


# That only the oldest delivery of a stream is claimed.
OLDEST = """
         AND d.id = (
             SELECT o.id FROM calling_delivery o
             WHERE o.state = 'pending' AND (o.endpoint_id, o.stream) >= (d.endpoint_id, d.stream)
             ORDER BY o.endpoint_id, o.stream, o.event_id, o.id LIMIT 1)"""
LAPSED = "(d.claimed_until IS NULL OR d.claimed_until < clock_timestamp())"
ALL_SESSIONS = "SELECT id FROM calling_mediasession WHERE state IN ('moving', 'running') LIMIT %s"
LOST, ALL = (text.replace("LIMIT %s", "LIMIT 1") for text in (failover.LOST, ALL_SESSIONS))
LET_GO = """;
UPDATE calling_device d SET online_until = %(until)s, lease_id = NULL
WHERE d.lease_id = %(lease)s AND d.online_until IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM unnest(%(devices)s::uuid[]) AS mine(id) WHERE mine.id = d.id)
"""
TURNS = """row_number() OVER (PARTITION BY r.project_id ORDER BY r.place, r.next_at, r.id)
               + COALESCE(p.count, 0) AS place"""
EARLY_ANSWER = """early = HttpResponse(
            json.dumps({"id": str(request.claim)}).encode(), status=201, content_type="application/json"
        )
        StoredAnswer.objects.filter(pk=row.pk, claim=row.claim).update(sealed=_seal(early))
        response = self.get_response(request)"""
STALE_BALANCE = """early = Account.objects.get(pk=project_id)
    found = Account.objects.select_for_update().get(pk=project_id)
    found.balance, found.reserved = early.balance, early.reserved
    return found"""

PLANTED: dict[str, Patch] = {
    "lost fence check": statement(store, "FENCE", ("epoch = %s AND state = 'running'", "epoch >= %s - 1000")),
    "publish before commit": together(
        instead(publish, "publish_round", publish_in_two_halves),
        instead(processes, "publish_round", publish_in_two_halves),
    ),
    "claim without lease": statement(delivery_queue, "CLAIM", (LAPSED, "true")),
    "double settle": edited(
        delivery_results,
        "settle_others",
        'if row.state == "delivered" or (late and verdict.state != "delivered"):',
        "if False:",
    ),
    "a sweep that ends well sessions": together(
        instead(failover, "LOST", ALL_SESSIONS),
        statement(waiting, "LOOK", (LOST, ALL)),
        statement(waiting, "SEARCH", (LOST, ALL)),
    ),
    "timer not cleared": edited(
        mapping,
        "call_columns",
        '"deadline": call.next_deadline',
        '"deadline": call.next_deadline or call.ended_at',
    ),
    "idempotency key stored too early": edited(
        idempotency.IdempotencyMiddleware, "_answer", "response = self.get_response(request)", EARLY_ANSWER
    ),
    "balance read outside the lock": edited(
        billing,
        "locked_account",
        "return Account.objects.select_for_update().get(pk=project_id)",
        STALE_BALANCE,
    ),
    "nudge taken for truth": statement(
        lease, "BEAT", ("LEFT JOIN digests ON digests.session_id = kept.id", "LEFT JOIN digests ON false")
    ),
    "a call over before the first comparison": instead(lease, "NEVER", None),
    "grace forgotten": instead(sweep.Rounds, "leases_count", classmethod(lambda cls: True)),
    "retention past a cursor": statement(
        retention,
        "EVENTS",
        (
            """
      AND (e.position IS NULL OR e.position < h.position)""",
            "",
        ),
    ),
    "order broken on replay": edited(
        redelivery, "replay", "stream=event.stream,", 'stream=f"replay {event.stream}",'
    ),
    "a project that takes all turns": statement(
        delivery_queue,
        "CLAIM",
        (TURNS, "row_number() OVER (ORDER BY r.next_at, r.id) AS place"),
    ),
    "order broken": statement(
        delivery_queue, "CLAIM", (OLDEST, ""), ("d.state = 'pending' AND d.head\n", "d.state = 'pending'\n")
    ),
    "a session claimed without a look": statement(
        lease, "CLAIM", ("AND state = 'wanted' AND epoch = %(epoch)s", "")
    ),
    "an idempotency key without its claim": instead(idempotency, "_stable_id", lambda row: clock.new_id()),
    "a claim whose answer was lost": statement(lease, "STRAYS", ("WHERE state", "WHERE false AND state")),
    "a device held by a process that lost it": statement(presence, "RENEW", (LET_GO, "")),
    "numbers with gaps": edited(
        control, "number_events", "row.sequence += 1", "row.sequence += 2 if row.sequence == 3 else 1"
    ),
}
