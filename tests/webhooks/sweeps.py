"""`manage.py sweep` as a process of a test."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Sweep:
    """One sweep; `kill()` ends it as a crash would, `stop()` politely and tells how long that took."""

    def __init__(self, environment: Mapping[str, str], log: Path, settings: str = "config.settings") -> None:
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "sweep"],
                cwd=ROOT,
                env={**environment, "DJANGO_SETTINGS_MODULE": settings},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> float:
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        return time.monotonic() - started
