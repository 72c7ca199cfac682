"""Processes that a worker runs beside its calls: what the phones hear goes before what is made ready.

Linux shares a busy machine out between sessions, not processes (sched_autogroup, on by default): a nice value
counts within a session alone, and two decoders in the worker's own would take half of its time, however nice
they are. So each has a session of its own, which is nice as a whole.
"""

from __future__ import annotations

import contextlib
import os
import signal
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any, Final

from calling.media.files.sandbox import NICENESS

OWN_SESSION: Final[dict[str, Any]] = {"start_new_session": True}  # for asyncio's subprocess functions


def step_back(process: Process) -> None:
    """Let everything else go first; from its start on, which is work too. An ended one is passed over."""
    with contextlib.suppress(OSError):
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, process.pid, min(19, own + NICENESS))
    with contextlib.suppress(OSError):  # a kernel without it, or asked again too soon
        Path(f"/proc/{process.pid}/autogroup").write_text(str(NICENESS))


def end_process(process: Process) -> None:
    """Kill it where it still lives. Not `Process.kill`: that reaps a child that has just ended, behind the
    back of asyncio's own watcher."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
