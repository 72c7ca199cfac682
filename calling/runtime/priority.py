"""Which process waits for which: what the phones hear goes before what can wait.

Linux shares a busy machine out between sessions, not processes (sched_autogroup, on by default): a nice value
counts within a session alone. So one that leads a session steps back with the whole of it. And a share of the
CPU says nothing about when it is given: who wakes up waits until whoever runs has had a slice, of several ms.
Who asks for short slices (Linux 6.12) gets the same share in small pieces, and soon. No choice of who does
what lives here.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
import sys
from pathlib import Path
from typing import Final

NICENESS: Final = 5
SLICE_NS: Final = 100_000  # the shortest that Linux gives
SET_ATTRIBUTES: Final = {"x86_64": 314, "aarch64": 274}  # the number of sched_setattr(2)
ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")  # size policy flags nice priority runtime deadline period


def step_back(pid: int) -> None:
    """Give every other process priority over this one. Ignores a process that has ended."""
    with contextlib.suppress(OSError):
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, pid, min(19, own + NICENESS))
    with contextlib.suppress(OSError):  # ended; a kernel without autogroups; or asked again too soon
        if os.getsid(pid) == pid:  # a session of others is not slowed down
            Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS))


def run_soon() -> None:
    """Give the calling thread, and those that it starts, short slices; its share of the CPU stays the same.

    Needs no right. Kernels before 6.12 take it and do nothing.
    """
    number = SET_ATTRIBUTES.get(platform.machine())
    if sys.platform != "linux" or number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = ATTRIBUTES.pack(ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE_NS, 0, 0)
    ctypes.CDLL(None).syscall(number, 0, wanted, 0)
