"""The stage of the unmodified SDK: a running instance, Chromium with fake devices, and pages on it."""

from __future__ import annotations

import fcntl
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bench.instance import Instance
from tests.support.ports import free_pair, free_port

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream=fps=10",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
SECONDS = 12.0
# Whether the page has its permissions already: with them Chromium needs TURN, without them STUN is enough.
# One call of every run goes without (`test_the_sdk_dials.py`); the others repeat it.
WITH_TURN_OR_STUN = [
    pytest.param(True, id="TURN"),
    pytest.param(False, id="STUN", marks=pytest.mark.soak_only),
]
WHOLE = ["new", "trying", "connecting", "connected", "disconnecting", "disconnected", "destroyed"]


def install() -> None:
    """The packages of `package-lock.json`, once."""
    with (HERE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes of one test run
        if not (HERE / "node_modules" / "typescript").exists():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True, timeout=120)


def bundle(into: Path) -> None:
    """The real package as one browser file, and the page that uses it."""
    install()
    esbuild = HERE / "node_modules" / ".bin" / "esbuild"
    options = ["--bundle", "--format=esm", "--platform=browser", "--target=es2022", "--log-level=error"]
    for page, version in (("index", ""), ("version3", "3")):
        command = [
            str(esbuild),
            f"bundle{version}.mjs",
            *options,
            f"--outfile={into / f'bundle{version}.js'}",
        ]
        subprocess.run(command, cwd=HERE, check=True, timeout=60)
        script = f'<!doctype html><script type="module" src="/page{version}.mjs"></script>'
        (into / f"{page}.html").write_text(script)
        (into / f"page{version}.mjs").write_text((HERE / f"page{version}.mjs").read_text())
    for part in ("media", "walk"):
        (into / f"{part}.mjs").write_text((HERE / f"{part}.mjs").read_text())


class Files(SimpleHTTPRequestHandler):
    extensions_map: ClassVar = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def serve(directory: Path) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(directory)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def start_instance(**variables: str) -> Instance:
    turn, sip = str(free_port(socket.SOCK_DGRAM)), str(free_pair())
    return Instance(CALLWRIGHT_TURN_PORT=turn, CALLWRIGHT_SIP_PORT=sip, **variables)


def spki_of(instance: Instance) -> str:
    """The certificate's fingerprint, which the instance prints once everything is up."""
    deadline = time.monotonic() + 30
    while not (found := re.search(r"SPKI ([A-Za-z0-9+/=]+)", instance.screen.read_text(errors="replace"))):
        assert time.monotonic() < deadline, instance.words()
        time.sleep(0.1)
    return found[1]


class Page:
    """One tab with the SDK in it."""

    latest: ClassVar[list[Page]] = []  # the far ends of a call that is not heard are among them

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        Page.latest = [*Page.latest[-3:], self]
        self.logged: list[str] = []
        page.on("console", lambda message: self.logged.append(message.text[:300]))
        page.goto(url)
        page.wait_for_function("window.loaded === true", timeout=10000)

    def run(self, name: str, *arguments: Any) -> Any:
        return self.page.evaluate("([name, given]) => window[name](...given)", [name, list(arguments)])

    def dial(self, destination: str, **options: Any) -> str:
        done = self.run("dial", destination, options or {"audio": True})
        assert "call" in done, (done, self.run("errors"), self.logged[-10:])
        return str(done["call"])

    def statuses(self, call: str) -> list[str]:
        return list(self.run("statuses", call))

    def until(self, test: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := test()):
            assert time.monotonic() < deadline, f"{what}: {self.run('errors')} {self.logged[-10:]}"
            self.page.wait_for_timeout(50)
        return found

    def reaches(self, call: str, status: str, seconds: float = SECONDS) -> list[str]:
        self.until(lambda: status in self.statuses(call), f"{status} of {self.statuses(call)}", seconds)
        return self.statuses(call)

    def hears(self, call: str, seconds: float = SECONDS) -> float:
        deadline = time.monotonic() + seconds
        while (peak := float(self.run("peak", call, 600))) <= 0.01:
            if time.monotonic() > deadline:
                raise AssertionError(f"sound: {peak} {self._ends()} {self.run('errors')} {self.logged[-10:]}")
        return peak

    def _ends(self) -> list[str]:
        """What each page counts of its connections."""
        return [page.run("counted") for page in Page.latest if not page.page.is_closed()]

    def hears_tone(self, call: str, hertz: float, seconds: float = SECONDS) -> None:
        self.until(lambda: abs(self.run("pitch", call) - hertz) < 15, f"{hertz:g} Hz", seconds)

    def sees(self, call: str, seconds: float = SECONDS) -> dict[str, int]:
        """A picture of the far end: decoded frames that hold something, and move."""

        deadline = time.monotonic() + seconds
        while True:
            seen = self.run("picture", call, 500)
            if seen["frames"] > 3 and seen["contrast"] > 20 and seen["movement"] > 5:
                return dict(seen)
            assert time.monotonic() < deadline, (
                f"a moving picture: {seen} {self._ends()} {self.run('errors')}"
            )

    def sees_red(self, call: str, seconds: float = SECONDS) -> None:
        """The shared screen of `page.mjs`, and no camera."""

        def look() -> bool:
            red, green, blue = self.run("colour", call)
            return bool(red > 150 and green < 60 and blue < 60)

        self.until(look, "a red picture", seconds)

    def sees_no_red(self, call: str, seconds: float = SECONDS) -> None:
        self.until(lambda: self.run("colour", call)[1] > 60, "another picture than the red one", seconds)

    def facts(self, call: str) -> dict[str, Any]:
        return dict(self.run("facts", call))

    def participants(self, call: str) -> dict[str, dict[str, Any]]:
        """By name; a shared screen as `<name> (screen)`."""
        found = {}
        for each in self.run("participants", call):
            extra = "" if each["type"] == "member" else f" ({each['type']})"
            found[f"{each['name']}{extra}"] = each
        return found

    def is_silent(self, call: str, seconds: float = SECONDS) -> None:
        self.until(lambda: self.run("peak", call, 500) < 0.005, "silence", seconds)

    def rings(self, seconds: float = SECONDS) -> str:
        return str(self.until(lambda: self.run("incoming"), "an incoming call", seconds)[-1])
