"""One embedded server process: known to be ready, stopped; as which user and from which binaries.

Lives here: what PostgreSQL and Valkey have in common. Restarting after a death is the supervisor's.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from config.supervisor.launch import Launch, Owner, last_line, spawn


class EngineError(Exception):
    """An engine that cannot be prepared or does not come up; `str()` is the one line to print."""


class Engine:
    """A running engine, for tests and tools. The supervisor runs the same `Launch`es."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, patience: float = 30.0) -> None:
        """Starts and waits until it answers; raises EngineError after `patience` seconds."""
        self.process = spawn(self.launch)
        deadline = time.monotonic() + patience
        while self.launch.ready is not None and not self.launch.ready():
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


def engine_owner() -> Owner | None:
    """The unprivileged user engines run as when we are root; None where we are unprivileged ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EngineError("PostgreSQL refuses to run as root and there is no user `nobody`") from None
    return Owner(entry.pw_uid, entry.pw_gid)


def reachable(path: Path, owner: Owner | None) -> bool:
    """Whether `owner` may traverse every directory from / down to `path` and enter it."""
    if owner is None:
        return True
    path = path.resolve()
    for directory in (path, *path.parents):
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
    """Makes a directory that only `owner` (or we, where None) may enter."""
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
    top = Path(os.path.commonpath([str(p) for p in (*parts, program.parent)]))
    target = copies / program.relative_to(top)
    if target.exists() and target.stat().st_mtime_ns == program.stat().st_mtime_ns:
        return target
    shutil.rmtree(copies, ignore_errors=True)
    copies.mkdir(parents=True)
    # The program itself comes last: it exists only in a complete copy.
    for part in sorted(parts, key=lambda p: p == program):
        place = copies / part.relative_to(top)
        place.parent.mkdir(parents=True, exist_ok=True)
        if part.is_dir():
            shutil.copytree(part, place, symlinks=True)
        else:
            shutil.copy2(part, place)
    for directory in (copies, *(p for p in copies.rglob("*") if p.is_dir())):
        directory.chmod(0o755)
    return target
