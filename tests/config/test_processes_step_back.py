"""What can wait steps back behind what the phones hear, and takes nobody else with it; who is waited for
runs soon."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from calling.runtime.priority import ATTRIBUTES, NICENESS, SET_ATTRIBUTES, SLICE_NS, run_soon, step_back


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


def attributes() -> tuple[int, ...]:
    """Of the calling thread, by sched_getattr(2), whose number follows that of sched_setattr."""
    found = ctypes.create_string_buffer(ATTRIBUTES.size)
    number = SET_ATTRIBUTES[platform.machine()] + 1
    assert ctypes.CDLL(None).syscall(number, 0, found, ATTRIBUTES.size, 0) == 0
    return ATTRIBUTES.unpack(found.raw)


@pytest.mark.skipif(
    platform.machine() not in SET_ATTRIBUTES or tuple(map(int, platform.release().split(".")[:2])) < (6, 12),
    reason="needs Linux 6.12",
)
def test_a_thread_that_is_to_run_soon_gets_short_slices_and_no_others_do() -> None:
    before, found = attributes(), []

    def works() -> None:
        run_soon()
        found.append(attributes())
        starts = threading.Thread(target=lambda: found.append(attributes()))
        starts.start()
        starts.join()

    one = threading.Thread(target=works)
    one.start()
    one.join()
    assert [each[5] for each in found] == [SLICE_NS] * 2
    assert found[0][1:5] == before[1:5] and attributes() == before and before[5] > SLICE_NS
