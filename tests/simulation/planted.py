"""Faults put into the product on purpose, which the laws must find: name → a patch for the time of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import clock
from calling import models, sweep
from calling.calls import control, store
from calling.media.worker import lease
from calling.media_sessions import failover
from calling.webhooks import delivery_queue, fanout, publish
from subscribers import idempotency


def in_place_of(place: Any, name: str, value: Any) -> Callable[[], Any]:
    return lambda: mock.patch.object(place, name, value)


def without(place: Any, name: str, part: str, instead: str = "") -> Callable[[], Any]:
    """A statement without one of its parts."""
    text = getattr(place, name)
    assert part in text, f"{name} no longer says {part!r}"
    return in_place_of(place, name, text.replace(part, instead))


def claim_without_a_look(session_id: str, epoch: int, worker_id: Any) -> int:
    models.MediaSession.objects.filter(pk=session_id).update(
        state="running", worker_id=worker_id, epoch=epoch + 1, lease_until=clock.now()
    )
    return epoch + 1


def publish_in_two_halves() -> int:
    """Positions are committed before the deliveries are written."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(publish.POSITIONS, [publish.TEST, publish.BATCH])
        published = cursor.fetchall()
    if published:
        fanout.fan_out([event_id for _, event_id in published])
    return len(published)


@contextmanager
def timers_stay() -> Iterator[None]:
    """An ended call keeps the deadline that it had."""
    real = store.call_columns

    def columns(call: Any) -> dict[str, Any]:
        found = real(call)
        return found if found.get("deadline") is not None else {**found, "deadline": clock.now()}

    with mock.patch.object(store, "call_columns", columns):
        yield


@contextmanager
def two_numbers_at_once() -> Iterator[None]:
    """Every tenth event takes two numbers."""
    real, seen = control.number_events, [0]

    def numbered(events: Any, rows: Any, now: Any) -> list[models.Event]:
        for event in events:
            seen[0] += 1
            if seen[0] % 10 == 0:
                rows[event.call_id].sequence += 1
        return real(events, rows, now)

    with mock.patch.object(control, "number_events", numbered):
        yield


# That only the oldest delivery of a stream is claimed.
OLDEST = """
         AND d.id = (
             SELECT o.id FROM calling_delivery o
             WHERE o.state = 'pending' AND (o.endpoint_id, o.stream) >= (d.endpoint_id, d.stream)
             ORDER BY o.endpoint_id, o.stream, o.event_id, o.id LIMIT 1)"""
HEADS = "d.state = 'pending' AND d.head" + "\n"
LAPSED = "(d.claimed_until IS NULL OR d.claimed_until < clock_timestamp())"


def any_of_a_stream() -> str:
    assert OLDEST in delivery_queue.CLAIM and HEADS in delivery_queue.CLAIM
    return delivery_queue.CLAIM.replace(OLDEST, "").replace(HEADS, "d.state = 'pending'\n")


PLANTED: dict[str, Callable[[], Any]] = {
    "lost fence check": in_place_of(control, "check_fence", lambda fence: None),
    "a session is claimed without a look": in_place_of(lease, "claim", claim_without_a_look),
    "order broken": in_place_of(delivery_queue, "CLAIM", any_of_a_stream()),
    "claim without lease": without(delivery_queue, "CLAIM", LAPSED, "true"),
    "publish in two halves": in_place_of(publish, "publish_waiting", publish_in_two_halves),
    "timer not cleared": timers_stay,
    "numbers with gaps": two_numbers_at_once,
    "an idempotency key without its claim": in_place_of(
        idempotency, "_stable_id", lambda row: clock.new_id()
    ),
    "a sweep that ends well sessions": in_place_of(
        failover,
        "LOST",
        "SELECT id FROM calling_mediasession WHERE state IN ('moving', 'running') LIMIT %s",
    ),
    "grace forgotten": in_place_of(sweep.Rounds, "leases_count", classmethod(lambda cls: True)),
}
