"""The stage of the faults: real web, sweep and media processes behind engines that can be cut off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import _nothing_left_open, cast, start_worker, worker
from tests.sockets.conftest import port, start_web, stop_web

__all__ = ["_nothing_left_open", "cast", "port", "start_worker", "worker"]


@pytest.fixture
def web(transactional_db: None) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], int]]]:
    """`web(NAME=value …)` starts a web process: the process and its http port."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**variables: str) -> tuple[subprocess.Popen[bytes], int]:
        process, port = start_web(**variables)
        started.append(process)
        return process, port

    yield start
    for process in started:
        stop_web(process)


@pytest.fixture
def sweep(child_environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """`sweep(NAME=value …)` starts the brooms."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**variables: str) -> subprocess.Popen[bytes]:
        environment = {**child_environment, **variables}
        started.append(subprocess.Popen([sys.executable, "manage.py", "sweep"], env=environment))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(10)
