"""The stage of whole calls: real media worker processes, real engines, real WebRTC phones on loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asgiref.sync import SyncToAsync
from django.db import connections

from tests.e2e.edges import EdgeProcess, answering
from tests.e2e.workers import WorkerProcess
from tests.sip.secure import certificate
from tests.support import people
from tests.support.people import Cast, make_cast


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def four(cast: Cast) -> Cast:
    """The cast with one more subscriber, gus."""
    cast.people["gus"] = people.subscriber(cast.project, "gustav")
    return cast


@pytest.fixture(autouse=True)
def _nothing_left_open() -> Iterator[None]:
    """What a test asked of the ORM from its loop went through one thread; it lets go of its connection."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result(10)


def port_range() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        low = min(60000, probe.getsockname()[1])
    return f"{low}-{low + 800}"


@pytest.fixture
def start_worker(
    transactional_db: None, child_environment: dict[str, str], tmp_path: Path
) -> Iterator[Callable[..., WorkerProcess]]:
    """`start_worker(NAME=value …)` starts one more media worker and waits until it is ready.

    `host`: the network namespace it runs in.
    """
    started: list[WorkerProcess] = []

    def start(*, wait: bool = True, host: str | None = None, **variables: str) -> WorkerProcess:
        number = len(started) + 1
        environment = {
            **child_environment,
            "CALLWRIGHT_MEDIA_PORTS": port_range(),
            "CALLWRIGHT_DATA_DIR": str(tmp_path),
            **variables,
        }
        worker = WorkerProcess(environment, tmp_path / f"media-{number}.log", f"media{number}", host)
        started.append(worker)
        if wait:
            worker.wait_until_ready()
        return worker

    yield start
    for worker in started:
        worker.stop()


@pytest.fixture
def worker(start_worker: Callable[..., WorkerProcess]) -> WorkerProcess:
    return start_worker()


@pytest.fixture
def edge(transactional_db: None, child_environment: dict[str, str], tmp_path: Path) -> Iterator[EdgeProcess]:
    """The SIP edge, which answers."""
    with answering(child_environment, tmp_path) as one:
        yield one


@pytest.fixture
def tls_edge(
    transactional_db: None, child_environment: dict[str, str], tmp_path: Path
) -> Iterator[EdgeProcess]:
    """The same with a certificate below `tmp_path`, so that it speaks TLS too."""
    certificate(tmp_path)
    with answering(child_environment, tmp_path) as one:
        yield one


@pytest.fixture
def sweep(child_environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The sweep as a process."""
    process = subprocess.Popen([sys.executable, "manage.py", "sweep"], env=child_environment)
    yield process
    process.terminate()
    process.wait(10)
