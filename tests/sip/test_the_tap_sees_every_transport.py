"""What a tap at the sockets is shown: both ways, over UDP, TCP, TLS and WebSocket, with both ends' places."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest

from calling.sip.edge.flows import hop_of, proof_of
from calling.sip.stack import websocket
from calling.sip.stack.events import Answered, Finished
from calling.sip.stack.transaction import Hop
from calling.sip.ua.server_session import DialogServerSession
from tests.sip.conftest import SDP, MakeAgent, everybody, next_notice, port_of
from tests.sip.secure import contexts


class Tap:
    def __init__(self, agent: Any) -> None:
        self.agent, self.seen = agent, list[tuple[str, bool]]()
        self.places = set[tuple[str, Any]]()
        agent.transport.tap = self

    def __call__(self, data: bytes, hop: Hop, outgoing: bool) -> None:
        first = data.decode().splitlines()[0]
        word = first.split()[1] if first.startswith("SIP/2.0") else first.split()[0]
        self.seen.append((word, outgoing))
        self.places.add((hop.transport, self.agent.transport.local_of(hop)))


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
async def test_a_call_is_seen_from_invite_to_bye(agent: MakeAgent, tmp_path: Any, transport: str) -> None:
    sockets = contexts(tmp_path) | {"tls_port": 0} if transport == "TLS" else {}

    async def answer(call: DialogServerSession) -> None:
        await call.answer(SDP)

    here = await agent(trunk=everybody, on_invite=answer, sockets=sockets)
    there = await agent(sockets=sockets)
    tap = Tap(here)
    target = f"sip:bob@127.0.0.1:{port_of(here, transport)};transport={transport.lower()}"
    call = there.invite(target, SDP, from_="<sip:alice@127.0.0.1>", networks=["127.0.0.0/8"])
    await next_notice(call, Answered)
    await asyncio.sleep(0.1)
    await call.hangup()
    await next_notice(call, Finished)
    for word, outgoing in (("INVITE", False), ("200", True), ("ACK", False), ("BYE", False)):
        assert (word, outgoing) in tap.seen
    assert tap.seen[-1] == ("200", True), "the answer to BYE"
    assert tap.places == {(transport, ("127.0.0.1", port_of(here, transport)))}


async def test_a_browsers_messages_are_seen(agent: MakeAgent, settings: Any) -> None:
    here = await agent()
    here.transport.accept_flows(hop_of, lambda hop, code: None)
    tap = Tap(here)
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(here, "TCP"))
    ask = (
        b"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WSS b.invalid;branch=z9hG4bK1\r\n"
        b"From: <sip:t@t>;tag=1\r\nTo: <sip:x@t>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 9\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    proof = proof_of("192.0.2.7", 5555, secure=True)
    writer.write(websocket.preface(proof) + websocket.message_frame(ask))
    _, size = struct.unpack("!BI", await asyncio.wait_for(reader.readexactly(5), 5))
    assert b" 200 " in (await reader.readexactly(size))[:15]
    assert tap.seen == [("OPTIONS", False), ("200", True)] and tap.places == {("WSS", None)}
    writer.close()


async def test_without_a_tap_nothing_is_looked_at(agent: MakeAgent) -> None:
    here = await agent()
    assert here.transport.tap is None
