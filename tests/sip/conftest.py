"""Peers of the SIP tests: our own agents on loopback, and sipp, baresip and kamailio where installed."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from calling.sip.agent import Agent
from calling.sip.digest import Ha1Pair, ha1
from calling.sip.lockout import FloodGate
from calling.sip.notices import Notice

REALM = "callwright.test"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 39000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-16\r\na=sendrecv\r\n"
)


async def by_name(username: str) -> Ha1Pair | None:
    """alice and bob exist, with their name and `-secret` as password."""
    if username not in ("alice", "bob"):
        return None
    return Ha1Pair(*(ha1(kind, username, REALM, f"{username}-secret") for kind in ("SHA-256", "MD5")))


async def everybody(request: Any, hop: Any) -> str | None:
    return "trunk"


MakeAgent = Callable[..., Awaitable[Agent]]


@pytest.fixture
async def agent() -> AsyncIterator[MakeAgent]:
    """Make agents on free loopback ports; they are closed at the end."""
    made: list[Agent] = []

    async def make(**options: Any) -> Agent:
        sockets = options.pop("sockets", {})
        options = {"realm": REALM, "authenticate": by_name, "allow_md5": True, **options}
        options.setdefault("flood", FloodGate(5000, 5000, 5000))
        one = Agent(**options)
        await one.listen("127.0.0.1", 0, **sockets)
        made.append(one)
        return one

    yield make
    for one in made:
        await one.close()


def port_of(agent: Agent, transport: str = "UDP") -> int:
    return agent.transport.local[transport][1]


async def next_notice(call: Any, kind: type[Notice], seconds: float = 5.0) -> Any:
    """The next notice of a kind; others before it are passed over."""
    async with asyncio.timeout(seconds):
        while True:
            notice = await call.notices.get()
            if isinstance(notice, kind):
                return notice


def free_port() -> int:
    """A port that is free for UDP and TCP now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            try:
                two.bind(("127.0.0.1", one.getsockname()[1]))
            except OSError:
                continue
            return int(one.getsockname()[1])


class Sipp:
    """One run of sipp with a scenario text."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()

    async def run(self, scenario: str, *arguments: str, target: str = "127.0.0.1", transport: str = "u1",
                  calls: int = 1, seconds: float = 20.0) -> tuple[int, str]:  # fmt: skip
        """(exit status, what it said) once it ends; killed at the deadline."""
        name = self.directory / f"scenario-{self.port}.xml"
        name.write_text('<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="test">' + scenario +
                        "</scenario>\n")  # fmt: skip
        media = free_port()
        process = await asyncio.create_subprocess_exec(
            "sipp", target, "-sf", str(name), "-i", "127.0.0.1", "-p", str(self.port), "-m", str(calls),
            "-t", transport, "-nostdin", "-mp", str(media), "-timeout", f"{int(seconds)}s", "-timeout_error",
            "-trace_err", "-error_file", str(self.directory / f"errors-{self.port}.log"), *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=self.directory,
        )  # fmt: skip
        try:
            output, _ = await asyncio.wait_for(process.communicate(), seconds + 3)
        except TimeoutError:
            process.kill()
            output, _ = await process.communicate()
        errors = self.directory / f"errors-{self.port}.log"
        said = errors.read_text() if errors.exists() else output.decode("utf-8", "replace")[-3000:]
        return process.returncode or 0, said


@pytest.fixture
def sipp(tmp_path: Path) -> Callable[[], Sipp]:
    if shutil.which("sipp") is None:
        pytest.skip("sipp is not installed (Debian package sip-tester)")
    return lambda: Sipp(tmp_path)
