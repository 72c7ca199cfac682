"""What Prometheus is told about the switchboard, read from the rows when it asks.

Every web process answers the same, as the rows are the truth: take one of them, or `max`. Each figure is
one bounded query over an index; where PostgreSQL is unavailable only the process's own figures are given.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import Count, Min
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg import errors

import clock
from calling import models
from calling.calls import event_log
from calling.machine.states import CallState
from calling.webhooks import counts

log = logging.getLogger(__name__)

WORKER_SECONDS = 5  # a heartbeat older than a lease is no worker
QUERY_MILLISECONDS = 2000


class Switchboard(Collector):
    """Calls, events, deliveries and media workers as gauges."""

    def describe(self) -> list[Metric]:
        return []  # registering asks nothing of the database

    def collect(self) -> Iterator[Metric]:
        found: list[Metric] = []
        up = True
        try:
            # For this transaction alone: the session may be another's next (PgBouncer).
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(QUERY_MILLISECONDS)])
                for figures in (calls, workers, events, deliveries):  # what takes longest comes last
                    found += figures()
                cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
        except DatabaseError as error:
            # A statement that took too long was answered all the same: the database is up, and slow.
            up = isinstance(error.__cause__, errors.QueryCanceled)
            log.warning(
                "PostgreSQL is unavailable or slow, metrics are incomplete", extra={"error": str(error)}
            )
        yield GaugeMetricFamily("callwright_database_up", "Whether PostgreSQL answered.", value=up)
        yield from found


def calls() -> list[Metric]:
    """`callwright_calls{state}`: live calls; every live state is always there."""
    metric = GaugeMetricFamily("callwright_calls", "Live calls by state.", labels=["state"])
    counted = models.Call.objects.exclude(state="ended").values_list("state").annotate(Count("id"))
    found = dict(counted.order_by())
    for state in CallState:
        if state.value != "ended":
            metric.add_metric([state.value], found.get(state.value, 0))
    return [metric]


def events() -> list[Metric]:
    """Events without a position yet, and for how long the oldest waits: the sweep is behind or gone."""
    waiting = event_log.waiting().aggregate(count=Count("id"), since=Min("created_at"))
    return [
        GaugeMetricFamily("callwright_events_waiting", "Events not yet published.", value=waiting["count"]),
        GaugeMetricFamily(
            "callwright_events_oldest_seconds", "Age of the oldest of them.", value=age(waiting["since"])
        ),
    ]


def deliveries() -> list[Metric]:
    metric = GaugeMetricFamily(
        "callwright_deliveries", "Webhook deliveries not yet done, by state.", labels=["state"]
    )
    for state in ("pending", "parked"):
        metric.add_metric([state], counts.about(state))
    pending = models.Delivery.objects.filter(state="pending").order_by("created_at")
    oldest = pending.values_list("created_at", flat=True).first()
    return [
        metric,
        GaugeMetricFamily(
            "callwright_deliveries_oldest_seconds", "Age of the oldest pending delivery.", value=age(oldest)
        ),
    ]


def workers() -> list[Metric]:
    """Legs, budget, processor and event loop lag of every worker whose heart beats."""
    fresh = clock.now() - timedelta(seconds=WORKER_SECONDS)
    rows = list(models.MediaWorker.objects.filter(heartbeat_at__gt=fresh).order_by("name")[:1000])
    shown: list[tuple[str, str, list[float]]] = [
        ("legs", "Legs carried.", [float(row.legs) for row in rows]),
        ("legs_budget", "Legs it takes at most.", [float(row.budget) for row in rows]),
        ("cpu_share", "Share of one core in use.", [row.cpu for row in rows]),
        ("loop_lag_seconds", "p99 of the event loop's lag.", [row.loop_lag_ms / 1000 for row in rows]),
        ("draining", "1 while it takes no further calls.", [float(row.draining) for row in rows]),
    ]
    made: list[Metric] = []
    for name, words, values in shown:
        metric = GaugeMetricFamily(f"callwright_worker_{name}", words, labels=["worker", "region"])
        for row, value in zip(rows, values, strict=True):
            metric.add_metric([row.name, row.region], value)
        made.append(metric)
    counted = GaugeMetricFamily("callwright_workers", "Media workers whose heart beats.", value=len(rows))
    return [counted, *made]


def age(since: datetime | None) -> float:
    """Seconds since then, 0 for None."""
    return max(0.0, (clock.now() - since).total_seconds()) if since is not None else 0.0
