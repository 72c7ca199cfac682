"""Which deliveries are due: claiming them for one deliverer, and releasing those it will not try.

Projects take turns. In order per endpoint and stream: only the oldest pending delivery of a stream is ever
claimed, so a failing one holds back the later events of its call and nobody else's. A claim lapses by
itself: what a killed deliverer held is tried again under the same id. What came of a try is written by
`delivery_results`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection

import clock
from calling import models
from calling.webhooks.disabling import disable
from calling.webhooks.signing import kept_secrets
from subscribers.encryption import Unreadable, unseal

UNREADABLE = "no secret key of this instance opens its secret: rotate the secret, then enable it"
PER_ENDPOINT = 32
PER_FAILING = 4
"""Tries at once for an endpoint that has failed for a minute: many dead ones leave room for others."""
AHEAD = 128
"""So many are claimed for an endpoint that answers at once: `PER_ENDPOINT` are tried, the others follow
without another claim."""
RESERVED = 64
PER_QUIET = 8
"""Of a deliverer's room so many places are for projects that have no more than so many tries at once: however
many endpoints others have, and however slowly they answer, a quiet project's delivery finds a place."""

AT_ONCE = 128
"""So many one claim takes at most: they are tried while the next is made."""
WALK = 1000
"""So many endpoints with something pending one claim looks at; the next one goes on behind them."""

# Taken in the index's order, a claim reads as many heads as it has room for; a bitmap or a sort of them all
# is what the planner prefers until it knows how many there are.
CLAIM = """
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true);
WITH RECURSIVE walk AS (
    (SELECT endpoint_id, 1 AS step FROM calling_delivery
     WHERE state = 'pending' AND head AND (%(after)s::uuid IS NULL OR endpoint_id > %(after)s::uuid)
     ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM calling_delivery d
            WHERE d.state = 'pending' AND d.head AND d.endpoint_id > w.endpoint_id
            ORDER BY d.endpoint_id LIMIT 1), w.step + 1
    FROM walk w WHERE w.endpoint_id IS NOT NULL AND w.step < %(walk)s
), asked AS (
    SELECT e.id, e.project_id, e.hasten_at, e.park_before, COALESCE(b.count, 0) AS count,
           CASE WHEN e.failing_since < clock_timestamp() - interval '60 seconds'
                THEN %(failing)s WHEN e.id = ANY(%(quick)s::uuid[]) THEN %(ahead)s ELSE %(each)s END AS room
    FROM walk w JOIN calling_webhookendpoint e ON e.id = w.endpoint_id AND e.disabled_at IS NULL
    LEFT JOIN unnest(%(busy)s::uuid[], %(counts)s::int[]) AS b(endpoint_id, count) ON b.endpoint_id = e.id
), ranked AS (
    SELECT h.id, h.next_at, a.id AS endpoint_id, a.project_id, a.room,
           row_number() OVER (PARTITION BY a.id ORDER BY h.next_at, h.id) + a.count AS place
    FROM asked a CROSS JOIN LATERAL (
        (SELECT d.id, d.next_at FROM calling_delivery d
         WHERE d.endpoint_id = a.id AND d.next_at <= clock_timestamp() AND {free}
         ORDER BY d.next_at LIMIT greatest(a.room - a.count, 0))
        UNION
        (SELECT d.id, d.next_at FROM calling_delivery d
         WHERE d.endpoint_id = a.id AND d.tried_at < a.hasten_at AND {free}
         ORDER BY d.tried_at LIMIT greatest(a.room - a.count, 0))
    ) h
), busy_projects AS (
    SELECT e.project_id, sum(b.count) AS count
    FROM unnest(%(busy)s::uuid[], %(counts)s::int[]) AS b(endpoint_id, count)
    JOIN calling_webhookendpoint e ON e.id = b.endpoint_id
    GROUP BY e.project_id
), by_project AS (
    SELECT r.id, r.next_at,
           row_number() OVER (PARTITION BY r.project_id ORDER BY r.place, r.next_at, r.id)
               + COALESCE(p.count, 0) AS place
    FROM ranked r LEFT JOIN busy_projects p ON p.project_id = r.project_id
    WHERE r.place <= r.room
), in_turn AS (
    SELECT id, place, row_number() OVER (ORDER BY place, next_at, id) AS turn FROM by_project
), chosen AS (
    SELECT id FROM in_turn
    WHERE turn <= %(most)s AND (place <= %(quiet)s OR turn <= %(limit)s - %(reserved)s)
), held AS MATERIALIZED (
    SELECT d.id FROM calling_delivery d
    WHERE d.id = ANY(ARRAY(SELECT id FROM chosen)) AND d.state || '' = 'pending'
      AND (d.claimed_until IS NULL OR d.claimed_until < clock_timestamp())
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE calling_delivery d SET claimed_until = clock_timestamp() + make_interval(secs => %(lease)s)
    WHERE d.id = ANY(ARRAY(SELECT id FROM held))
    RETURNING d.id, d.endpoint_id, d.event_id, d.tries, d.body, d.claimed_until
)
SELECT last.endpoint_id, c.*
FROM (SELECT (SELECT endpoint_id FROM walk ORDER BY step DESC LIMIT 1)) AS last(endpoint_id)
LEFT JOIN claimed c ON true ORDER BY c.event_id, c.id
""".replace(
    "{free}",
    """d.state = 'pending' AND d.head
         AND (d.claimed_until IS NULL OR d.claimed_until < clock_timestamp())
         AND (a.park_before IS NULL OR d.created_at > a.park_before)
         AND d.id = (
             SELECT o.id FROM calling_delivery o
             WHERE o.state = 'pending' AND (o.endpoint_id, o.stream) >= (d.endpoint_id, d.stream)
             ORDER BY o.endpoint_id, o.stream, o.event_id, o.id LIMIT 1)""",
)
"""What is claimed are heads: the oldest pending delivery of a stream. Endpoints are stepped through by the
index of the heads, and of each only so many heads are read as it has room for: a backlog costs nothing.

`state || ''` is the state, in words that no partial index answers: a row whose key is known is looked up by
it, also where the planner believes that nothing is pending."""

