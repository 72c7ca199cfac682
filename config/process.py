"""What starts one process, and starting it so that it cannot outlive its parent.

Lives here: command, user, log, signals of a single process. Watching and restarting is in `watch`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
PLAIN_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Owner:
    """A user to run as, by number."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Launch:
    """What starts one process.

    `ready` answers whether it does its work (None: as soon as it runs). `stop_signal` asks it to end and is
    repeated every second where `insist`. `last_signal` is what the kernel sends it if its parent dies.
    `owner` None: as ourselves. `environment` None: our own.
    """

    name: str
    argv: Sequence[str]
    directory: Path
    log: Path
    ready: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    last_signal: signal.Signals = signal.SIGKILL
    insist: bool = False
    owner: Owner | None = None
    environment: Mapping[str, str] | None = None


def spawn(launch: Launch) -> subprocess.Popen[bytes]:
    """Starts the process in a session of its own (a terminal's Ctrl-C reaches only us).

    Call from the main thread: the kernel ties the child to the thread that forked it.
    """
    with open(launch.log, "ab") as log:
        return subprocess.Popen(
            list(launch.argv),
            cwd=launch.directory,
            env=None if launch.environment is None else dict(launch.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent(launch.last_signal),
            **as_owner(launch.owner),
        )


def as_owner(owner: Owner | None) -> dict[str, Any]:
    """The `subprocess` arguments that drop to `owner`."""
    return {} if owner is None else {"user": owner.uid, "group": owner.gid, "extra_groups": []}


def end_with_parent(last_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends `last_signal` to the child when its parent ends (Linux only)."""
    parent = os.getpid()

    def in_child() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(last_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died between fork and prctl
                os._exit(1)

    return in_child


def end_with_my_parent(last_signal: signal.Signals) -> None:
    """Asks the kernel to send us `last_signal` when our own parent ends (Linux only)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(last_signal), 0, 0, 0)


def ending(returncode: int) -> str:
    """How a process ended, in words: `exit status 1`, `signal SIGKILL`."""
    if returncode >= 0:
        return f"exit status {returncode}"
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(-returncode).name}"
    return f"signal {-returncode}"


def last_line(log: Path) -> str:
    """The last line of a log, to say why something failed."""
    with contextlib.suppress(OSError):
        lines = log.read_bytes()[-4000:].decode(errors="replace").strip().splitlines()
        if lines:
            return lines[-1][:400]
    return "no output"
