"""The stage of the socket tests: the real web process on loopback ports, PostgreSQL and Valkey.

Devices are `tests.sockets.phones.Phone`; the media worker is played by hand (`tests.support.fake_worker`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from tests.sockets.phones import close_all
from tests.support import two_logins
from tests.support.people import Cast, make_cast, make_mallory
from tests.support.ports import free_port


def start_web(**variables: str) -> tuple[subprocess.Popen[bytes], int]:
    """A web process on the test's own database, ready to serve; its http port."""
    port = free_port()
    parts = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ,
        "DATABASE_URL": urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}")),
        "CALLWRIGHT_HTTP_PORT": str(port),
        "CALLWRIGHT_HTTPS_PORT": str(free_port()),
        # Engines behind a relay are reached by one login: nothing goes round it.
        **({} if "DATABASE_URL" in variables else two_logins.of_children()),
        **variables,
    }
    process = subprocess.Popen([sys.executable, "-m", "config.serve"], env=environment)
    deadline = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).close()
            return process, port
        except OSError:
            assert process.poll() is None, "the web process ended"
            if time.monotonic() > deadline:
                stop_web(process)
                raise AssertionError("the web process did not become ready") from None
            time.sleep(0.05)


def stop_web(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


@pytest.fixture(scope="session")
def port(django_db_setup) -> Iterator[int]:
    """The port of one web process that all socket tests share."""
    process, found = start_web()
    yield found
    stop_web(process)


@pytest.fixture
def web(transactional_db) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], int]]]:
    """`web(**variables)` starts a further web process; ended with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**variables: str) -> tuple[subprocess.Popen[bytes], int]:
        process, found = start_web(**variables)
        started.append(process)
        return process, found

    yield start
    for process in started:
        stop_web(process)


@pytest.fixture
def cast(transactional_db) -> Iterator[Cast]:
    yield make_cast()
    close_all()


@pytest.fixture
def mallory(transactional_db) -> Cast:
    return make_mallory()
