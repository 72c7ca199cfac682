"""A program of recipes/ as its reader runs it: with the client's package, the instance by its variables."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

from bench.instance import Instance

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "recipes"
READY_SECONDS = 60.0


class Recipe:
    """`with Recipe("crm_pop", instance, PORT="0") as one:` runs it until the block ends.

    `ready` is what its first line says after `ready `; `line(text)` waits for a line that begins with it.
    """

    def __init__(
        self, name: str, instance: Instance, *words: str, python: str = sys.executable, **own: str
    ) -> None:
        kept = {
            each: value for each, value in os.environ.items() if not each.startswith(("CALLWRIGHT_", "AWS_"))
        }
        self.environment = {
            **kept,
            "CALLWRIGHT_URL": instance.url,
            "CALLWRIGHT_API_KEY": f"{instance.project_id}:{instance.api_token}",
            "PYTHONPATH": str(ROOT / "clients" / "python" / "src"),
            **own,
        }
        self.command = [python, "-u", str(RECIPES / f"{name}.py"), *words]
        self.lines: queue.Queue[str] = queue.Queue()
        self.seen: list[str] = []

    def __enter__(self) -> Recipe:
        self.process = subprocess.Popen(
            self.command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.ready = self.line("ready ", READY_SECONDS).removeprefix("ready ")
        return self

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def line(self, text: str, seconds: float = 60.0) -> str:
        end = time.monotonic() + seconds
        while True:
            try:
                found = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line {text!r} within {seconds:g} s: {self.seen[-30:]}") from None
            self.seen.append(found)
            if found.startswith(text):
                return found

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def run(self, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """To its end."""
        return subprocess.run(
            self.command, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False
        )
