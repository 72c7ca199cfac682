"""A `make test` ended by a signal leaves no process behind; a test that passes at its second try is said."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from config.env import ROOT
from tests import watchdog

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.sample(4)]

MARK = "CALLWRIGHT_RUN_MARK"
BUSY = """
import subprocess, time

def test_busy():
    subprocess.Popen(["sleep", "997"], start_new_session=True)
    time.sleep(997)
"""
# One of each kind: a worker of xdist has engines of its own, and a test has started a process in a session.
KINDS = ("sleep 997", "postgres", "valkey", "sys.stdin.readline")
SECONDS = 10.0
# Others take seconds to load.
PLUGINS = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_PLUGINS": "xdist.plugin,pytest_django.plugin,pytest_asyncio.plugin,_hypothesis_pytestplugin",
}
Process = tuple[int, str]  # pid, and when it was started


class Run:
    """A test run with engines of its own below a real `make`, and all processes that came of it."""

    def __init__(self, directory: Path) -> None:
        self.mark = str(uuid4())
        self.seen: dict[Process, str] = {}
        ours = ("DATABASE_URL", "REDIS_URL", "CALLWRIGHT_DATA_DIR", "TEST_ENGINES_MADE")
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ours and not name.startswith(("PYTEST_", "DJANGO_", "MAKE", "MFLAGS"))
        }
        (directory / "Makefile").write_text(
            "test:\n\t@exec $(PY) -u -m tests.run --no-install --with-parent all"
            f" -- -n 2 -p no:cacheprovider -c pyproject.toml -p tests.conftest {directory}\n"
        )
        for name in ("one", "other"):
            (directory / f"test_{name}.py").write_text(BUSY)
        self.log = directory / "log"
        with self.log.open("wb") as log:
            self.make = subprocess.Popen(
                ["make", "-f", str(directory / "Makefile"), f"PY={sys.executable}", "test"],
                cwd=ROOT,
                env={**environment, **PLUGINS, MARK: self.mark},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def look(self) -> dict[Process, str]:
        """The command line of each process that lives and came of the run, at whatever time it was seen."""
        below = {*watchdog.descendants(self.make.pid), *self.marked()}
        for pid in below:
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                self.seen[pid, born(pid)] = words
        return {process: words for process, words in self.seen.items() if alive(process)}

    def marked(self) -> Iterator[int]:
        """What has the mark in its environment, whoever its parent is; engines have a plain one."""
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                    yield int(entry.name)

    def wait_until_busy(self) -> None:
        end = time.monotonic() + 100
        while not all(any(kind in words for words in self.look().values()) for kind in KINDS):
            assert self.make.poll() is None, self.log.read_text()
            assert time.monotonic() < end, f"{self.seen}\n{self.log.read_text()}"
            time.sleep(0.1)

    def runner(self) -> int:
        """The pid of `tests.run` itself."""
        return next(pid for (pid, _), words in self.look().items() if " tests.run " in words)

    def left(self) -> dict[Process, str]:
        """What still lives when the time is up."""
        end = time.monotonic() + SECONDS
        while (found := self.look()) and time.monotonic() < end:
            self.make.poll()
            time.sleep(0.1)
        return found


def born(pid: int) -> str:
    """When a process was started, in ticks since the start of the machine: a pid may be given again."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def alive(process: Process) -> bool:
    """Whether it is still the same process, and no zombie."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{process[0]}/stat").read_text().rpartition(")")[2].split()
        return state[19] == process[1] and state[0] not in "ZX"
    return False


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    one = Run(tmp_path)
    yield one
    for pid, _ in one.look():
        os.kill(pid, signal.SIGKILL)
    one.make.wait(10)


@pytest.mark.timing
@pytest.mark.parametrize(
    ("whom", "ending"),
    [
        ("make", "SIGTERM"),
        ("make", "SIGKILL"),
        *(
            pytest.param(whom, ending, marks=[pytest.mark.family, pytest.mark.soak_only])
            for whom, ending in (("make", "SIGINT"), ("make", "SIGHUP"), ("tests.run", "SIGKILL"))
        ),
    ],
)
def test_nothing_is_left_of_a_run_that_was_ended(run: Run, whom: str, ending: str) -> None:
    run.wait_until_busy()
    os.kill(run.make.pid if whom == "make" else run.runner(), signal.Signals[ending])
    assert run.left() == {}, run.log.read_text()[-2000:]


@pytest.mark.timing
@pytest.mark.family
@pytest.mark.soak_only
def test_a_ctrl_c_at_the_terminal_reaches_the_whole_group(run: Run) -> None:
    run.wait_until_busy()
    os.killpg(run.make.pid, signal.SIGINT)
    assert run.left() == {}, run.log.read_text()[-2000:]
    assert run.make.wait(5) != 0


def test_a_run_that_was_ended_has_not_passed() -> None:
    ours, theirs = os.pipe()
    deaf = "import signal, time; signal.signal(2, signal.SIG_IGN); print(1, flush=True); time.sleep(99)"
    command = [sys.executable, "-m", "tests.watchdog", str(ours), sys.executable, "-c", deaf]
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[ours], stdout=subprocess.PIPE) as dog:
        assert dog.stdout is not None and dog.stdout.readline() == b"1\n"
        dog.send_signal(signal.SIGINT)
        assert dog.wait(60) == 128 + signal.SIGINT
    os.close(ours)
    os.close(theirs)


TESTS = """
import pathlib, pytest

