"""The supervisor's loop with small real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.env import ROOT
from config.supervisor.parent_death import Parent
from tests.support.wait import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timing]

# Runs a supervisor over processes given by name; each says its pid in its log.
PROGRAM = """
import sys
from pathlib import Path
from config.process import Launch
from config.supervisor.supervisor import Supervisor

def say(line):
    print(line, flush=True)

home = Path(sys.argv[1])
bodies = {
    "calm": "import time; time.sleep(1000)",
    "deaf": "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\\n"
            "while True: time.sleep(1)",
    "parent": "import subprocess, time; p = subprocess.Popen(['sleep', '999'])\\n"
              "print('grandchild', p.pid, flush=True); time.sleep(1000)",
    "broken": "raise SystemExit('out of luck')",
}
supervisor = Supervisor(say)
supervisor.listen_to_signals()
for name in sys.argv[2:]:
    child = supervisor.start(Launch(name, [sys.executable, "-c", bodies[name]], home, home / f"{name}.log"))
    say(f"started {name} {child.process.pid}")
supervisor.run()
supervisor.stop([(lambda launch: True, 1.5)])
say("stopped")
"""


class Running:
    """A supervisor in a process of its own, and what it said."""

    def __init__(self, home: Path, *names: str) -> None:
        self.home = home
        self.output = home / "said"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(PROGRAM), str(home), *names],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, pattern: str, patience: float = 10.0) -> re.Match[str]:
        def look() -> re.Match[str] | None:
            return re.search(pattern, self.said())

        return wait_for(look, patience, lambda: self.said())


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pid: int) -> None:
    wait_for(lambda: not alive(pid), 5.0, lambda: f"{pid} lives")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    begun: list[Running] = []

    def begin(*names: str) -> Running:
        begun.append(Running(tmp_path, *names))
        return begun[-1]

    yield begin
    for running in begun:
        running.process.kill()
        running.process.wait(5)


def test_a_killed_process_is_noticed_said_and_started_again(start: Callable[..., Running]) -> None:
    running = start("calm")
    pid = int(running.wait_for(r"started calm (\d+)")[1])
    os.kill(pid, signal.SIGKILL)
    running.wait_for(rf"process calm \({pid}\) ended with signal SIGKILL, restarting")
    assert running.process.poll() is None


def test_what_a_killed_process_had_started_does_not_stay_behind(start: Callable[..., Running]) -> None:
    running = start("parent")
    pid = int(running.wait_for(r"started parent (\d+)")[1])
    log = running.home / "parent.log"
    grandchild = wait_for(lambda: re.search(r"grandchild (\d+)", log.read_text()), 10, running.said)
    os.kill(pid, signal.SIGKILL)
    gone(int(grandchild[1]))


def test_a_process_that_keeps_failing_is_started_ever_more_slowly(start: Callable[..., Running]) -> None:
    running = start("broken")
    running.wait_for(r"ended with exit status 1, restarting\n")
    running.wait_for(r"ended with exit status 1, restarting in 0.5 s \(out of luck\)")
    running.wait_for(r"restarting in 1 s")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_signal_ends_everything(start: Callable[..., Running], number: signal.Signals) -> None:
    running = start("calm", "parent")
    running.wait_for(r"started parent \d+")
    pids = [int(pid) for pid in re.findall(r"started \w+ (\d+)", running.said())]
    running.process.send_signal(number)
    assert running.process.wait(8) == 0
    assert "stopped" in running.said()
    for pid in pids:
        gone(pid)


def test_a_process_that_does_not_listen_is_killed_in_time(start: Callable[..., Running]) -> None:
    running = start("deaf")
    log = running.home / "deaf.log"
    wait_for(lambda: log.exists() and "deaf" in log.read_text(), 10, running.said)
    pid = int(running.wait_for(r"started deaf (\d+)")[1])
    began = time.monotonic()
    running.process.terminate()
    assert running.process.wait(8) == 0
    assert time.monotonic() - began < 5
    assert "process deaf" in running.said() and "did not stop in time, killed" in running.said()
    gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent's death")
def test_no_process_outlives_a_supervisor_that_is_killed(start: Callable[..., Running]) -> None:
    running = start("calm", "deaf")
    running.wait_for(r"started deaf \d+")
    pids = [int(pid) for pid in re.findall(r"started \w+ (\d+)", running.said())]
    running.process.kill()
    running.process.wait(5)
    for pid in pids:
        gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="seen in /proc")
def test_a_parent_that_gives_up_its_signal_handler_is_seen() -> None:
    body = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, signal.SIG_DFL))\n"
        "print('up', flush=True)\n"
        "while True: signal.pause()"
    )
    process = subprocess.Popen([sys.executable, "-c", body], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        parent = Parent(process.pid)
        assert not parent.wants_to_end()
        process.send_signal(signal.SIGINT)
        wait_for(parent.wants_to_end, 5, lambda: "its handler is still there")
    finally:
        process.kill()
        process.wait(5)
