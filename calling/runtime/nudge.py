"""Wake-ups over Redis pub/sub. A nudge means "read the rows now"; it carries no data and may be lost.

Channels: `cw:edge` (a call changed), `cw:media` (a session has work), `cw:events` (a project's log grew),
`cw:publish` (events wait for their position), `cw:revoked` (tokens or keys were revoked).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.db import transaction

import clock
from rest import redis_clients

log = logging.getLogger(__name__)

EDGE, MEDIA, EVENTS, PUBLISH, REVOKED = "cw:edge", "cw:media", "cw:events", "cw:publish", "cw:revoked"
LOOK_SECONDS = 2.0


@lru_cache(maxsize=1)
def client() -> redis.Redis:
    return redis_clients.client(
        settings.REDIS_URL, socket_connect_timeout=0.5, socket_timeout=0.5, max_connections=1000
    )


class Health:
    """Whether Redis has answered recently: after a failure, nudges are skipped for a second, not queued."""

    failed_at = 0.0


def send(channel: str, message: dict[str, Any]) -> None:
    """Publish at once; an unavailable Redis costs at most half a second, once per second."""
    if clock.monotonic() - Health.failed_at < 1.0:
        return
    try:
        client().publish(channel, json.dumps(message))
    except redis.RedisError as error:
        Health.failed_at = clock.monotonic()
        log.warning(
            "Redis is unavailable, a nudge was dropped", extra={"channel": channel, "error": str(error)}
        )


def on_commit(channel: str, message: dict[str, Any]) -> None:
    """Publish after the surrounding transaction commits."""
    transaction.on_commit(lambda: send(channel, message))


def wake_session(session_id: UUID | str) -> None:
    """Let the worker of a media session look at its rows, once the surrounding transaction is committed."""
    on_commit(MEDIA, {"session": str(session_id)})


def available() -> bool:
    """Whether Redis takes a task now: a dial needs that to start a media session."""
    try:
        return redis_clients.takes_writes(client())
    except redis.RedisError:
        Health.failed_at = clock.monotonic()
        return False


async def listen(
    *channels: str, every: float = LOOK_SECONDS
) -> AsyncIterator[tuple[str, dict[str, Any]] | None]:
    """Yield (channel, message), and None at least every `every` seconds and after each reconnect.

    None means "look at the rows": whatever was nudged meanwhile may have been lost.
    """
    while True:
        connection = redis_clients.async_client(
            settings.REDIS_URL, socket_connect_timeout=1.0, socket_timeout=None
        )
        subscription = connection.pubsub(ignore_subscribe_messages=True)
        try:
            await asyncio.wait_for(subscription.subscribe(*channels), 1.0)
            yield None
            looked = clock.monotonic()
            while True:
                left = max(0.01, every - (clock.monotonic() - looked))
                message = await subscription.get_message(timeout=left)
                if message is not None:
                    with contextlib.suppress(ValueError, UnicodeDecodeError):
                        yield message["channel"].decode(), json.loads(message["data"])
                if clock.monotonic() - looked >= every:
                    looked = clock.monotonic()
                    yield None
        except (redis.RedisError, OSError, TimeoutError):
            yield None
            await asyncio.sleep(every / 2)  # an attempt takes a second at most
        finally:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(subscription.aclose(), 1.0)  # type: ignore[no-untyped-call]
            with contextlib.suppress(Exception):
                await asyncio.wait_for(connection.aclose(), 1.0)
