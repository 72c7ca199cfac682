"""Processes that step back: what the phones hear goes before what can wait.

Linux shares a busy machine out between sessions, not processes (sched_autogroup, on by default): a nice value
counts within a session alone. So one that leads a session steps back with the whole of it. No choice of what
steps back lives here.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

NICENESS: Final = 5


def step_back(pid: int) -> None:
    """Let everything else go before this process. One that has ended is passed over."""
    with contextlib.suppress(OSError):
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, pid, min(19, own + NICENESS))
    with contextlib.suppress(OSError):  # ended; a kernel without autogroups; or asked again too soon
        if os.getsid(pid) == pid:  # a session of others is not slowed down
            Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS))
