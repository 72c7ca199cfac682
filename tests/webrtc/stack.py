"""A foreign WebRTC stack as a device: its process does the media, and this side its socket `/ws/phone`."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from config.process import end_with_parent
from tests.webrtc.make_run import PORT
from tests.webrtc.own_network import Network

HERE = Path(__file__).parent / "stacks"
SYSTEM_PYTHON = "/usr/bin/python3"
GI = "import gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import Gst, GstWebRTC;"
FIND = "Gst.init(None); assert Gst.ElementFactory.find('webrtcbin') and Gst.ElementFactory.find('nicesrc')"
HAS_WEBRTCBIN = (SYSTEM_PYTHON, "-c", f"{GI} {FIND}")
NODE_PACKAGES = {"wrtc": "@roamhq/wrtc", "werift": "werift", "datachannel": "node-datachannel"}
# Pion is built from Debian's source packages, golang-go and golang-github-pion-webrtc.v3-dev.
GO_PATH = "/usr/share/gocode"
PION = {"pion": (), "pion of two sections, ICE-lite": ("lite", "apart")}
NAMES = (*NODE_PACKAGES, *PION, "webrtcbin")


def obstacle(name: str) -> str | None:
    """None, or why there is no such stack here. Installs npm's packages or builds Pion when first asked."""
    if name in PION:
        return _build_pion()
    if name == "webrtcbin":
        asked = subprocess.run(HAS_WEBRTCBIN, capture_output=True, text=True, check=False)
        return None if asked.returncode == 0 else f"no webrtcbin: {asked.stderr.strip()[-200:]}"
    if not (shutil.which("npm") and shutil.which("node")):
        return "npm and node are needed"
    with (HERE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes of one test run
        if not (HERE / "node_modules").exists():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=HERE, check=False, timeout=180)
    tried = subprocess.run(
        ["node", "--input-type=module", "-e", f"await import('{NODE_PACKAGES[name]}'); process.exit(0)"],
        cwd=HERE, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return None if tried.returncode == 0 else f"{NODE_PACKAGES[name]} does not load: {tried.stderr[-200:]}"


def _build_pion() -> str | None:
    if not (shutil.which("go") and Path(GO_PATH, "src/github.com/pion/webrtc").exists()):
        return "no Pion: Debian's golang-go and golang-github-pion-webrtc.v3-dev are needed"
    with (HERE / "package-lock.json").open() as lock, tempfile.TemporaryDirectory() as path:
        fcntl.flock(lock, fcntl.LOCK_EX)
        source = Path(path, "src", "device")  # its go.mod counts in a GOPATH alone
        shutil.copytree(HERE / "pion", source)
        made = subprocess.run(
            ["go", "build", "-p", "1", "-o", str(HERE / "dist" / "pion"), "."],
            cwd=source, capture_output=True, text=True, check=False, timeout=200,
            env={**os.environ, "GO111MODULE": "off", "GOPATH": f"{path}:{GO_PATH}", "GOFLAGS": ""},
        )  # fmt: skip
    return None if made.returncode == 0 else f"Pion cannot be built: {made.stderr[-200:]}"


def _program(name: str, hertz: int) -> tuple[str, ...]:
    if name in PION:
        return (str(HERE / "dist" / "pion"), str(hertz), *PION[name])
    if name == "webrtcbin":
        return (SYSTEM_PYTHON, "webrtcbin.py", str(hertz))
    return ("node", f"{name}.mjs", str(hertz))


class Stack:
    """`Stack("werift", network, token, 500)`: online, says 500 Hz in its call."""

    def __init__(self, name: str, network: Network, token: str, hertz: int) -> None:
        self.hertz = hertz
        self._driver = subprocess.Popen(
            network.command(*_program(name, hertz)),
            cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=end_with_parent(signal.SIGKILL),
        )  # fmt: skip
        self._socket = connect(f"ws://localhost:{PORT}/ws/phone", sock=network.connect(PORT), legacy=True)
        self._waiting: list[dict[str, Any]] = []
        self.call_id = ""
        self.send("auth", token=token)
        self.expect("auth.ok")

    # --- its media ------------------------------------------------------------------------------------

    def _ask(self, do: str, **more: str) -> dict[str, Any]:
        assert self._driver.stdin is not None and self._driver.stdout is not None
        self._driver.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self._driver.stdin.flush()
        answer: dict[str, Any] = json.loads(self._driver.stdout.readline() or '{"error": "it has ended"}')
        assert "error" not in answer, answer["error"]
        return answer

    def offer(self) -> str:
        return str(self._ask("offer")["sdp"])

    def accept(self) -> None:
        self._ask("accept", sdp=self.expect("sdp.answer")["sdp"])

    def _until(self, right: Callable[[float], bool], what: str, seconds: float = 25.0) -> None:
        deadline = time.monotonic() + seconds
        while not right(found := float(self._ask("heard")["heard"])):
            assert time.monotonic() < deadline, f"wanted {what}, hears {found:.0f} Hz; {self._waiting}"
            time.sleep(0.1)

    def hears(self, hertz: int) -> None:
        self._until(lambda found: abs(found - hertz) < 20, f"{hertz} Hz")

    def hears_no(self, hertz: int) -> None:
        """Silence, or the tune for who is on hold."""
        self._until(lambda found: abs(found - hertz) > 100, f"no {hertz} Hz")

    # --- its socket -----------------------------------------------------------------------------------

    def send(self, type: str, **fields: Any) -> None:
        self._socket.send(json.dumps({"type": type, **fields}))

    def expect(self, type: str, seconds: float = 25.0) -> dict[str, Any]:
        """The next message of that type; others wait."""
        deadline = time.monotonic() + seconds
        while True:
            for number, message in enumerate(self._waiting):
                assert message["type"] != "error", message
                if message["type"] == type:
                    return self._waiting.pop(number)
            self._waiting.append(json.loads(self._socket.recv(max(0.01, deadline - time.monotonic()))))

    def dial(self, destination: str) -> None:
        self.send("call.create", req_id="c", destination=destination, sdp=self.offer())
        self.call_id = str(self.expect("call.trying")["call_id"])
        self.accept()

    def answer(self) -> None:
        self.call_id = str(self.expect("call.incoming")["call_id"])
        self.send("call.answer", call_id=self.call_id, sdp=self.offer())
        self.accept()

    def offer_again(self) -> None:
        self.send("call.update", call_id=self.call_id, sdp=self.offer())
        self.accept()

    def close(self) -> None:
        self._socket.close()
        self._driver.kill()
        self._driver.wait(5)