def second_time(name):
    place = pathlib.Path(__file__).with_name(name)
    seen = place.exists()
    place.touch()
    assert seen

def test_sure(): pass

{mark}
def test_late(): second_time("late")
"""


@pytest.fixture
def suite(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Runs a file of tests the way `make test` does: (exit status, what was printed)."""

    def run(text: str) -> tuple[int, str]:
        (tmp_path / "test_it.py").write_text(text)
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = timing: x\n")
        words = [sys.executable, "-m", "pytest", "-q", "-c", str(tmp_path / "pytest.ini"), str(tmp_path)]
        code = f"import sys; from tests import run; sys.exit(run.run_suite({words!r}, again=True))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT, env={**os.environ, **PLUGINS}, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_test_that_passes_at_its_second_try_is_said_and_fails_the_run(suite) -> None:
    status, printed = suite(TESTS.format(mark=""))
    assert status == 1, printed
    assert "flaky: test_it.py::test_late\n" in printed and " s  .\n" in printed


def test_a_test_marked_timing_may_pass_at_its_second_try(suite) -> None:
    status, printed = suite(TESTS.format(mark="@pytest.mark.timing"))
    assert status == 0, printed
    assert "flaky: test_it.py::test_late (timing)\n" in printed


def test_a_test_that_fails_twice_is_not_flaky(suite) -> None:
    status, printed = suite("def test_wrong(): assert False\ndef test_right(): pass\n")
    assert status == 1 and "flaky" not in printed


def test_a_second_try_that_does_not_come_so_far_calls_nothing_flaky(suite) -> None:
    broken = "import pathlib\nplace = pathlib.Path(__file__).with_name('once')\n"
    broken += "assert not place.exists(), 'no longer collected'\n"
    status, printed = suite(f"{broken}def test_wrong():\n    place.touch()\n    assert False\n")
    assert status not in (0, 1) and "flaky" not in printed


def test_what_the_tests_leave_behind_is_named_and_killed(suite) -> None:
    text = (
        "import subprocess\n"
        "def test_it(): subprocess.Popen(['sleep', '987'], start_new_session=True, stdout=subprocess.DEVNULL,"
        " stderr=subprocess.DEVNULL)\n"
    )
    status, printed = suite(text)
    assert status == 0 and "left behind by the tests, and killed:" in printed and "sleep 987" in printed
