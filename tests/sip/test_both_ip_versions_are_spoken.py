"""An agent at `::` speaks with phones of either IP version, each in the addresses of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from calling.sip.edge.mapping import destinations_of, plain_host
from calling.sip.stack.digest import Ha1Pair
from calling.sip.stack.transaction import Hop
from calling.sip.ua.user_agent import UserAgent
from tests.sip.conftest import SDP

EACH = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


async def nobody(username: str) -> Ha1Pair | None:
    return None


@pytest_asyncio.fixture
async def agent() -> AsyncIterator[UserAgent]:
    made = UserAgent(realm="callwright", authenticate=nobody, advertised=("127.0.0.1", "::1"))
    await made.listen("::", 0)
    yield made
    await made.close()


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def datagrams(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.setblocking(False)
    return sock


def options(transport: str, host: str, port: int) -> bytes:
    lines = [
        "OPTIONS sip:callwright SIP/2.0",
        f"Via: SIP/2.0/{transport} phone.invalid:{port};branch=z9hG4bKone;rport",
        "From: <sip:alice@callwright>;tag=a1",
        "To: <sip:callwright>",
        f"Call-ID: {transport}-{host}",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@EACH
async def test_a_phone_over_udp_is_told_the_address_it_has(agent: UserAgent, host: str) -> None:
    loop, port = asyncio.get_running_loop(), agent.transport.local["UDP"][1]
    with datagrams(host) as phone:
        await loop.sock_sendto(phone, options("UDP", host, phone.getsockname()[1]), (host, port))
        data, _ = await asyncio.wait_for(loop.sock_recvfrom(phone, 4000), 5)
    assert f";received={host};rport=".encode() in data


@EACH
async def test_a_phone_over_tcp_is_told_the_address_it_has(agent: UserAgent, host: str) -> None:
    reader, writer = await asyncio.open_connection(host, agent.transport.local["TCP"][1])
    writer.write(options("TCP", host, writer.get_extra_info("sockname")[1]))
    data = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()
    assert f";received={host};rport=".encode() in data


@EACH
async def test_a_phone_is_called_from_an_address_that_it_can_answer(agent: UserAgent, host: str) -> None:
    loop = asyncio.get_running_loop()
    with datagrams(host) as phone:
        port = phone.getsockname()[1]
        hop = Hop("UDP", host, port)
        call = agent.invite(f"sip:bob@{bracketed(host)}:{port}", SDP, from_="<sip:a@callwright>", hops=[hop])
        data, _ = await asyncio.wait_for(loop.sock_recvfrom(phone, 4000), 5)
        await call.hangup()
    own = f"{bracketed(host)}:{agent.transport.local['UDP'][1]}"
    assert f"Via: SIP/2.0/UDP {own};".encode() in data
    assert f"Contact: <sip:callwright@{own}>".encode() in data


@pytest.mark.parametrize(
    "host", ["[2001:db8::5]", "[2001:DB8:0:0:0:0:0:5]", "Pbx.Example.COM", "pbx.example.com."]
)
def test_every_spelling_of_our_name_is_ours(host: str) -> None:
    ours = {plain_host("2001:DB8::0:5"), plain_host("PBX.example.com")}
    assert destinations_of(f"sip:echo@{host}", ours) == ["/private/echo", "/public/echo"]


@pytest.mark.parametrize("host", ["[2001:db8::6]", "pbx.example.net"])
def test_another_host_is_not_ours(host: str) -> None:
    ours = {plain_host("2001:db8::5"), plain_host("pbx.example.com")}
    assert destinations_of(f"sip:echo@{host}", ours) == [f"sip:echo@{host}"]
