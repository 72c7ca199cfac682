"""`python -m tests.watchdog FD COMMAND…`: runs a command and leaves no process of it behind, however it ends.

The watchdog has a session of its own, so that nothing meant for its parent's group ends it. It holds one end
of a pipe (FD) whose other end only its parent has: when the parent goes, by SIGKILL too, the pipe is closed.
Processes whose parent dies are given to the watchdog (PR_SET_CHILD_SUBREAPER), so none gets lost, whatever
session it made for itself. Linux; elsewhere only the command itself is ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from config.process import end_with_parent
from config.supervisor.parent_death import Parent

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE_SECONDS = 3.0  # for pytest to end its tests and engines by itself
LEFT_SECONDS = 2.0  # for what still ends by itself after the command
KILL_SECONDS = 3.0
PATIENCE_SECONDS = GRACE_SECONDS + KILL_SECONDS + 1.0
LOOK_SECONDS = 0.1
_PR_SET_CHILD_SUBREAPER = 36


class Ended(Exception):
    """A signal, or the end of the parent, ended the run; `status` is the exit status for it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


class Asked:
    """Which ending signal has come; catches them until the block ends."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __enter__(self) -> Asked:
        self._before = {number: signal.signal(number, self._hear) for number in ENDINGS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.number = self.number or number


def run(command: Sequence[str], parent: Parent | None = None) -> int:
    """The exit status of a watched command. Raises Ended when a signal comes or `parent` goes or wants to."""
    become_subreaper()
    ours, theirs = os.pipe()
    with Asked() as asked:
        try:
            dog = subprocess.Popen(
                [sys.executable, "-m", "tests.watchdog", str(ours), *command],
                pass_fds=[ours],
                start_new_session=True,
            )
            os.close(ours)
            while dog.poll() is None and asked.number is None:
                if parent is not None and (parent.wants_to_end() or os.getppid() != parent.pid):
                    asked.number = int(signal.SIGTERM)
                time.sleep(LOOK_SECONDS)
        finally:
            os.close(theirs)
        with contextlib.suppress(subprocess.TimeoutExpired):
            dog.wait(PATIENCE_SECONDS)
        if dog.returncode is None or dog.returncode < 0:  # it was killed itself: what it had is ours now
            kill_all(KILL_SECONDS)
            dog.wait()
        if asked.number is not None:
            raise Ended(asked.number)
        return dog.returncode


def main(arguments: Sequence[str]) -> int:
    """The watchdog: the command's exit status."""
    lifeline, command = int(arguments[0]), list(arguments[1:])
    become_subreaper()
    with Asked() as asked:
        child = subprocess.Popen(command, preexec_fn=end_with_parent(signal.SIGTERM))
        while not ended(child):
            cut, _, _ = select.select([lifeline], [], [], LOOK_SECONDS)
            if cut or asked.number is not None:
                end(child)
                # Who was reaped with the others has no status that is left to read: it did not end well.
                return 128 + (asked.number or signal.SIGTERM)
        tell_and_kill()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def end(child: subprocess.Popen[bytes]) -> None:
    """Interrupt the command; kill all of it that is left after a moment."""
    child.send_signal(signal.SIGINT)
    deadline = time.monotonic() + GRACE_SECONDS
    while not (ended(child) and not descendants()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    kill_all(KILL_SECONDS)
    if not ended(child):
        child.kill()
        child.wait()


def tell_and_kill() -> None:
    """The command ended by itself: what it leaves behind is named, and killed."""
    deadline = time.monotonic() + LEFT_SECONDS
    while descendants() and time.monotonic() < deadline:
        reap()
        time.sleep(LOOK_SECONDS)
    for pid in descendants():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            print(f"left behind by the tests, and killed: {pid} {words[:200]}", file=sys.stderr, flush=True)
    kill_all(KILL_SECONDS)


def kill_all(seconds: float) -> None:
    """SIGKILL for every process below this one, until none is left or the time is up."""
    deadline = time.monotonic() + seconds
    while (found := descendants()) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
        reap()


def descendants(root: int | None = None) -> list[int]:
    """The living processes below this one, of any depth."""
    below: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            state, above = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                below[int(above)].append(int(entry.name))
    found, waiting = [], [os.getpid() if root is None else root]
    while waiting:
        children = below.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def ended(child: subprocess.Popen[bytes]) -> bool:
    """Whether the command has ended; orphans that have ended are reaped."""
    reap(keep=child.pid)
    return child.poll() is not None


def reap(keep: int | None = None) -> None:
    """Take the status of every child that has ended but `keep`, whose Popen waits for it."""
    with contextlib.suppress(ChildProcessError):
        while (one := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and one.si_pid != keep:
            os.waitpid(one.si_pid, 0)


def become_subreaper() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
