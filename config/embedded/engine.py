"""One embedded server process: how it is started, known to be ready, stopped; and as which user.

Lives here: what PostgreSQL and Valkey have in common. Restarting after a death is the supervisor's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class EngineError(Exception):
    """An engine that cannot be prepared or does not come up; `str()` is the one line to print."""


@dataclass(frozen=True)
class Owner:
    """The unprivileged user that engines run as when Callwright runs as root."""

    uid: int
    gid: int

    @classmethod
    def for_this_process(cls) -> Owner | None:
        """None where this process is unprivileged itself."""
        if os.geteuid() != 0:
            return None
        try:
            entry = pwd.getpwnam("nobody")
        except KeyError:
            raise EngineError("PostgreSQL refuses to run as root and there is no user `nobody`") from None
        return cls(entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True)
class Launch:
    """What starts one process. `owner` None: as ourselves."""

    name: str
    argv: Sequence[str]
    directory: Path
    log: Path
    ready: Callable[[], bool]
    stop_signal: signal.Signals = signal.SIGTERM
    owner: Owner | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: {"LC_ALL": "C", "TZ": "UTC"})


def end_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends `stop_signal` to the child when its parent ends (Linux)."""
    parent = os.getpid()

    def in_child() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return in_child


class Engine:
    """A running engine; for the tests and for tools. The supervisor runs the same `Launch`es."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, patience: float = 30.0) -> None:
        """Starts and waits until it answers; raises EngineError after `patience` seconds."""
        self.process = spawn(self.launch)
        deadline = time.monotonic() + patience
        while not self.launch.ready():
            if self.process.poll() is not None:
                raise EngineError(f"{self.launch.name} ended at once: {last_line(self.launch.log)}")
            if time.monotonic() > deadline:
                self.stop()
                raise EngineError(f"{self.launch.name} did not answer within {patience:.0f} s")
            time.sleep(0.02)

    def stop(self, patience: float = 8.0) -> None:
        """Stops cleanly, or by SIGKILL after `patience` seconds."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.launch.stop_signal)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


def spawn(launch: Launch) -> subprocess.Popen[bytes]:
    """Starts the process in its own group, as its owner, dying with us. Call from the main thread."""
    with open(launch.log, "ab") as log:
        return subprocess.Popen(
            list(launch.argv),
            cwd=launch.directory,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), **launch.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent(launch.stop_signal),
            **as_owner(launch.owner),
        )


def as_owner(owner: Owner | None) -> dict[str, object]:
    """The `subprocess` arguments that drop to `owner`."""
    if owner is None:
        return {}
    return {"user": owner.uid, "group": owner.gid, "extra_groups": []}


def last_line(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = log.read_bytes()[-2000:].decode(errors="replace").strip().splitlines()
        if lines:
            return lines[-1]
    return "no output"


def reachable(path: Path, owner: Owner | None) -> bool:
    """Whether `owner` may traverse every directory from / down to `path` and enter it."""
    if owner is None:
        return True
    path = path.resolve()
    for directory in (path, *path.parents):
        if not directory.is_dir():
            continue
        status = directory.stat()
        bit = 0o001
        if status.st_uid == owner.uid:
            bit = 0o100
        elif status.st_gid == owner.gid:
            bit = 0o010
        if not status.st_mode & bit:
            return False
    return True


def own(path: Path, owner: Owner | None, mode: int = 0o700) -> Path:
    """Makes a directory that only `owner` (or we) may enter."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if owner is not None:
        os.chown(path, owner.uid, owner.gid)
    return path


def runnable(program: Path, owner: Owner | None, copies: Path, parts: Sequence[Path]) -> Path:
    """`program`, or a copy of it under `copies` where `owner` cannot reach the installed one.

    `parts` are the files and directories to copy, all below one parent that keeps their relative places.
    """
    if reachable(program.parent, owner):
        return program
    top = Path(os.path.commonpath([*parts, program.parent]))
    target = copies / program.relative_to(top)
    if not target.exists():
        for part in parts:
            place = copies / part.relative_to(top)
            if part.is_dir():
                shutil.copytree(part, place, symlinks=True, dirs_exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(part, place)
        for directory in (copies, *(p for p in copies.rglob("*") if p.is_dir())):
            directory.chmod(0o755)
    return target
