"""The stage of browsers' SIP libraries: a running instance, and pages with JsSIP or SIP.js in them."""

from __future__ import annotations

import fcntl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.instance import Instance
from tests.support.ports import free_pair

HERE = Path(__file__).parent
PASSWORD = "a long secret"
SECONDS = 15.0
QUIET = -90.0  # dB of an analyser: below it there is no tone
NEAR = 15.0  # Hz


def bundle(into: Path) -> None:
    """The libraries as npm has them as one browser file, and the page that uses them."""
    with (HERE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes of one test run
        if not (HERE / "node_modules").exists():
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True, timeout=120)
    esbuild = HERE / "node_modules" / ".bin" / "esbuild"
    options = ["--bundle", "--format=esm", "--platform=browser", "--target=es2022", "--log-level=error"]
    command = [str(esbuild), "bundle.mjs", *options, f"--outfile={into / 'bundle.js'}"]
    subprocess.run(command, cwd=HERE, check=True, timeout=60)
    (into / "page.mjs").write_text((HERE / "page.mjs").read_text())
    (into / "index.html").write_text('<!doctype html><script type="module" src="/page.mjs"></script>')


def start_instance() -> Instance:
    return Instance(CALLWRIGHT_SIP_PORT=str(free_pair()))


def socket(instance: Instance, secure: bool = False) -> str:
    """Where SIP over WebSocket is spoken, over TLS or not."""
    if secure:
        return f"wss://localhost:{instance.environment['CALLWRIGHT_HTTPS_PORT']}/ws/sip"
    return instance.url.replace("http", "ws") + "/ws/sip"


def endpoint(instance: Instance, reference: str) -> str:
    """A SIP endpoint of that subscriber; its user name."""
    given = instance.api("POST", "/api/fabric/subscribers/tokens", {"reference": reference})
    path = f"/api/fabric/resources/subscribers/{given['subscriber_id']}/sip_endpoints"
    username = f"{reference}-web"
    if not any(each["username"] == username for each in instance.api("GET", path)["data"]):
        instance.api("POST", path, {"username": username, "password": PASSWORD})
    return username


def demand_encryption(instance: Instance, reference: str) -> None:
    """From now on that subscriber's endpoint takes and makes encrypted calls alone."""
    given = instance.api("POST", "/api/fabric/subscribers/tokens", {"reference": reference})
    path = f"/api/fabric/resources/subscribers/{given['subscriber_id']}/sip_endpoints"
    for each in instance.api("GET", path)["data"]:
        instance.api("PATCH", f"{path}/{each['id']}", {"encryption": "required"})


class WebPhone:
    """One tab with a library in it. `hertz`: the tone it sends."""

    def __init__(self, page: Any, url: str, library: str, hertz: float) -> None:
        self.page, self.library, self.hertz = page, library, hertz
        self.logged: list[str] = []
        page.on("console", lambda message: self.logged.append(message.text[:400]))
        page.on("pageerror", lambda error: self.logged.append(f"error: {error}"))
        page.goto(url)
        page.wait_for_function("window.loaded === true", timeout=10_000)

    def run(self, name: str, *arguments: Any) -> Any:
        return self.page.evaluate("([name, given]) => window[name](...given)", [name, list(arguments)])

    def start(self, socket: str, user: str, password: str = PASSWORD) -> None:
        given = {"url": socket, "user": user, "password": password, "host": "localhost"}
        self.run("start", self.library, self.hertz, given)

    def until(self, test: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := test()):
            assert time.monotonic() < deadline, f"{self.library}: no {what}; {self.words()}"
            self.page.wait_for_timeout(50)
        return found

    def words(self) -> str:
        return f"{self.run('seen')} {self.run('told')} {self.logged[-12:]}"

    def registered(self) -> None:
        self.until(lambda: self.run("seen")["registered"][-1:] == ["registered"], "registration")

    def rings(self, number: int = 1) -> str:
        """The name of its `number`th incoming call."""
        self.until(lambda: len(self.run("seen")["incoming"]) >= number, "incoming call")
        return str(self.run("seen")["incoming"][number - 1])

    def reaches(self, call: str, word: str, seconds: float = SECONDS) -> None:
        """Wait until an event of the call begins with that word."""

        def found() -> bool:
            return any(event.startswith(word) for event in self.run("events", call))

        self.until(found, f"{word} of {call} in {self.run('events', call)}", seconds)

    def loudest(self, call: str) -> float | None:
        hertz, level = self.run("loudest", call)
        return hertz if level > QUIET else None

    def hears(self, call: str, hertz: float, seconds: float = SECONDS) -> None:
        heard: list[float | None] = []

        def right() -> bool:
            heard.append(self.loudest(call))
            return heard[-1] is not None and abs(heard[-1] - hertz) < NEAR

        try:
            self.until(right, f"{hertz} Hz", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; heard {heard[-5:]}") from None

    def hears_no_more(self, call: str, hertz: float) -> None:
        def gone() -> bool:
            found = self.loudest(call)
            return found is None or abs(found - hertz) >= NEAR

        self.until(gone, f"end of {hertz} Hz")


def talk(one: WebPhone, its: str, other: WebPhone, others: str) -> None:
    """Both hear each other, told by the frequency."""
    one.hears(its, other.hertz)
    other.hears(others, one.hertz)
