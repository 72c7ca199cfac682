"""Storing the outcomes of tries: attempts, states, and the health of endpoints.

Many tries are one statement. Which deliveries are tried is `delivery_queue`'s, when they are tried again
`schedule`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min

from calling import models
from calling.webhooks.delivery_queue import ClaimedDelivery
from calling.webhooks.disabling import disable
from calling.webhooks.schedule import Verdict, is_abandoned, next_attempt

SETTLE = """
UPDATE calling_delivery d
SET state = v.state, tries = v.tries, next_at = v.next_at, claimed_until = NULL, finished_at = v.finished_at,
    tried_at = v.tried_at
FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
     AS v(id, state, tries, next_at, finished_at, tried_at)
WHERE d.id = v.id
"""

DELIVERED = """
WITH quick AS (
    SELECT set_config('synchronous_commit', 'off', true) AS off
), told AS (
    SELECT v.* FROM quick,
         unnest(%s::uuid[], %s::int[], %s::timestamptz[], %s::int[], %s::int[], %s::text[], %s::uuid[])
         AS v(id, tries, at, status, duration_ms, answer, endpoint_id)
    WHERE quick.off = 'off'
), settled AS (
    UPDATE calling_delivery d
    SET state = 'delivered', tries = t.tries, next_at = NULL, claimed_until = NULL, finished_at = t.at
    FROM told t WHERE d.id = t.id AND d.state || '' = 'pending' AND d.tries < t.tries
    RETURNING d.id
), noted AS (
    INSERT INTO calling_deliveryattempt (delivery_id, at, status, error, duration_ms, answer)
    SELECT t.id, t.at, t.status, '', t.duration_ms, t.answer FROM told t JOIN settled s ON s.id = t.id
), well AS (
    UPDATE calling_webhookendpoint SET failing_since = NULL
    WHERE failing_since IS NOT NULL AND id IN (SELECT endpoint_id FROM told)
)
SELECT id FROM settled
"""
"""One round trip for what was simply delivered: the shorter the time between a receiver's answer and this,
the fewer deliveries come twice when the deliverer is killed. It does not wait for the disk either: a crash of
PostgreSQL may forget it, and then too a delivery comes again under the same id."""


@dataclass(frozen=True)
class DeliveryResult:
    """The outcome of one try."""

    claimed: ClaimedDelivery
    at: datetime
    status: int | None
    duration_ms: int
    error: str = ""
    answer: str = ""
    retry_after: str | None = None


def settle(tried: Sequence[DeliveryResult]) -> None:
    """Write a batch of outcomes: attempts, states, and the health of their endpoints.

    A delivery that was removed meanwhile is passed over; one that somebody else settled or claimed after
    this deliverer's claim had lapsed, or that was parked, keeps its state unless this try delivered it.
    """
    simple = settle_delivered([each for each in tried if each.status and 200 <= each.status < 300])
    left = [each for each in tried if each.claimed.id not in simple]
    if left:
        settle_others(left)


def settle_delivered(tried: Sequence[DeliveryResult]) -> set[UUID]:
    """Write what was delivered while its claim held. The ids written; whatever else happened is not here."""
    if not tried:
        return set()
    # a delivery is claimed by one deliverer for one try at a time; should it be here twice, the first counts
    rows = {each.claimed.id: each for each in reversed(tried)}
    rows = {id: rows[id] for id in sorted(rows)}  # locked in the order in which all lock deliveries
    columns = zip(
        *(
            (
                each.claimed.id,
                each.claimed.tries + 1,
                each.at,
                each.status,
                each.duration_ms,
                each.answer[:1024],
                each.claimed.endpoint_id,
            )
            for each in rows.values()
        ),
        strict=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(DELIVERED, [list(column) for column in columns])
        return {row[0] for row in cursor.fetchall()}


def settle_others(tried: Sequence[DeliveryResult]) -> None:
    """Failures, and tries that end after their delivery was parked, settled by another or removed."""
    gone: dict[UUID, str] = {}
    with transaction.atomic():
        mine = models.Delivery.objects.select_for_update().filter(pk__in=[each.claimed.id for each in tried])
        rows = {row.id: row for row in mine.order_by("id")}
        known = [each for each in sorted(tried, key=lambda one: one.at) if each.claimed.id in rows]
        models.DeliveryAttempt.objects.bulk_create(attempt_row(each) for each in known)
        began = dict(
            models.DeliveryAttempt.objects.filter(delivery_id__in=rows)
            .values_list("delivery_id")
            .annotate(first=Min("at"))
            .order_by()
        )
        done: dict[UUID, Outcome] = {}
        health: dict[UUID, bool] = {}
        for each in known:
            row, tries = rows[each.claimed.id], each.claimed.tries + 1
            verdict = next_attempt(
                tries,
                each.status,
                each.at,
                each.retry_after,
                waits=settings.CALLWRIGHT_WEBHOOK_WAITS,
                first=began[row.id],
            )
            health[each.claimed.endpoint_id] = verdict.state == "delivered"
            if verdict.state == "gone":
                gone[each.claimed.endpoint_id] = "answered 410 Gone"
                verdict = Verdict("parked")
            late = row.state != "pending" or row.tries >= tries or claimed_anew(row, each.claimed)
            if row.state == "delivered" or (late and verdict.state != "delivered"):
                continue
            finished = each.at if verdict.state != "pending" else None
            done[row.id] = Outcome(verdict.state, max(tries, row.tries), verdict.next_at, finished, each.at)
        write_outcomes(done)
        gone |= note_health(health, max((each.at for each in known), default=None))
    for endpoint_id, why in gone.items():
        disable(endpoint_id, why)


def claimed_anew(row: models.Delivery, mine: ClaimedDelivery) -> bool:
    """Whether another try of a later claim is running: its outcome counts."""
    return row.claimed_until is not None and mine.until is not None and row.claimed_until > mine.until


def attempt_row(tried: DeliveryResult) -> models.DeliveryAttempt:
    return models.DeliveryAttempt(
        delivery_id=tried.claimed.id,
        at=tried.at,
        status=tried.status,
        error=tried.error[:300],
        duration_ms=tried.duration_ms,
        answer=tried.answer[:1024],
    )


class Outcome(NamedTuple):
    state: str
    tries: int
    next_at: datetime | None
    finished_at: datetime | None
    tried_at: datetime


def write_outcomes(done: Mapping[UUID, Outcome]) -> None:
    """One statement for the whole batch: Django's own bulk update costs more than the deliveries."""
    if not done:
        return
    columns = (list(column) for column in zip(*done.values(), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, [list(done), *columns])


def note_health(health: dict[UUID, bool], now: datetime | None) -> dict[UUID, str]:
    """Start or clear `failing_since`. Returns the endpoints that have failed for too long."""
    good = [endpoint_id for endpoint_id, ok in health.items() if ok]
    bad = [endpoint_id for endpoint_id, ok in health.items() if not ok]
    rows = models.WebhookEndpoint.objects
    if good:
        rows.filter(pk__in=good, failing_since__isnull=False).update(failing_since=None)
    if not bad or now is None:
        return {}
    rows.filter(pk__in=bad, failing_since=None).update(failing_since=now)
    old = rows.filter(pk__in=bad, disabled_at=None, call_id=None)
    return {row.id: "failing for 5 days" for row in old if is_abandoned(row.failing_since, now)}
