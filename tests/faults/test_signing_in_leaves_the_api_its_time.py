"""Forty sign-ins at once from one source: the API answers as before, and they are told to come again.

Both medians are of one run on one machine; the sign-ins come from a process of their own.
"""

from __future__ import annotations

import base64
import http.client
import multiprocessing
import re
import statistics
import threading
import time
from collections import Counter
from http.cookies import SimpleCookie
from multiprocessing.connection import Connection
from urllib.parse import urlencode

import pytest

from bench.instance import Instance

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timing, pytest.mark.timeout(600)]

AT_ONCE, SECONDS = 40, 12.0


def form_of(port: int) -> tuple[str, str]:
    """The cookie and the hidden field of the sign-in form."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    client.request("GET", "/dashboard/login")
    answer = client.getresponse()
    found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', answer.read())
    assert found, "the form has its token"
    cookies = SimpleCookie(answer.headers["Set-Cookie"])
    client.close()
    return cookies["csrftoken"].value, found[1].decode()


def sign_in_often(port: int, told: Connection) -> None:
    """Each of the forty asks again as soon as it was answered, by another name each time."""
    cookie, field = form_of(port)
    headers = {"Cookie": f"csrftoken={cookie}", "Content-Type": "application/x-www-form-urlencoded"}
    found: Counter[str] = Counter()
    until = time.monotonic() + SECONDS

    def one(number: int) -> None:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        turn = 0
        while time.monotonic() < until:
            turn += 1
            words = {"csrfmiddlewaretoken": field, "username": f"n{number}-{turn}", "password": "wrong"}
            client.request("POST", "/dashboard/login", urlencode(words), headers)
            answer = client.getresponse()
            answer.read()
            told = answer.status not in (429, 503) or int(answer.headers.get("Retry-After") or 0) >= 1
            found[str(answer.status) if told else f"{answer.status} without Retry-After"] += 1

    threads = [threading.Thread(target=one, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.send(found)


def ask(one: Instance, until: float) -> tuple[list[float], Counter[int]]:
    """How long each `GET /api/calls` took until then, in seconds, and what was answered."""
    key = base64.b64encode(f"{one.project_id}:{one.api_token}".encode()).decode()
    client = http.client.HTTPConnection("127.0.0.1", one.port, timeout=60)
    times, statuses = [], Counter[int]()
    while time.monotonic() < until:
        began = time.monotonic()
        client.request("GET", "/api/calls", headers={"Authorization": f"Basic {key}"})
        answer = client.getresponse()
        answer.read()
        times.append(time.monotonic() - began)
        statuses[answer.status] += 1
        time.sleep(0.02)
    client.close()
    return times, statuses


@pytest.mark.soak_only
def test_forty_sign_ins_at_once_leave_the_api_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    with Instance() as one:
        ask(one, time.monotonic() + 3)
        quiet, _ = ask(one, time.monotonic() + 6)
        mine, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(target=sign_in_often, args=(one.port, theirs))
        process.start()
        time.sleep(3)  # it imports first
        busy, statuses = ask(one, time.monotonic() + SECONDS - 4)
        assert mine.poll(120)
        sign_ins: Counter[str] = mine.recv()
        process.join(10)
    before, after = statistics.median(quiet), statistics.median(busy)
    with capsys.disabled():
        print(
            f"\nGET /api/calls p50 quiet {1000 * before:.1f} ms, beside {AT_ONCE} sign-ins {1000 * after:.1f}"
            f" ms (max {1000 * max(busy):.0f} ms, {len(busy)} asked), ratio {after / before:.2f};"
            f" sign-ins {sign_ins}"
        )
    assert set(statuses) == {200}
    assert set(sign_ins) <= {"403", "429", "503"}
    assert after <= 2 * before
