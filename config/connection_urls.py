"""Turns DATABASE_URL and REDIS_URL into what Django and Celery want. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from rest import redis_clients

# How long a standby is waited for: one that is gone, and a lock that its replay holds.
REPLICA_PATIENCE = {"connect_timeout": "2", "tcp_user_timeout": "3000", "options": "-c lock_timeout=2000"}


def give_back(connection: Any) -> None:
    """Nothing of a project's role stays on a connection that goes back (`subscribers.row_security`)."""
    if getattr(connection, "of_a_project", False):
        with connection.transaction():
            connection.execute("RESET ROLE")
            connection.execute("RESET callwright.project")
        connection.of_a_project = False


def django_database(url: str, pool_size: int, requests_url: str | None = None) -> dict[str, Any]:
    """The DATABASES entry of a postgresql:// URL. `requests_url`: the login that requests of projects use
    (`subscribers.postgresql`); without one they share the first, whose connections then change roles."""
    pool: dict[str, Any] = {
        "min_size": 0,
        "max_size": pool_size,
        "timeout": 5,
        "max_idle": 60.0,
        # How long the pool's own retries go on, ever more slowly. Short, so that the first request after an
        # outage makes a fresh attempt.
        "reconnect_timeout": 3,
    }
    if requests_url is None:
        pool["reset"] = give_back
    login = _login(url)
    return {
        "ENGINE": "subscribers.postgresql",
        **login,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,  # `subscribers.postgresql` looks, without asking the server
        "OPTIONS": {**login["OPTIONS"], "pool": pool},
        "REQUESTS": _login(requests_url) if requests_url is not None else None,
    }


def replica_database(url: str, pool_size: int, requests_url: str | None = None) -> dict[str, Any]:
    """The DATABASES entry of a standby, with the same two logins. Its patience is short: the primary can
    answer instead (`subscribers.replicas`)."""
    found = django_database(url, pool_size, requests_url)
    for login in (found, found["REQUESTS"]):
        if login is not None:
            login |= {name: found[name] for name in ("NAME", "HOST", "PORT")}
            options = {**REPLICA_PATIENCE, **dict(parse_qsl(urlsplit(url).query))}
            options.pop("host", None)
            login["OPTIONS"] = {**login["OPTIONS"], **options}
    found["OPTIONS"]["pool"] |= {"timeout": 2, "reconnect_timeout": 1}
    return found


def _login(url: str) -> dict[str, Any]:
    """Where to, and as whom; query parameters become libpq options (sslmode, ...)."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    host = query.pop("host", None) or parts.hostname or ""
    query.setdefault("connect_timeout", "5")
    return {
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(host),
        "PORT": str(parts.port or ""),
        "OPTIONS": query,
    }


def celery_broker(url: str) -> str:
    """A Redis URL as kombu spells it: unix sockets are redis+socket:// with virtual_host for the number."""
    sentinels = redis_clients.sentinel_url(url)
    if sentinels is not None:
        return sentinels.broker
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    number = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis+socket://{parts.path}?virtual_host={number}"