# Not joined: by their numbers alone, events are looked for in the days that have them.
ENDPOINTS = """
SELECT e.id, e.url, e.call_id, e.secret, e.old_secret, e.old_secret_until, e.project_id, p.signing_key
FROM calling_webhookendpoint e JOIN subscribers_project p ON p.id = e.project_id WHERE e.id = ANY(%s::uuid[])
"""
EVENTS = "SELECT id, event_id::text, type, call_id, body FROM calling_event WHERE id = ANY(%s::bigint[])"

GIVE_BACK = """
UPDATE calling_delivery d SET claimed_until = NULL FROM unnest(%s::uuid[], %s::timestamptz[]) AS v(id, until)
WHERE d.id = v.id AND d.state = 'pending' AND d.claimed_until = v.until
"""


@dataclass(frozen=True)
class ClaimedDelivery:
    """One delivery to be tried now."""

    id: UUID
    endpoint_id: UUID
    url: str
    message_id: str
    body: bytes
    tries: int
    secrets: tuple[str, ...] = field(repr=False)
    signing_key: str | None = field(default=None, repr=False)  # status_url: SignalWire's header too
    event: str = ""
    call_id: UUID | None = None
    project_id: UUID | None = None
    until: datetime | None = None  # when the claim lapses
    asked: float = field(default_factory=clock.monotonic)  # clock.monotonic() before it was claimed

    def has_lapsed(self) -> bool:
        """Whether another deliverer may claim it: this process stalled, or the claim's answer came late."""
        return clock.monotonic() - self.asked >= lease_seconds()


def lease_seconds() -> float:
    """How long a claim lasts: half as long again as a try."""
    return settings.CALLWRIGHT_WEBHOOK_SECONDS * 1.5


def claim(limit: int, busy: Mapping[UUID, int]) -> list[ClaimedDelivery]:
    """Claim at most `limit` due deliveries; `busy` counts the tries under way by endpoint."""
    return claim_behind(None, limit, busy)[0]


