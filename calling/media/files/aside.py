"""Processes that a worker runs beside its calls: what the phones hear goes before what is made ready.

Each has a session of its own, which steps back as a whole (`calling.runtime.priority` says why).
"""

from __future__ import annotations

import contextlib
import os
import signal
from asyncio.subprocess import Process
from typing import Any, Final

OWN_SESSION: Final[dict[str, Any]] = {"start_new_session": True}  # for asyncio's subprocess functions


def end_process(process: Process) -> None:
    """Kill it where it still lives. Not `Process.kill`: that reaps a child that has just ended, behind the
    back of asyncio's own watcher."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
