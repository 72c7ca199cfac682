"""A private PostgreSQL and Valkey for one pytest process, where DATABASE_URL or REDIS_URL is unset.

Started when `tests.settings` is imported (pytest-django loads settings before any conftest), stopped at
exit; the kernel ends them too if pytest is killed. A worker of pytest-xdist has its own, not its parent's:
tests stop and empty them.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from config.embedded import paths, postgres, valkey
from config.embedded.engine import EngineError
from config.process import Launch, last_line, spawn

MADE = "TEST_ENGINES_MADE"  # names what a parent process has set, and not the person


class Engine:
    """A running engine, as the supervisor runs it in `make run`."""

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


def start() -> None:
    """Starts what the environment does not give, and sets the environment accordingly."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        for name in os.environ.pop(MADE, "").split():
            del os.environ[name]
    made = [name for name in ("DATABASE_URL", "REDIS_URL", "CALLWRIGHT_DATA_DIR") if not os.environ.get(name)]
    os.environ[MADE] = " ".join(made)
    data_dir = Path(tempfile.mkdtemp(prefix="callwright-test-"))
    engines: list[Engine] = []

    def stop() -> None:
        for engine in reversed(engines):
            with contextlib.suppress(Exception):
                engine.stop()
        elsewhere = paths.engines_directory(data_dir)
        shutil.rmtree(data_dir, ignore_errors=True)
        shutil.rmtree(elsewhere, ignore_errors=True)

    atexit.register(stop)
    if not os.environ.get("DATABASE_URL"):
        engines.append(Engine(postgres.prepare(data_dir, connections=200, durable=False)))
        engines[-1].start()
        os.environ["DATABASE_URL"] = paths.postgres_url(data_dir)
    if not os.environ.get("REDIS_URL"):
        engines.append(Engine(valkey.prepare(data_dir)))
        engines[-1].start()
        os.environ["REDIS_URL"] = paths.valkey_url(data_dir)
    os.environ.setdefault("CALLWRIGHT_DATA_DIR", str(data_dir))
    os.environ.setdefault("CALLWRIGHT_SECRET_KEY", "a key for tests only, long enough to sign with")
    # Tests listen on loopback, which the outbound guard refuses by default.
    os.environ.setdefault("CALLWRIGHT_ALLOW_PRIVATE_URLS", "1")
