"""Peers of the SIP tests: our own agents on loopback, and sipp, baresip and kamailio where installed."""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from calling.sip.stack.digest import Ha1Pair, ha1
from calling.sip.stack.events import SessionEvent
from calling.sip.stack.lockout import SourceRateLimiter
from calling.sip.ua.user_agent import UserAgent
from tests.support.ports import free_udp_and_tcp_port

REALM = "callwright.test"
SCENARIOS = Path(__file__).parent / "scenarios"
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


MakeAgent = Callable[..., Awaitable[UserAgent]]


@pytest.fixture
async def agent() -> AsyncIterator[MakeAgent]:
    """Make agents on free loopback ports; they are closed at the end."""
    made: list[UserAgent] = []

    async def make(**options: Any) -> UserAgent:
        sockets = options.pop("sockets", {})
        options = {"realm": REALM, "authenticate": by_name, "allow_md5": True, **options}
        options.setdefault("flood", SourceRateLimiter(5000, 5000, 5000))
        for _ in range(10):
            one = UserAgent(**options)
            made.append(one)
            try:
                await one.listen("127.0.0.1", 0, **sockets)
            except OSError as error:  # the port that was free for UDP is somebody's for TCP
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return one
        raise AssertionError("ten ports in a row were free for UDP and not for TCP")

    yield make
    for one in made:
        await one.close()


def port_of(agent: UserAgent, transport: str = "UDP") -> int:
    return agent.transport.local[transport][1]


async def next_notice(call: Any, kind: type[SessionEvent], seconds: float = 5.0) -> Any:
    """The next notice of a kind; others before it are passed over."""
    async with asyncio.timeout(seconds):
        while True:
            notice = await call.notices.get()
            if isinstance(notice, kind):
                return notice


class Sipp:
    """One run of sipp with a scenario of `scenarios/`, on a port of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_udp_and_tcp_port()

    async def run(self, scenario: str, *arguments: str, target: str = "127.0.0.1:9", transport: str = "u1",
                  seconds: float = 20.0, code: int = 486) -> tuple[int, str]:  # fmt: skip
        """(exit status, what it said) once its one call ends; killed at the deadline.

        `code` stands for `@code@` in the scenario: sipp wants statuses written out.
        """
        text = (SCENARIOS / f"{scenario}.xml").read_text(encoding="ascii")
        script = self.directory / f"{scenario}-{self.port}.xml"
        script.write_text(text.replace("@code@", str(code)), encoding="ascii")
        errors = self.directory / f"errors-{self.port}.log"
        process = await asyncio.create_subprocess_exec(
            "sipp", target, *arguments, "-sf", str(script), "-i", "127.0.0.1",
            "-p", str(self.port), "-m", "1", "-t", transport, "-nostdin", "-mp", str(free_udp_and_tcp_port()),
            "-timeout", f"{int(seconds)}s", "-timeout_error", "-trace_err", "-error_file", str(errors),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, cwd=self.directory,
        )  # fmt: skip
        try:
            output, _ = await asyncio.wait_for(process.communicate(), seconds + 3)
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        said = errors.read_text() if errors.exists() else output.decode("utf-8", "replace")[-3000:]
        return process.returncode or 0, said


@pytest.fixture
def sipp(tmp_path: Path) -> Callable[[], Sipp]:
    if shutil.which("sipp") is None:
        pytest.skip("sipp is not installed (Debian package sip-tester)")
    return lambda: Sipp(tmp_path)
