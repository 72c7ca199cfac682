"""Over TCP and TLS a message that cannot be told from the next one is answered, and then the stream ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.sip.conftest import SDP, MakeAgent, everybody, port_of
from tests.sip.secure import contexts
from tests.sip.test_requests_that_cross_or_wait import Callee

LENGTH = "Content-Length: 0\r\n"


def options(number: int, length: str = LENGTH, *, method: str = "OPTIONS", more: str = "") -> bytes:
    return (
        f"{method} sip:bob@callwright.test SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:a@callwright.test>;tag=1\r\nTo: <sip:bob@callwright.test>\r\nCall-ID: c{number}\r\n"
        f"CSeq: {number} {method}\r\n{more}{length}\r\n"
    ).encode()


async def said(port: int, data: bytes, *, secure: Path | None = None, seconds: float = 5.0) -> str:
    """Everything that comes back until the far end closes the connection."""
    context = contexts(secure)["client_context"] if secure else None
    name = "127.0.0.1" if secure else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    writer.write(data)
    try:
        return (await asyncio.wait_for(reader.read(), seconds)).decode()
    finally:
        writer.close()


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
@pytest.mark.parametrize(
    ("length", "status"),
    [
        ("", 400), ("Content-Length: -5\r\n", 400), ("Content-Length: abc\r\n", 400), ("l:\r\n", 400),
        (LENGTH * 2, 400), ("Content-Length: 0\r\nl: 3\r\n", 400), ("Content-Length: 70000\r\n", 513),
        ("X-Long: " + "a" * 70_000, 513),
    ],
)  # fmt: skip
async def test_a_request_is_answered_before_the_connection_closes(
    agent: MakeAgent, tmp_path: Path, transport: str, length: str, status: int
) -> None:
    sockets = {"tls_port": 0, **contexts(tmp_path)}
    bob = await agent(sockets=sockets)
    secure = tmp_path if transport == "TLS" else None
    heard = await said(port_of(bob, transport), options(1) + options(2, length), secure=secure)
    first, second = heard.split("SIP/2.0 ")[1:]
    assert first.startswith("200 ") and "Call-ID: c1" in first  # what came before it counts
    assert second.startswith(f"{status} ") and "Call-ID: c2" in second


@pytest.mark.parametrize("method", ["ACK", "SIP/2.0 200"])
async def test_nobody_answers_an_ack_or_an_answer(agent: MakeAgent, method: str) -> None:
    bob = await agent()
    data = options(1, "").replace(b"OPTIONS sip:bob@callwright.test SIP/2.0", b"SIP/2.0 200 OK")
    heard = await said(port_of(bob), options(1, "", method="ACK") if method == "ACK" else data)
    assert heard == ""


@pytest.mark.parametrize(
    "length",
    ["Content-Length:\r\n 0\r\n", "Content-Length :\t0 \r\n", "L:0\r\n", "Content-Length: 0\r\n \r\n"],
)
async def test_a_length_counts_in_every_spelling(agent: MakeAgent, length: str) -> None:
    bob = await agent()
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(bob))
    writer.write(options(1, length) + options(2, length))
    heard = b""
    async with asyncio.timeout(5):
        while heard.count(b"SIP/2.0 200 ") < 2:
            heard += await reader.read(4000)
    writer.close()


async def test_lines_that_end_with_lf_alone_are_read_as_over_udp(agent: MakeAgent) -> None:
    callee = Callee()
    bob = await callee.agent(agent, trunk=everybody)
    more = "Contact: <sip:a@127.0.0.1:9;transport=tcp>\r\nContent-Type: application/sdp\r\n"
    head = options(7, f"Content-Length: {len(SDP)}\r\n", method="INVITE", more=more).replace(b"\r\n", b"\n")
    _, writer = await asyncio.open_connection("127.0.0.1", port_of(bob))
    writer.write(head + SDP.encode())
    call = await asyncio.wait_for(callee.calls.get(), 5)
    assert call.offer == SDP
    await call.reject(486)
    writer.close()


@pytest.mark.parametrize(
    "more", ["X-A: \x01\r\n", "No colon\r\n", "Bad Name: x\r\n", "X-Long: " + "a" * 9000 + "\r\n"]
)
async def test_a_header_that_cannot_be_read_is_told_too(agent: MakeAgent, more: str) -> None:
    bob = await agent()
    status = 513 if "Long" in more else 400
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(bob))
    writer.write(options(3, more=more) + options(4))
    heard = b""
    async with asyncio.timeout(5):
        while heard.count(b"SIP/2.0 ") < 2:
            heard += await reader.read(4000)
    assert heard.startswith(f"SIP/2.0 {status} ".encode()) and b"SIP/2.0 200 " in heard
    writer.close()
