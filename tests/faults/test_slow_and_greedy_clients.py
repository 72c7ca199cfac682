"""Clients that are slow on purpose, that ask too much, or meet a full pool: the others notice nothing."""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.db import connection, transaction

from calling import models
from tests.faults.web_client import ask
from tests.support.fake_worker import SCRIPT
from tests.support.people import Cast, make_mallory
from tests.support.rest_client import basic

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

Web = Callable[..., tuple[subprocess.Popen[bytes], int]]
HANDSHAKE = (
    b"GET /ws/phone HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
BEGINNINGS = {
    "says nothing": (b"", False),
    "head without end": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", True),
    "half a handshake": (HANDSHAKE, False),
    "no first frame": (HANDSHAKE + b"\r\n", False),
    "frame without end": (HANDSHAKE + b"\r\n\x81\xfe\x40\x00", True),
    "body without end": (b"POST /api/calls HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", True),
}


@contextmanager
def bystander(port: int, cast: Cast) -> Iterator[list[float]]:
    """Another project's client, asking five times a second. How long each answer took; all are 200."""
    key, times, ended = basic(cast.project.id, cast.api_token), [], threading.Event()
    wrong: list[int] = []

    def follow() -> None:
        while not ended.wait(0.2):
            began = time.monotonic()
            status = ask(port, key, "GET", "/api/calls").status
            times.append(time.monotonic() - began)
            if status != 200:
                wrong.append(status)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    yield times
    ended.set()
    thread.join(15)
    times.sort()
    middle = times[len(times) // 2] * 1000
    print(f"bystander: {len(times)} answers, p50 {middle:.0f} ms, worst {times[-1]:.2f} s")
    assert times and not wrong


def memory_kb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


@pytest.mark.family
def test_sockets_that_drip_are_gone_within_their_deadline(
    web: Web, cast: Cast, figure: Callable[[int, int], int]
) -> None:
    server, port = web()
    kinds = dict(BEGINNINGS)
    if figure(0, 1) == 0:
        del kinds["body without end"], kinds["no first frame"]  # they have 30 and 15 s
    count = figure(20, 800)
    with bystander(port, make_mallory()) as _, selectors.DefaultSelector() as watched:
        before, began = memory_kb(server.pid), time.monotonic()
        for name, (beginning, drips) in kinds.items():
            for _ in range(count):
                one = socket.create_connection(("127.0.0.1", port))
                one.sendall(beginning)
                watched.register(one, selectors.EVENT_READ, (name, drips))
        opened = len(watched.get_map())
        time.sleep(1)
        grown = (memory_kb(server.pid) - before) / opened
        gone: dict[str, float] = {}
        dripped = time.monotonic()
        while watched.get_map():
            assert time.monotonic() - began < 60, Counter(key.data[0] for key in watched.get_map().values())
            for key, _ in watched.select(0.2):
                try:
                    closed = not key.fileobj.recv(4096)  # type: ignore[union-attr]
                except OSError:
                    closed = True
                if closed:
                    watched.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
                    gone[key.data[0]] = time.monotonic() - began
            if time.monotonic() - dripped > 1:
                dripped = time.monotonic()
                for key in list(watched.get_map().values()):
                    if key.data[1]:
                        with suppress(OSError):
                            key.fileobj.send(b"x")  # type: ignore[union-attr]
    print(f"{opened} sockets, {grown:.0f} kB each; gone after", {k: f"{v:.1f} s" for k, v in gone.items()})
    assert max(gone.values()) < 35
    assert grown < 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n" + b"X-Y: " + b"z" * 90_000, 431),
        (b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 40_000, 431),
        (b"GET /healthz HTTP/1.1\r\nX-Y: " + b"z" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /healthz?" + b"z" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"\x16\x03\x01 this is TLS, not HTTP\r\n\r\n", 400),
    ],
)
def test_a_head_too_large_or_none_is_refused_in_the_shape_of_errors(
    port: int, sent: bytes, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        with suppress(OSError):
            one.sendall(sent)
        heard = b""
        with suppress(OSError):
            while piece := one.recv(4096):
                heard += piece
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), heard
    assert set(json.loads(body)["errors"][0]) == {"type", "code", "message", "attribute", "url", "request_id"}


def test_a_full_pool_is_503_with_retry_after_and_passes(web: Web, cast: Cast) -> None:
    _, port = web(CALLWRIGHT_DATABASE_POOL="2")
    key = basic(cast.project.id, cast.api_token)
    body = {"from": "/private/alice", "to": "/private/bob", "script": SCRIPT}
    with ThreadPoolExecutor(8) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE calling_call IN ACCESS EXCLUSIVE MODE")
            asked = [pool.submit(ask, port, key, "POST", "/api/calls", body, 30.0) for _ in range(8)]
            time.sleep(8)  # longer than a request waits for a connection
            early = [each.result() for each in asked if each.done()]
        answers = [each.result() for each in asked]
    print(f"with 2 connections held: {dict(Counter(each.status for each in answers))}")
    assert early and {each.status for each in answers} <= {201, 503}
    assert all(int(each.headers["retry-after"]) >= 1 for each in answers if each.status == 503)
    made = [each.body["id"] for each in answers if each.status == 201]
    assert models.Call.objects.filter(pk__in=made).count() == len(made) == models.Call.objects.count()
    assert ask(port, key, "GET", "/api/calls").status == 200


@pytest.mark.family
def test_a_flood_of_dials_is_429_and_other_projects_dial_on(
    web: Web, cast: Cast, figure: Callable[[int, int], int]
) -> None:
    _, port = web(CALLWRIGHT_DIALS_PER_SECOND="5")
    key, other = basic(cast.project.id, cast.api_token), make_mallory()
    body = {"from": "/private/alice", "to": "/private/bob", "script": SCRIPT}
    statuses: Counter[int] = Counter()
    until = time.monotonic() + figure(4, 60)

    def flood() -> None:
        while time.monotonic() < until:
            answer = ask(port, key, "POST", "/api/calls", body)
            statuses[answer.status] += 1
            if answer.status == 429:
                assert int(answer.headers["retry-after"]) >= 1

    began = time.monotonic()
    with bystander(port, other), ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(flood) for _ in range(8)]:
            each.result()
    took = time.monotonic() - began
    print(f"flood: {sum(statuses.values()) / took:.0f} dials/s for {took:.0f} s: {dict(statuses)}")
    assert set(statuses) <= {201, 429, 503} and statuses[429]
    assert statuses[201] <= 5 * took + 3 * 5
