"""`/healthz`, `/readyz` and `/metrics`: what a supervisor, a load balancer and Prometheus ask.

The look at PostgreSQL and Redis is bounded to two seconds each; an answer is always given.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from redis.backoff import NoBackoff
from redis.retry import Retry

import clock
from calling.metrics import Switchboard
from calling.models import MediaWorker
from rest import errors, redis_clients
from subscribers import replicas

View = Callable[[HttpRequest], HttpResponse]

_PATIENCE = 2.0
REGISTRY.register(Switchboard())
# A worker's heart beats every two seconds; a lease is stale after five.
_HEARTBEAT_SECONDS = 5


def for_reading(view: View) -> View:
    """GET and HEAD only; anything else is 405 in the error shape, without a CSRF check."""

    @csrf_exempt
    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            refused = errors.answer(errors.MethodNotAllowed())
            refused["Allow"] = "GET, HEAD"
            return refused
        return view(request)

    return checked


@for_reading
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while this process lives; asks nobody."""
    return JsonResponse({"status": "ok"})


@for_reading
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when a call could be placed now, else 503: `{"database", "redis", "media_workers"}`.

    With read replicas also how many of them are usable, as `replicas`.
    """
    database = database_answers()
    state = {
        "database": database,
        "redis": redis_answers(),
        "media_workers": live_media_workers() if database else 0,
    }
    status = 200 if all(state.values()) else 503
    if replicas.aliases():  # without them the primary answers: they decide nothing here
        state["replicas"] = len(replicas.usable()) if database else 0
    return JsonResponse(state, status=status)


@for_reading
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: this web process, and what the rows say of the switchboard."""
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone())
    except Exception:
        connection.close()
        return False


def redis_answers() -> bool:
    client = redis_clients.client(
        settings.REDIS_URL,
        socket_connect_timeout=_PATIENCE,
        socket_timeout=_PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        return redis_clients.takes_writes(client)
    except redis.RedisError:
        return False
    finally:
        client.close()


def live_media_workers() -> int:
    """Media workers that take calls: a fresh heartbeat and not draining."""
    fresh = clock.now() - timedelta(seconds=_HEARTBEAT_SECONDS)
    try:
        return MediaWorker.objects.filter(heartbeat_at__gt=fresh, draining=False).count()
    except DatabaseError:
        return 0
