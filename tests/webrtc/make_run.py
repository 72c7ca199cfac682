"""`make run` as a newcomer types it, in a network of its own: no setting but where its data is."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from config.embedded import paths
from config.env import ROOT
from config.process import end_with_parent
from config.supervisor import credentials
from tests.webrtc.own_network import Network

PORT = 8000
URL = f"http://localhost:{PORT}"
READY_SECONDS = 200.0
STOP_SECONDS = 20.0


class MakeRun:
    """`with MakeRun(network) as instance`: ready, media workers and all; stopped and wiped in the end.

    host: where it answers, and `settings`: what its environment says, if not what a newcomer has.
    """

    def __init__(self, network: Network, host: str = "127.0.0.1", **settings: str) -> None:
        self.network, self.host, self.settings = network, host, settings
        self.home = Path(tempfile.mkdtemp(prefix="callwright-run-"))
        self.home.chmod(0o755)  # PostgreSQL runs as a user of its own
        self.data = self.home / "data"
        self.screen = self.home / "screen"

    def __enter__(self) -> MakeRun:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLWRIGHT_")}
        for name in ("DATABASE_URL", "REDIS_URL", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            kept.pop(name, None)
        with self.screen.open("wb") as screen:
            self.process = subprocess.Popen(
                self.network.command("make", "run"),
                cwd=ROOT,
                env={**kept, "VENV": str(self._installed()), "CALLWRIGHT_DATA_DIR": str(self.data)}
                | self.settings,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent(signal.SIGTERM),  # make hands it on
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _installed(self) -> Path:
        """The packages of this test run as a virtual environment that `make run` need not fill."""
        venv = self.home / "venv"
        venv.mkdir()
        venv.chmod(0o755)
        for part in ("bin", "lib", "include", "pyvenv.cfg"):
            if (Path(sys.prefix) / part).exists():
                (venv / part).symlink_to(Path(sys.prefix) / part)
        shutil.copy(ROOT / "requirements.lock", venv / ".installed-run")
        return venv

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while "Callwright is ready" not in self.words():
            assert self.process.poll() is None and time.monotonic() < deadline, self.words()
            time.sleep(0.1)
        who = credentials.read(self.data)
        assert who is not None
        key = f"{who.project_id}:{who.api_token}"
        self._key = base64.b64encode(key.encode()).decode()

    def words(self) -> str:
        return self.screen.read_text(errors="replace")

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One REST request with the project's key; the answer's JSON."""
        connection = http.client.HTTPConnection(self.host, PORT, timeout=15)
        connection.sock = self.network.connect(PORT, self.host, seconds=15)
        try:
            headers = {"Authorization": f"Basic {self._key}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status < 400, (method, path, answer.status, text[:500])
            return json.loads(text) if text else None
        finally:
            connection.close()

    def pair(self, reference: str) -> dict[str, Any]:
        """`token` and `refresh_token` of the subscriber with this e-mail; made where there is none yet."""
        asked = {"reference": f"{reference}@example.com", "display_name": reference.title()}
        return dict(self.api("POST", "/api/fabric/subscribers/tokens", asked))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.words()[-3000:])
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(5)
        shutil.rmtree(paths.engines_directory(self.data), ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)
