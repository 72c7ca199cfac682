"""A platform for browsers: the web process and a media worker, on the engines and database of the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.support.ports import free_port


class WebProcess:
    """`python -m config.serve` on a free port, ready when `/healthz` answers."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.log = log
        self._file = log.open("ab")
        ports = {"CALLWRIGHT_HTTP_PORT": str(self.port), "CALLWRIGHT_HTTPS_PORT": "0"}
        self._environment = {**environment, **ports}
        self.start()

    def start(self) -> None:
        """Also again, on the same port, after `kill`."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.serve"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_until_ready(self, seconds: float = 90) -> None:
        ends = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None and time.monotonic() < ends, self.log.read_text()[-4000:]
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=1):
                    return
            except OSError:
                time.sleep(0.1)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(5)

    def stop(self) -> None:
        self.kill()
        self._file.close()
