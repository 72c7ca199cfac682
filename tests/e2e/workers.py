"""Real Celery media workers as processes of a test, and rows as they see them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from calling import models
from tests.support.wait import wait_for

START_SECONDS = 90.0  # a few seconds on an idle machine; imports wait for whatever else runs


class WorkerProcess:
    """`celery -A config.celery worker --pool=threads -Q media`, ready when its heartbeat is there."""

    def __init__(
        self, environment: Mapping[str, str], log: Path, name: str = "media", host: str | None = None
    ) -> None:
        self.log = log
        self._file = log.open("ab")
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=INFO")
        command = ("-m", "celery", "-A", "config.celery", "worker", "-n", f"{name}@{socket.gethostname()}")
        # `ip netns exec` becomes the command itself: the process is the worker.
        there = ["ip", "netns", "exec", host] if host else []
        self.process = subprocess.Popen(
            [*there, sys.executable, *command, *quiet, "-Q", "media", "--pool=threads", "-c", "50"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until_ready(self) -> None:
        wait_for(lambda: self.row() or self.process.poll() is not None, START_SECONDS, "the worker")
        assert self.process.poll() is None, self.words()

    def row(self) -> models.MediaWorker | None:
        return models.MediaWorker.objects.filter(pid=self.pid).first()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def gone_within(self, seconds: float) -> float:
        """How long it took to end."""
        started = time.monotonic()
        self.process.wait(seconds)
        return time.monotonic() - started

    def words(self) -> str:
        return self.log.read_text()[-6000:]

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.wait(5)
        self._file.close()
