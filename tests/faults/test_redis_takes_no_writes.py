"""A Redis that answers and takes nothing: a primary that was made a replica, or a memory that is full."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from urllib.parse import quote

import pytest
import redis

from calling import models
from calling.runtime import nudge
from config import health
from config.doctor import rows
from tests.config.test_sentinels_name_the_primary import PASSWORD, Servers, servers
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.faults.web_client import ask
from tests.media.phones import Phone
from tests.support import rest_client
from tests.support.people import Cast

__all__ = ["servers"]  # a fixture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timing]


def url(servers: Servers) -> str:
    return f"redis://:{quote(PASSWORD)}@127.0.0.1:{servers.primary}/0"


@pytest.mark.parametrize(
    "how", [("CONFIG", "SET", "maxmemory", "1"), ("REPLICAOF", "127.0.0.1", "1")], ids=lambda a: a[0]
)
def test_a_dial_is_told_503_before_anything_is_written(
    cast: Cast, servers: Servers, settings: object, how: tuple[str, ...]
) -> None:
    settings.REDIS_URL = url(servers)  # type: ignore[attr-defined]
    nudge.client.cache_clear()
    assert nudge.available() and health.redis_answers()
    assert [each.level for each in rows.examine_redis()] == ["good"]
    redis.Redis(port=servers.primary, password=PASSWORD).execute_command(*how)
    assert not health.redis_answers(), "/readyz says whether a call can be placed"
    assert [each.level for each in rows.examine_redis()] == ["good", "bad"]
    api = rest_client.Api(rest_client.basic(cast.project.pk, cast.api_token))
    answer = api.post("/api/calls", {"to": "/public/tone", "connect": "/public/echo"})
    assert answer.status_code == 503 and not models.Call.objects.exists()


async def test_a_primary_that_becomes_a_replica_ends_no_worker_and_no_call(
    cast: Cast,
    servers: Servers,
    web: Callable[..., tuple[subprocess.Popen[bytes], int]],
    start_worker: Callable[..., WorkerProcess],
    sweep: Callable[..., subprocess.Popen[bytes]],
) -> None:
    worker = await callers.in_thread(start_worker, REDIS_URL=url(servers))
    _, port = await callers.in_thread(web, REDIS_URL=url(servers))
    sweep(REDIS_URL=url(servers))
    bearer = f"Bearer {cast.alice.token}"

    async def dial(phone: Phone) -> str:
        body = {"to": "/public/echo", "sdp": await phone.offer()}
        for _ in range(60):
            answer = await callers.asyncio.to_thread(ask, port, bearer, "POST", "/api/calls", body)
            if answer.status == 201:
                await callers.take_answer(answer.body["id"], phone, "caller")
                await callers.hears(phone, 440.0)
                return str(answer.body["id"])
            assert answer.status == 503, answer.body
            await callers.pause(0.5)
        raise AssertionError("no call could be placed after the failover")

    first, second = Phone(440.0), Phone(440.0)
    await dial(first)
    server = redis.Redis(port=servers.primary, password=PASSWORD)
    await callers.in_thread(server.execute_command, "REPLICAOF", "127.0.0.1", servers.replica)
    await callers.pause(5)
    assert worker.process.poll() is None, worker.words()
    assert first.hears(440.0)
    await callers.in_thread(server.execute_command, "REPLICAOF", "NO", "ONE")
    await dial(second)
    assert worker.process.poll() is None and first.hears(440.0)
