"""An instance of one's own for a demo or a benchmark: temporary data, free ports, ended with its user."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

READY_SECONDS = 240.0
STOP_SECONDS = 15.0


class NotReady(Exception):
    """The instance did not come up; the text holds its last words."""


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Instance:
    """`with Instance() as one:` runs `make run`'s supervisor on loopback; `one.api` speaks REST to it. `tell`
    gets each line that the supervisor prints while it starts."""

    def __init__(self, tell: Callable[[str], None] | None = None, **variables: str) -> None:
        self.tell = tell
        self.directory = Path(tempfile.mkdtemp(prefix="callwright-demo-"))
        self.port = free_port()
        self.project_id = str(uuid.uuid4())
        self.api_token = "demo-" + secrets.token_urlsafe(24)
        low = min(free_port(socket.SOCK_DGRAM), 60000)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")}
        for name in ("DATABASE_URL", "REDIS_URL"):
            kept.pop(name, None)
        self.environment = kept | {
            "CALLWRIGHT_DATA_DIR": str(self.directory / "data"),
            "CALLWRIGHT_BIND": "127.0.0.1",
            "CALLWRIGHT_MEDIA_IP": "127.0.0.1",
            "CALLWRIGHT_HTTP_PORT": str(self.port),
            "CALLWRIGHT_HTTPS_PORT": str(free_port()),
            "CALLWRIGHT_SIP_PORT": "0",
            "CALLWRIGHT_TURN_PORT": "0",
            "CALLWRIGHT_MEDIA_WORKERS": "1",
            "CALLWRIGHT_MEDIA_PORTS": f"{low}-{low + 500}",
            "CALLWRIGHT_PROJECT_ID": self.project_id,
            "CALLWRIGHT_API_TOKEN": self.api_token,
            **variables,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.screen = self.directory / "screen"

    def __enter__(self) -> Instance:
        with self.screen.open("wb") as screen:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "config.supervisor", "--with-parent"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + READY_SECONDS
        told = 0
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NotReady(self.words())
            told = self._tell(told)
            time.sleep(0.1)

    def _tell(self, told: int) -> int:
        """Tells the lines with a time of day after the first `told`; how many there are now."""
        if self.tell is None:
            return told
        lines = re.findall(r"^\d\d:\d\d:\d\d (.*)\n", self.screen.read_text(errors="replace"), re.MULTILINE)
        for line in lines[told:]:
            self.tell(line)
        return len(lines)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=3) as answer:
                return json.load(answer).get("media_workers", 0) > 0
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def words(self) -> str:
        """The end of what its screen and its processes' logs say."""
        parts = [self.screen.read_text(errors="replace")[-1500:]] if self.screen.exists() else []
        parts += [
            f"--- {log.name}\n{log.read_text(errors='replace')[-1200:]}"
            for log in sorted((self.directory / "data" / "logs").glob("*.log"))
        ]
        return "\n".join(parts)

    def __exit__(self, *_: object) -> None:
        process = self.process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One REST request with the project's key; the answer's JSON. Raises urllib's HTTPError."""
        key = base64.b64encode(f"{self.project_id}:{self.api_token}".encode()).decode()
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Basic {key}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()[:500]!r}") from error
