"""What PostgreSQL and Redis tell the doctor. Raises what the database raises; the examination bounds it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Exists, Max, Min, OuterRef, Sum

import clock
from calling import models
from calling.calls import event_days, event_log
from calling.runtime import nudge
from config.doctor import findings
from config.doctor.findings import Finding
from rest import redis_clients
from subscribers import database_roles, replicas, row_security

_FRESH = timedelta(seconds=5)
_OVERDUE = timedelta(seconds=30)


def examine_database() -> Iterator[Finding]:
    """Version, clock, schema, connections of PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        yield findings.version("PostgreSQL", str(cursor.fetchone()[0]), (14,), "15 to 17")
        before = clock.now()
        cursor.execute("SELECT clock_timestamp()")
        theirs = cursor.fetchone()[0]
        middle = before + (clock.now() - before) / 2
        yield findings.clock((theirs - middle).total_seconds())
        cursor.execute("SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity")
        yield findings.connections(*cursor.fetchone())
        cursor.execute("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
        yield findings.owner_login(*cursor.fetchone())
    yield findings.shown_statements(tuple(database_roles.statements_shown(_requests_user())))
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    yield findings.migrations(tuple(f"{each.app_label}.{each.name}" for each, _ in plan))
    if not plan:
        if (user := _requests_user()) is not None:
            yield findings.two_logins(tuple(database_roles.login_faults(user)), user)
        else:
            yield findings.one_login(row_security.usable(), str(connection.settings_dict["USER"]))


def examine_replicas() -> Iterator[Finding]:
    """Each read replica: whether it is one, and how far behind."""
    for alias in replicas.aliases():
        where = connections[alias].settings_dict
        about = f"{where['HOST']}:{where['PORT'] or 5432}"
        try:
            found = replicas.state(alias)
        except DatabaseError as error:
            yield findings.replica_away(about, str(error).splitlines()[0][:160])
        else:
            yield findings.replica(about, found.standby, found.late, settings.CALLWRIGHT_REPLICA_LAG_SECONDS)
        finally:
            connections[alias].close()


def _requests_user() -> str | None:
    requests = connection.settings_dict.get("REQUESTS")
    return str(requests["USER"]) if requests is not None else None


def examine_switchboard() -> Iterator[Finding]:
    """Media workers, the event log, deliveries."""
    now = clock.now()
    alive = models.MediaWorker.objects.filter(heartbeat_at__gt=now - _FRESH)
    serving = alive.filter(draining=False)
    sums = serving.aggregate(legs=Sum("legs"), budget=Sum("budget"), lag=Max("loop_lag_ms"))
    yield findings.workers(
        serving.count(),
        alive.filter(draining=True).count(),
        sums["legs"] or 0,
        sums["budget"] or 0,
        sums["lag"] or 0.0,
    )
    waiting = event_log.waiting()
    oldest = waiting.aggregate(at=Min("created_at"))["at"]
    yield findings.log_lag(waiting.count(), (now - oldest).total_seconds() if oldest else 0.0)
    days = event_days.begun()
    yield findings.retention(
        settings.CALLWRIGHT_RETENTION_DAYS,
        settings.CALLWRIGHT_CALL_RETENTION_DAYS,
        (now - days[-1][1]) / timedelta(days=1) if days else None,
    )
    yield findings.deliveries(
        overdue(now - _OVERDUE),
        models.WebhookEndpoint.objects.filter(disabled_at=None).exclude(failing_since=None).count(),
        models.Delivery.objects.filter(state="parked").count(),
        models.WebhookEndpoint.objects.exclude(disabled_at=None).count(),
    )


def overdue(before: datetime) -> int:
    """Tries that nothing holds back but that nobody makes them: not behind another of their stream, and
    not at an endpoint that fails, which is given less room."""
    pending = models.Delivery.objects.filter(state="pending")
    earlier = pending.filter(
        endpoint=OuterRef("endpoint"), stream=OuterRef("stream"), event_id__lt=OuterRef("event_id")
    )
    free = {"endpoint__disabled_at": None, "endpoint__failing_since": None}
    return pending.filter(~Exists(earlier), next_at__lt=before, **free).count()


def examine_redis() -> Iterator[Finding]:
    """Whether Redis answers, how old it is, and whether it takes what a dial writes."""
    server = str(nudge.client().info("server")["redis_version"])
    yield findings.version("Redis", server, (6,), "7 and Valkey 8")
    try:
        redis_clients.takes_writes(nudge.client())
    except redis.ResponseError as error:
        yield findings.unwritable("Redis", str(error))
