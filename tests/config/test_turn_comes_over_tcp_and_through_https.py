"""TURN over TCP, and over TLS on the https port, asked by aioice's client and by hand-made streams.

Proves docs/security.md#r27.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from aioice import stun, turn

from config.embedded import certificate
from config.embedded.turn import credentials, stream
from config.embedded.turn.allocation import Reach
from config.embedded.turn.server import TurnServer
from config.embedded.turn.stream import TurnStream
from config.web import header_limits
from config.web.turn_door import door_to
from tests.config.test_turn_relays_to_the_media_ports_only import LOCAL, REALM, SECRET, Peer, Receiver
from tests.support.wait import until

WAYS = ["tcp", "https"]


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@dataclass
class Stage:
    """The TURN server at a TCP port and behind an https port, and a peer in the place of a media worker."""

    server: TurnServer
    peer: Peer
    peer_address: tuple[str, int]
    ports: dict[str, int]
    trust: ssl.SSLContext
    socket: Path

    async def relay(self, way: str, who: str = "alice") -> tuple[Any, Receiver]:
        username, password = credentials.issue(SECRET, who, int(time.time()) + 60)
        made = turn.create_turn_endpoint(
            Receiver, (LOCAL, self.ports[way]), username, password, transport="tcp", ssl=self.tls(way)
        )
        return await asyncio.wait_for(made, 5)  # type: ignore[return-value]

    def tls(self, way: str) -> ssl.SSLContext | None:
        return self.trust if way == "https" else None

    async def connect(self, way: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(LOCAL, self.ports[way], ssl=self.tls(way))


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    loop = asyncio.get_running_loop()
    peer_transport, peer = await loop.create_datagram_endpoint(Peer, local_addr=(LOCAL, 0))
    peer_address = peer_transport.get_extra_info("sockname")
    reach = Reach(LOCAL, LOCAL, (peer_address[1], peer_address[1]))
    transport, server = await loop.create_datagram_endpoint(
        lambda: TurnServer(SECRET, REALM, reach), local_addr=(LOCAL, 0)
    )
    over_tcp = await loop.create_server(lambda: TurnStream(server), LOCAL, 0)
    path = tmp_path / "turn.sock"
    behind = await loop.create_unix_server(lambda: TurnStream(server, handed_on=True), str(path))
    made = certificate.prepare(tmp_path, certificate.names_for("localhost", LOCAL))
    config = uvicorn.Config(
        hello, port=0, lifespan="off", log_config=None, http=door_to(path),
        ssl_certfile=str(made.chain), ssl_keyfile=str(made.key),
    )  # fmt: skip
    config.load()
    web = uvicorn.Server(config)
    web.lifespan = config.lifespan_class(config)
    await web.startup()
    ports = {
        "tcp": over_tcp.sockets[0].getsockname()[1],
        "https": web.servers[0].sockets[0].getsockname()[1],
    }
    trust = ssl.create_default_context(cafile=str(made.authority))
    yield Stage(server, peer, peer_address, ports, trust, path)
    for listening in (over_tcp, behind, *web.servers):
        listening.close()
    transport.close()
    peer_transport.close()
    await asyncio.sleep(0)


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_relays_both_ways(stage: Stage, way: str) -> None:
    transport, receiver = await stage.relay(way)
    for text in (b"a", b"four", b"hello" * 200):  # ChannelData is padded to four bytes on a stream
        transport.sendto(text, stage.peer_address)
        assert (await asyncio.wait_for(stage.peer.heard.get(), 5))[0] == text
        assert await asyncio.wait_for(receiver.heard.get(), 5) == (text.upper(), stage.peer_address)
    [client] = stage.server.allocations
    assert client[0] == LOCAL and client[2] == "tcp"
    transport.close()
    await until(lambda: not stage.server.allocations, what="the end of the allocation")


async def test_https_is_answered_on_the_same_port(stage: Stage) -> None:
    transport, _ = await stage.relay("https")
    reader, writer = await stage.connect("https")
    for _ in range(2):
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await asyncio.wait_for(reader.readuntil(b"hello"), 5)).startswith(b"HTTP/1.1 200")
    writer.close()
    transport.close()


@pytest.mark.parametrize("way", WAYS)
async def test_the_address_that_a_client_is_told_is_its_own(stage: Stage, way: str) -> None:
    reader, writer = await stage.connect(way)
    writer.write(bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST)))
    answer = stun.parse_message(await asyncio.wait_for(reader.read(2000), 5))
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == writer.get_extra_info("sockname")
    writer.close()


@pytest.mark.parametrize("way", WAYS)
async def test_frames_come_in_any_pieces(stage: Stage, way: str) -> None:
    reader, writer = await stage.connect(way)
    asked = [stun.Message(stun.Method.BINDING, stun.Class.REQUEST) for _ in range(3)]
    said = b"".join(bytes(each) for each in asked)
    for at in range(0, len(said), 7):
        writer.write(said[at : at + 7])
        await writer.drain()
        await asyncio.sleep(0)
    heard = b""
    for each in asked:
        while len(heard) < 20 or len(heard) < 20 + struct.unpack_from("!H", heard, 2)[0]:
            heard += await asyncio.wait_for(reader.read(2000), 5)
        size = 20 + struct.unpack_from("!H", heard, 2)[0]
        assert stun.parse_message(heard[:size]).transaction_id == each.transaction_id
        heard = heard[size:]
    writer.close()


@pytest.mark.parametrize("way", WAYS)
async def test_the_end_of_a_connection_is_that_of_its_allocation(stage: Stage, way: str) -> None:
    transport, _ = await stage.relay(way)
    assert len(stage.server.allocations) == len(stage.server.doors.open) == 1
    transport._TurnTransport__inner_protocol.transport.abort()
    await until(lambda: not stage.server.allocations and not stage.server.doors.open, what="both ends")
    assert not stage.server.doors.by_host


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "said",
    [
        b"\x00\x01\xff\xf0" + bytes(30),  # a frame of 64 kB
        b"\x00\x01\x00\x03" + bytes(30),  # a length that no STUN message has
        b"\x00\x01\x00\x00" + b"\xff" * 40,  # a message without the cookie, then no frame
        b"\x00\x01\x00\x00" + bytes(16) + b"\x80\x00\x00\x00",
        b"\x00\x01\x00\x00" + bytes(16) + b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["too long", "odd length", "no cookie", "no frame", "HTTP behind it"],
)
async def test_who_speaks_something_else_is_closed(
    stage: Stage, way: str, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "UNKNOWN_SECONDS", 1.0)
    reader, writer = await stage.connect(way)
    writer.write(said)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    assert not stage.server.allocations
    writer.close()


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_without_an_allocation_ends(
    stage: Stage, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "UNKNOWN_SECONDS", 0.4)
    monkeypatch.setattr(header_limits, "SECONDS", 0.4)
    silent, _ = await stage.connect(way)
    asking, writer = await stage.connect(way)
    writer.write(bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST)))
    transport, _ = await stage.relay(way)
    for reader in (silent, asking):
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 5)
    assert len(stage.server.doors.open) == 1, "who relays stays"
    transport.close()
    await until(lambda: not stage.server.doors.open, what="the end")


@pytest.mark.parametrize("way", WAYS)
async def test_one_address_takes_no_more_than_its_share(
    stage: Stage, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_OF_ONE", 3)
    ask = bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST))
    kept = []
    for _ in range(3):
        reader, writer = await stage.connect(way)
        writer.write(ask)
        assert await asyncio.wait_for(reader.read(2000), 5)
        kept.append(writer)
    reader, writer = await stage.connect(way)
    writer.write(ask)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    for each in (writer, *kept):
        each.close()
    await until(lambda: not stage.server.doors.open, what="their end")
    transport, _ = await stage.relay(way)
    transport.close()


@pytest.mark.parametrize("way", WAYS)
async def test_who_does_not_read_loses_datagrams_and_holds_no_memory(stage: Stage, way: str) -> None:
    transport, _ = await stage.relay(way)
    transport.sendto(b"x", stage.peer_address)
    await asyncio.wait_for(stage.peer.heard.get(), 5)
    transport._TurnTransport__inner_protocol.transport.pause_reading()
    [held] = stage.server.doors.open.values()
    [allocation] = stage.server.allocations.values()
    for _ in range(30_000):
        allocation.datagram_received(b"y" * 1000, stage.peer_address)
    await asyncio.sleep(0.1)
    assert held._transport is not None
    assert held._transport.get_write_buffer_size() < stream.BEHIND + 2000
    transport.close()


async def test_a_name_is_believed_from_the_web_process_alone(stage: Stage) -> None:
    reader, writer = await stage.connect("tcp")
    writer.write(stream.name("192.0.2.9", 7) + bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST)))
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    for said in (b"CLIENT nobody 7\r\n", b"CLIENT 192.0.2.9\r\n", b"x" * 200, b"\xff\r\n"):
        reader, writer = await asyncio.open_unix_connection(str(stage.socket))
        writer.write(said)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
    assert stream.named(stream.name("fd00::1", 65535).strip()) == ("fd00::1", 65535)


async def test_https_goes_on_where_the_turn_server_is_away(stage: Stage) -> None:
    stage.socket.unlink()
    reader, writer = await stage.connect("https")
    writer.write(bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST)))
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    reader, writer = await stage.connect("https")
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await asyncio.wait_for(reader.readuntil(b"hello"), 5)).startswith(b"HTTP/1.1 200")
    writer.close()
