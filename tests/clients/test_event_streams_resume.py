"""`stream()` of the Python client and `callwright listen` lose no event when the web server is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import Server, ServerConnection, serve

from bench.instance import Instance
from tests.clients.session import environment, until
from tests.webhooks.receivers import Receiver

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "clients" / "python" / "src"))

from callwright_client import AsyncCallwright, Callwright, StreamRefused  # noqa: E402


class Log:
    """A socket that sends the given entries after a cursor, at most two on one connection."""

    def __init__(self, entries: int) -> None:
        self.entries, self.said = entries, []
        self.server: Server = serve(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.socket.getsockname()[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _serve(self, socket: ServerConnection) -> None:
        auth = json.loads(socket.recv())
        self.said.append(auth)
        after = int(auth["after"])
        if auth["api_token"] != "key":
            socket.send(json.dumps({"type": "error", "code": "unauthorized", "message": "No."}))
            socket.close(4401)
            return
        socket.send(json.dumps({"type": "pong", "req_id": None}))
        for number in range(after + 1, min(after + 3, self.entries + 1)):
            socket.send(json.dumps({"cursor": str(number), "event": {"type": "call.ended", "data": number}}))
        socket.close(1012 if after == 0 else 1011)


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log(5)
    yield made
    made.server.shutdown()


def test_a_stream_continues_behind_its_last_cursor(log: Log) -> None:
    with Callwright(log.url, "project", "key") as client:
        live = client.stream(after="0", types=["call.*"])
        assert [next(live)["event"]["data"] for _ in range(5)] == [1, 2, 3, 4, 5]
    assert [each["after"] for each in log.said] == ["0", "2", "4"]
    assert all(each["types"] == ["call.*"] and each["project_id"] == "project" for each in log.said)


def test_the_stream_for_asyncio_does_the_same(log: Log) -> None:
    async def read() -> list[Any]:
        found: list[Any] = []
        async with AsyncCallwright(log.url, "project", "key") as client:
            async for entry in client.stream(after="0"):
                found.append(entry["event"]["data"])
                if len(found) == 5:
                    break
        return found

    assert asyncio.run(read()) == [1, 2, 3, 4, 5]


def test_a_wrong_key_ends_a_stream(log: Log) -> None:
    with Callwright(log.url, "project", "wrong") as client, pytest.raises(StreamRefused) as caught:
        next(client.stream(after="0"))
    assert caught.value.code == "unauthorized" and len(log.said) == 1


def web_processes(instance: Instance) -> list[int]:
    """The web servers of that instance, and of no other: its data directory is in their environment."""
    mark = f"CALLWRIGHT_DATA_DIR={instance.directory / 'data'}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            if b"config.serve" in command and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.timing
@pytest.mark.timeout(600)
def test_a_killed_web_server_costs_neither_the_stream_nor_listen_an_event(running: Instance) -> None:
    def happen(*numbers: int) -> None:
        for number in numbers:
            body = {"to": "/public/busy", "connect": "/public/echo", "metadata": {"number": number}}
            until(lambda body=body: dialled(running, body), "a dial", 90.0)

    receiver = Receiver()
    command = [sys.executable, "-m", "clients.command", "--json", "listen", "--forward-to", receiver.url]
    given = environment(running, "uma", receiver.url) | {"PYTHONPATH": str(ROOT)}
    seen: list[int] = []
    with (
        Callwright(running.url, running.project_id, running.api_token) as client,
        subprocess.Popen(
            [*command, "--type", "call.created"], env=given, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        ) as listening,
    ):  # fmt: skip
        assert listening.stderr is not None
        assert [listening.stderr.readline() for _ in range(3)][2].startswith("callwright: listening")
        live = client.stream(types=["call.created"])

        def read() -> None:
            for entry in live:
                about = entry["event"]["data"]["call"]["metadata"]
                if about is not None:  # other tests' calls begin before this thread has ended
                    seen.append(about["number"])

        threading.Thread(target=read, daemon=True).start()
        happen(1, 2)
        until(lambda: seen == [1, 2] and len(receiver.got) == 2, "the first events")
        former = web_processes(running)
        assert former
        for pid in former:
            os.kill(pid, signal.SIGKILL)
        happen(3, 4)  # each waits until the instance is back
        until(lambda: len(seen) >= 4 and len(receiver.got) >= 4, "the events after the restart", 90.0)
        time.sleep(1.0)  # one that came twice would come by now
        assert set(web_processes(running)).isdisjoint(former)
        listening.terminate()
    told = [got.json["data"]["call"]["metadata"]["number"] for got in receiver.got]
    receiver.close()
    assert seen == [1, 2, 3, 4] and told == [1, 2, 3, 4]


def dialled(instance: Instance, body: dict[str, Any]) -> bool:
    try:
        instance.api("POST", "/api/calls", body)
    except (OSError, RuntimeError):
        return False
    return True
