"""Whether the `make` that started us wants to end.

A Ctrl-C at a terminal reaches us directly. But make hands on SIGTERM only: told to end by a SIGINT or
SIGHUP of its own it waits for us and says nothing. It does put its handler back to the default, and that
can be seen in /proc (Linux; elsewhere nothing is seen).
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

_WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Parent:
    """Our parent as it was when this was made."""

    def __init__(self, pid: int | None = None) -> None:
        self.pid = os.getppid() if pid is None else pid
        self._caught = self._catches()

    def wants_to_end(self) -> bool:
        """Whether it no longer catches one of the signals it caught at first."""
        return self._caught & ~self._catches() != 0

    def _catches(self) -> int:
        watched = sum(1 << (number - 1) for number in _WATCHED)
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return watched & getattr(self, "_caught", 0)  # gone: the kernel tells us another way
        for line in status.splitlines():
            if line.startswith("SigCgt:"):
                return int(line.split()[1], 16) & watched
        return 0
