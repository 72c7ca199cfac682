"""Which deliveries are due, claimed for one deliverer; and what became of them, written back in batches.

In order per endpoint and stream: only the oldest pending delivery of a stream is ever claimed, so a
failing one holds back the later events of its call and nobody else's. A claim lapses by itself: what a
killed deliverer held is tried again under the same id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from calling import control, models
from calling.webhooks.schedule import Verdict, given_up, judge
from subscribers.sealing import unseal

CLAIM_SECONDS = 15
PER_ENDPOINT = 32

CLAIM = """
WITH heads AS (
    SELECT DISTINCT ON (endpoint_id, stream) id, endpoint_id, next_at, claimed_until
    FROM calling_delivery WHERE state = 'pending'
    ORDER BY endpoint_id, stream, event_id, id
), ranked AS (
    SELECT id, row_number() OVER (PARTITION BY endpoint_id ORDER BY next_at) AS place
    FROM heads
    WHERE next_at <= now() AND (claimed_until IS NULL OR claimed_until < now())
      AND NOT endpoint_id = ANY(%(full)s)
)
UPDATE calling_delivery d SET claimed_until = now() + make_interval(secs => %(lease)s)
FROM ranked r
WHERE d.id = r.id AND r.place <= %(each)s AND d.state = 'pending'
  AND (d.claimed_until IS NULL OR d.claimed_until < now())
  AND d.id IN (SELECT id FROM calling_delivery WHERE id = r.id FOR UPDATE SKIP LOCKED)
RETURNING d.id
"""


@dataclass(frozen=True)
class Claimed:
    """One delivery to be tried now."""

    id: UUID
    endpoint_id: UUID
    url: str
    message_id: str
    body: bytes
    tries: int
    secrets: tuple[str, ...] = field(repr=False)
    signing_key: str | None = field(default=None, repr=False)  # status_url: SignalWire's header too


@dataclass(frozen=True)
class Tried:
    """What one try came to."""

    claimed: Claimed
    at: datetime
    status: int | None
    duration_ms: int
    error: str = ""
    answer: str = ""
    retry_after: str | None = None


def claim(limit: int, full: Sequence[UUID]) -> list[Claimed]:
    """Claim due deliveries, at most PER_ENDPOINT of an endpoint and none of the endpoints in `full`."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CLAIM, {"full": list(full), "lease": CLAIM_SECONDS, "each": min(PER_ENDPOINT, limit)})
        ids = [row[0] for row in cursor.fetchall()]
    rows = models.Delivery.objects.filter(pk__in=ids).select_related("endpoint__project", "event")
    return [claimed_value(row) for row in rows.order_by("event_id")]


def claimed_value(row: models.Delivery) -> Claimed:
    endpoint = row.endpoint
    own = endpoint.call_id is not None
    key = endpoint.project.signing_key
    secrets = (key,) if own else tuple(live_secrets(endpoint))
    return Claimed(
        row.id,
        endpoint.id,
        endpoint.url,
        str(row.event.event_id),
        (row.body or row.event.body).encode(),
        row.tries,
        secrets,
        key if own else None,
    )


def live_secrets(endpoint: models.WebhookEndpoint) -> list[str]:
    """The secret, and the one it replaced while that still signs along."""
    secrets = [unseal(endpoint.secret)]
    if endpoint.old_secret and endpoint.old_secret_until and endpoint.old_secret_until > timezone.now():
        secrets.append(unseal(endpoint.old_secret))
    return secrets


def settle(tried: Sequence[Tried]) -> None:
    """Write a batch of outcomes: attempts, states, and the health of their endpoints."""
    gone: dict[UUID, str] = {}
    with transaction.atomic():
        models.DeliveryAttempt.objects.bulk_create(
            models.DeliveryAttempt(
                delivery_id=each.claimed.id,
                at=each.at,
                status=each.status,
                error=each.error[:300],
                duration_ms=each.duration_ms,
                answer=each.answer[:1024],
            )
            for each in tried
        )
        done = []
        health: dict[UUID, bool] = {}
        for each in sorted(tried, key=lambda one: one.at):
            verdict = judge(each.claimed.tries + 1, each.status, each.at, each.retry_after)
            health[each.claimed.endpoint_id] = verdict.state == "delivered"
            if verdict.state == "gone":
                gone[each.claimed.endpoint_id] = "answered 410 Gone"
                verdict = Verdict("parked")
            over = verdict.state != "pending"
            done.append(
                models.Delivery(
                    id=each.claimed.id,
                    state=verdict.state,
                    tries=each.claimed.tries + 1,
                    next_at=verdict.next_at,
                    claimed_until=None,
                    finished_at=each.at if over else None,
                )
            )
        models.Delivery.objects.bulk_update(
            done, ["state", "tries", "next_at", "claimed_until", "finished_at"], batch_size=500
        )
        gone |= note_health(health, max((each.at for each in tried), default=None))
    for endpoint_id, why in gone.items():
        disable(endpoint_id, why)


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
    return {row.id: "failing for 5 days" for row in old if given_up(row.failing_since, now)}


def disable(endpoint_id: UUID, why: str) -> None:
    """Disable an endpoint, park what waits for it and say so in the project's log."""
    now = timezone.now()
    with transaction.atomic():
        row = models.WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
        if row.disabled_at is not None:
            return
        row.disabled_at, row.disabled_reason = now, why
        row.save(update_fields=["disabled_at", "disabled_reason"])
        waiting = models.Delivery.objects.filter(endpoint=row, state="pending")
        waiting.update(state="parked", claimed_until=None, finished_at=now)
        if row.call_id is None:
            data = {"webhook": {"id": str(row.id), "url": row.url}, "reason": why}
            control.record_event(row.project_id, "webhook.disabled", data)
