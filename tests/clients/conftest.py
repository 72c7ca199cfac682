"""One instance, its OpenAPI document, and the tools of npm, for all tests of clients."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.instance import Instance
from tests.clients.phone import AnsweringPhone
from tests.support.ports import free_udp_and_tcp_port

HERE = Path(__file__).parent
INSTALL_SECONDS = 400


@pytest.fixture(scope="session")
def running() -> Iterator[Instance]:
    # SIP for the recipe of a desk phone.
    with Instance(CALLWRIGHT_SIP_PORT=str(free_udp_and_tcp_port())) as instance:
        yield instance


@pytest.fixture(scope="session")
def document(running: Instance, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OpenAPI document, as the instance serves it, in a file."""
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(fetch(f"{running.url}/api/schema"))
    return path


def install(directory: Path) -> Path:
    """`npm ci` where it was not done yet; the directory of the programs. Skips where npm cannot."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs npm and node")
    with (directory / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes of one test run
        installed = directory / "node_modules" / ".callwright-lock"
        wanted = (directory / "package-lock.json").read_text()
        if not installed.exists() or installed.read_text() != wanted:
            command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(
                command, cwd=directory, capture_output=True, timeout=INSTALL_SECONDS, check=False
            )
            if done.returncode:
                pytest.skip(f"npm could not install: {done.stderr[-300:].decode(errors='replace')}")
            installed.write_text(wanted)
    return directory / "node_modules" / ".bin"


@pytest.fixture(scope="session")
def npm_programs() -> Path:
    return install(HERE)


@pytest.fixture
def subscriber(running: Instance) -> Callable[[str], str]:
    """`subscriber("bob")`: an access token for bob, who is made where he is not yet."""

    def token(reference: str) -> str:
        return str(running.api("POST", "/api/fabric/subscribers/tokens", {"reference": reference})["token"])

    return token


@pytest.fixture
def phone(running: Instance, subscriber: Callable[[str], str]) -> Iterator[Callable[[str], AnsweringPhone]]:
    """`phone("bob")`: bob's phone, which answers and says 500 Hz."""
    phones: list[AnsweringPhone] = []

    def come(reference: str, hertz: float = 500.0) -> AnsweringPhone:
        phones.append(AnsweringPhone(reference, subscriber(reference), running.url, hertz).__enter__())
        return phones[-1]

    yield come
    for each in phones:
        each.__exit__()


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())


def last_line(text: str) -> dict[str, str]:
    """The JSON object that a program printed last."""
    found: dict[str, str] = json.loads(text.strip().splitlines()[-1])
    return found