def claim_behind(
    after: UUID | None,
    limit: int,
    busy: Mapping[UUID, int],
    quick: Collection[UUID] = (),
    most: int | None = None,
) -> tuple[list[ClaimedDelivery], UUID | None]:
    """The same among the endpoints behind `after` (None: from the first); and where the next claim begins.

    `quick`: endpoints that answer at once; `most`: no more than so many, however much room there is.
    """
    values: dict[str, Any] = {
        "busy": list(busy),
        "counts": list(busy.values()),
        "lease": lease_seconds(),
        "each": PER_ENDPOINT,
        "failing": PER_FAILING,
        "quick": list(quick),
        "ahead": AHEAD,
        "limit": limit,
        "most": limit if most is None else min(limit, most),
        "quiet": PER_QUIET,
        "reserved": RESERVED,
        "after": after,
        "walk": WALK,
    }
    asked = clock.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        cursor.nextset()
        rows = cursor.fetchall()
        last, claimed = rows[0][0], [ClaimedRow(*row[1:]) for row in rows if row[1] is not None]
        if not claimed:
            return [], last
        endpoints = {each.endpoint_id for each in claimed}
        cursor.execute(f"{ENDPOINTS}; {EVENTS}", [list(endpoints), [each.event_id for each in claimed]])
        found = cursor.fetchall()
        cursor.nextset()
        events = {row[0]: row[1:] for row in cursor.fetchall()}
    return list(readable(claimed, signers_of(found), events, asked)), last


class ClaimedRow(NamedTuple):
    """A row that `CLAIM` returns."""

    id: UUID
    endpoint_id: UUID
    event_id: int
    tries: int
    body: str
    claimed_until: datetime


@dataclass(frozen=True)
class Signer:
    """What deliveries to one endpoint have in common."""

    url: str
    project_id: UUID
    secrets: tuple[str, ...] = field(repr=False)
    signing_key: str | None = field(repr=False)


def signers_of(rows: Iterable[Sequence[Any]]) -> dict[UUID, Signer]:
    """By endpoint. One whose secret no key of ours opens is disabled, the others go on."""
    found = {}
    for endpoint_id, url, call_id, secret, old_secret, old_secret_until, project_id, key in rows:
        endpoint = models.WebhookEndpoint(
            id=endpoint_id, secret=secret, old_secret=old_secret, old_secret_until=old_secret_until
        )
        own = call_id is not None
        try:
            secrets = (key,) if own else tuple(live_secrets(endpoint))
        except Unreadable:
            disable(endpoint_id, UNREADABLE)
        else:
            found[endpoint_id] = Signer(url, project_id, secrets, key if own else None)
    return found


def readable(
    claimed: Iterable[ClaimedRow],
    signers: Mapping[UUID, Signer],
    events: Mapping[int, Sequence[Any]],
    asked: float,
) -> Iterator[ClaimedDelivery]:
    """The deliveries that can be signed."""
    for each in claimed:
        signer, event = signers.get(each.endpoint_id), events.get(each.event_id)
        if event is None:  # it went with its day in the moment in which this was queued
            models.Delivery.objects.filter(pk=each.id).delete()
        elif signer is not None:
            message_id, kind, call_id, body = event
            yield ClaimedDelivery(
                each.id,
                each.endpoint_id,
                signer.url,
                message_id,
                (each.body or body).encode(),
                each.tries,
                signer.secrets,
                signer.signing_key,
                kind,
                call_id,
                signer.project_id,
                each.claimed_until,
                asked,
            )


def give_back(claimed: Sequence[ClaimedDelivery]) -> None:
    """Let others have at once what this deliverer claimed and will not finish; not what another has claimed
    since."""
    with connection.cursor() as cursor:
        cursor.execute(GIVE_BACK, [[each.id for each in claimed], [each.until for each in claimed]])


def live_secrets(endpoint: models.WebhookEndpoint) -> list[str]:
    """The secret, and the replaced secrets that still sign, newest first."""
    found = [unseal(endpoint.secret)]
    old = kept_secrets(endpoint.old_secret, endpoint.old_secret_until, clock.now())
    for kept in reversed(old):
        with contextlib.suppress(Unreadable):  # of a secret key that was taken away
            found.append(unseal(kept.sealed))
    return found
