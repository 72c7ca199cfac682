"""The stage of whole calls: real media worker processes, real engines, real WebRTC phones on loopback."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.workers import WorkerProcess
from tests.stage import Cast, make_cast


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def port_range() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        low = min(60000, probe.getsockname()[1])
    return f"{low}-{low + 800}"


@pytest.fixture
def start_worker(
    transactional_db: None, child_environment: dict[str, str], tmp_path: Path
) -> Iterator[Callable[..., WorkerProcess]]:
    """`start_worker(NAME=value …)` starts one more media worker and waits until it is ready."""
    started: list[WorkerProcess] = []

    def start(**variables: str) -> WorkerProcess:
        number = len(started) + 1
        environment = {
            **child_environment,
            "CALLWRIGHT_MEDIA_PORTS": port_range(),
            "CALLWRIGHT_DATA_DIR": str(tmp_path),
            **variables,
        }
        worker = WorkerProcess(environment, tmp_path / f"media-{number}.log", f"media{number}")
        started.append(worker)
        worker.wait_until_ready()
        return worker

    yield start
    for worker in started:
        worker.stop()


@pytest.fixture
def worker(start_worker: Callable[..., WorkerProcess]) -> WorkerProcess:
    return start_worker()
