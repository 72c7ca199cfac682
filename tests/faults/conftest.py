"""The stage of the faults: real web, sweep and media processes behind engines that can be cut off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import _nothing_left_open, cast, start_worker, worker
from tests.sockets.conftest import port, web

__all__ = ["_nothing_left_open", "cast", "port", "start_worker", "web", "worker"]


@pytest.fixture
def sweep(child_environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """`sweep(NAME=value …)` starts the sweep."""
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
