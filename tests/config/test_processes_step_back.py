"""What can wait steps back behind what the phones hear, and takes nobody else with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from calling.runtime.priority import NICENESS, step_back


@pytest.fixture(params=[True, False], ids=["own session", "shared session"])
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    one = subprocess.Popen(["sleep", "60"], start_new_session=request.param)
    yield one
    one.kill()
    one.wait(5)


def group(pid: int) -> str | None:
    """The nice value of its session, where the kernel shares time out by session."""
    file = Path(f"/proc/{pid}/autogroup")
    return file.read_text().split()[-1] if file.exists() else None


def test_a_process_steps_back_with_its_own_session_alone(process: subprocess.Popen[bytes]) -> None:
    own, ours = os.getpriority(os.PRIO_PROCESS, 0), group(os.getpid())
    step_back(process.pid)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, own + NICENESS)
    if ours is not None:
        leads = os.getsid(process.pid) == process.pid
        assert group(process.pid) == (str(NICENESS) if leads else ours)
    assert group(os.getpid()) == ours


def test_one_that_has_ended_is_passed_over() -> None:
    one = subprocess.Popen(["true"])
    one.wait(5)
    step_back(one.pid)
