"""Every SIP method from a stranger, by each transport: no effect, and nothing told about who exists.

Proves docs/security.md#r14.
"""

from __future__ import annotations

import asyncio
import random
import re
import statistics
import time
from typing import Any

import pytest

from calling.sip.stack.authentication import Authenticator
from calling.sip.stack.digest import Ha1Pair, ha1
from calling.sip.stack.lockout import SourceRateLimiter
from calling.sip.stack.transaction import Hop
from tests.sip.conftest import REALM, SDP, MakeAgent, by_name, port_of
from tests.sip.test_the_gate_and_digest import invite

METHODS = {  # what a stranger is answered outside of any dialog; None: nothing
    "INVITE": 401, "REGISTER": 401, "OPTIONS": 200, "BYE": 481, "CANCEL": 481, "PRACK": 481, "UPDATE": 481,
    "INFO": 481, "NOTIFY": 481, "REFER": 481, "MESSAGE": 405, "SUBSCRIBE": 405, "PUBLISH": 405, "ACK": None,
}  # fmt: skip


def message(method: str, transport: str, user: str, tag: str = "", extra: str = "") -> bytes:
    rng = random.Random(f"{method}{transport}{user}{tag}")
    body = SDP if method == "INVITE" else ""
    call_id = rng.randbytes(8).hex()
    head = (
        f"{method} sip:{user}@callwright.test SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} 127.0.0.1:9;rport;branch=z9hG4bK{call_id}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:{user}@callwright.test>;tag=1\r\nTo: <sip:{user}@callwright.test>{tag}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 {method}\r\nContact: <sip:evil@127.0.0.1:9>\r\n{extra}"
    )
    if body:
        head += "Content-Type: application/sdp\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Answers(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.heard.put_nowait(data)


async def ask(transport: str, port: int, data: bytes) -> str | None:
    """The first answer to a message, None for silence."""
    loop = asyncio.get_running_loop()
    if transport == "TCP":
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        try:
            async with asyncio.timeout(1.0 if data.startswith(b"ACK") else 8.0):
                return (await reader.readuntil(b"\r\n\r\n")).decode()
        except TimeoutError:
            return None
        finally:
            writer.close()
    endpoint, answers = await loop.create_datagram_endpoint(Answers, ("127.0.0.1", 0))
    endpoint.sendto(data, ("127.0.0.1", port))
    try:
        async with asyncio.timeout(1.0 if data.startswith(b"ACK") else 8.0):
            return (await answers.heard.get()).decode()
    except TimeoutError:
        return None
    finally:
        endpoint.close()


def status(answer: str | None) -> int | None:
    return int(answer.split(" ")[1]) if answer is not None else None


def shape(answer: str | None, user: str) -> str:
    """An answer without what is new in each, and without the name it was asked about."""
    text = re.sub(r'(nonce|opaque)="[^"]*"|tag=[\w.-]+|branch=[\w.-]+|rport=\d+', "", answer or "")
    text = re.sub(r"(?m)^Call-ID:.*$", "", text)
    return text.replace(user, "*")


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_no_method_of_a_stranger_has_an_effect(agent: MakeAgent, transport: str) -> None:
    effects: list[Any] = []

    async def happened(*what: Any) -> Any:
        effects.append(what)
        return []

    one = await agent(on_invite=happened, update=happened, store=happened)
    port = port_of(one, transport)
    for method, expected in METHODS.items():
        shapes = []
        for user in ("alice", "nobody"):
            answer = await ask(transport, port, message(method, transport, user))
            assert status(answer) == expected, (method, user, answer)
            shapes.append(shape(answer, user))
        assert shapes[0] == shapes[1], method
        within = await ask(transport, port, message(method, transport, "alice", ";tag=guessed"))
        assert status(within) in (481, None), (method, within)
    assert effects == [] and not one.calls


async def test_a_request_that_only_names_somebody_is_still_a_strangers(agent: MakeAgent) -> None:
    """Identity comes from the digest alone: asserted identities and forwarded names count for nothing."""
    effects: list[Any] = []

    async def happened(*what: Any) -> Any:
        effects.append(what)

    one = await agent(on_invite=happened)
    for extra in (
        "P-Asserted-Identity: <sip:alice@callwright.test>\r\n",
        "Remote-Party-ID: <sip:alice@callwright.test>;party=calling\r\n",
        "X-Account: alice\r\n",
        "Authorization : Digest\r\n",
        'Proxy-Authorization: Digest username="alice"\r\n',
    ):
        answer = await ask("UDP", port_of(one), message("INVITE", "UDP", f"bob{len(extra)}", extra=extra))
        assert status(answer) in (400, 401), extra
    assert effects == []


async def test_guessing_is_locked_after_twenty_tries_of_a_user_and_a_hundred_of_a_source() -> None:
    gate = Authenticator(REALM, by_name)
    hop = Hop("UDP", "192.0.2.77", 5060)
    looked: list[str] = []

    async def counted(name: str) -> Ha1Pair | None:
        looked.append(name)
        return await by_name(name)

    gate = Authenticator(REALM, counted)
    for _ in range(25):
        await gate.identify(invite(gate.digest, "wrong"), hop, 0.0, 1.0)
    assert gate._users.locked(f"alice|{hop.host}", 1.0)
    for number in range(100):
        await gate.identify(invite(gate.digest, "wrong", name=f"n{number}"), hop, 0.0, 1.0)
    assert gate._sources.locked(hop.host, 1.0)


@pytest.mark.family
async def test_time_does_not_tell_known_from_unknown(figure: Any) -> None:
    pair = Ha1Pair(*(ha1(kind, "alice", REALM, "alice-secret") for kind in ("SHA-256", "MD5")))

    async def find(name: str) -> Ha1Pair | None:
        return pair if name == "alice" else None

    gate = Authenticator(REALM, find)
    took: dict[str, list[float]] = {"alice": [], "nobod": []}
    for number in range(figure(600, 5000)):
        pairs = list(took.items())
        for name, times in pairs if number % 2 else reversed(pairs):
            request = invite(gate.digest, "wrong", name=name)
            hop = Hop("UDP", f"10.{number >> 8 & 255}.{number & 255}.1", 5060)
            begun = time.thread_time_ns()
            await gate.identify(request, hop, float(number), 1.0)
            times.append(time.thread_time_ns() - begun)
    known, unknown = (statistics.median(times) for times in took.values())
    assert abs(known - unknown) < 0.1 * max(known, unknown), (known, unknown)
    assert chance(took["alice"], took["nobod"]) > 0.001


def chance(one: list[float], other: list[float]) -> float:
    """The probability that a difference like this is chance (Mann-Whitney U, two-sided, normal)."""
    ranked = sorted((value, who) for who, values in enumerate((one, other)) for value in values)
    ranks = sum(place for place, (_, who) in enumerate(ranked, 1) if who == 0)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    z = abs(u - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5
    return 2 * (1 - statistics.NormalDist().cdf(z))


def test_one_source_and_all_together_may_send_only_so_much() -> None:
    gate = SourceRateLimiter(per_source=10, burst=20, overall=50)
    assert sum(gate.admits("a", 0.0) for _ in range(100)) == 20
    assert sum(gate.admits(str(number), 0.0) for number in range(100)) == 30
    assert gate.admits("a", 1.0)
