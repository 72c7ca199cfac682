"""The embedded TURN server, asked by aioice's client and by hand-made messages, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from aioice import Candidate, Connection, stun, turn

from config.embedded.turn import credentials, wire
from config.embedded.turn.allocation import Reach
from config.embedded.turn.server import TurnServer
from tests.sip.test_every_hop_is_judged import TEXTS

SECRET = "a secret of the tests"
REALM = "callwright"
LOCAL = "127.0.0.1"


class Peer(asyncio.DatagramProtocol):
    """Stands where a media socket stands; sends everything back in capitals."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.put_nowait((data, addr))
        self.transport.sendto(data.upper(), addr)


@dataclass
class Stage:
    server: TurnServer
    address: tuple[str, int]
    peer: Peer
    peer_address: tuple[str, int]

    def login(self, seconds: int = 60, who: str = "alice") -> dict[str, str]:
        username, password = credentials.issue(SECRET, who, int(time.time()) + seconds)
        return {"username": username, "password": password}


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    loop = asyncio.get_running_loop()
    peer_transport, peer = await loop.create_datagram_endpoint(Peer, local_addr=(LOCAL, 0))
    peer_address = peer_transport.get_extra_info("sockname")
    reach = Reach(LOCAL, LOCAL, (peer_address[1], peer_address[1]))
    transport, server = await loop.create_datagram_endpoint(
        lambda: TurnServer(SECRET, REALM, reach, per_user=3), local_addr=(LOCAL, 0)
    )
    yield Stage(server, transport.get_extra_info("sockname"), peer, peer_address)
    transport.close()
    peer_transport.close()
    await asyncio.sleep(0)


class Receiver(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.put_nowait((data, addr))


async def allocate(stage: Stage, **login: str) -> tuple[Any, Receiver]:
    transport, receiver = await asyncio.wait_for(
        turn.create_turn_endpoint(Receiver, server_addr=stage.address, **(login or stage.login())), 5
    )
    return transport, receiver  # type: ignore[return-value]


async def ask(stage: Stage, message: stun.Message, raw: bytes | None = None) -> stun.Message:
    """One request over a socket of its own."""
    loop = asyncio.get_running_loop()
    transport, receiver = await loop.create_datagram_endpoint(Receiver, remote_addr=stage.address)
    try:
        transport.sendto(raw or bytes(message))
        data, _ = await asyncio.wait_for(receiver.heard.get(), 5)
        return stun.parse_message(data)
    finally:
        transport.close()


async def test_a_binding_request_is_told_the_address_it_came_from(stage: Stage) -> None:
    answer = await ask(stage, stun.Message(stun.Method.BINDING, stun.Class.REQUEST))
    assert answer.message_class == stun.Class.RESPONSE
    assert answer.attributes["XOR-MAPPED-ADDRESS"][0] == LOCAL


async def test_a_client_with_good_credentials_relays_both_ways(stage: Stage) -> None:
    transport, receiver = await allocate(stage)
    transport.sendto(b"hello", stage.peer_address)
    heard, source = await asyncio.wait_for(stage.peer.heard.get(), 5)
    assert (heard, source) == (b"hello", transport.get_extra_info("sockname"))
    answer, seen_from = await asyncio.wait_for(receiver.heard.get(), 5)
    assert (answer, seen_from) == (b"HELLO", stage.peer_address)
    transport.close()


async def test_a_foreign_peer_is_forbidden_and_hears_nothing(stage: Stage) -> None:
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.bind((LOCAL, 0))
    stranger.setblocking(False)
    transport, _ = await allocate(stage)
    protocol = transport._TurnTransport__inner_protocol
    for peer in (stranger.getsockname(), ("192.0.2.7", stage.peer_address[1])):
        with pytest.raises(stun.TransactionFailed) as refusal:
            await protocol.channel_bind(0x4001, peer)
        assert refusal.value.response.error_code == 403
    allocation = next(iter(stage.server.allocations.values()))
    allocation.permit([LOCAL])
    allocation.send(stranger.getsockname(), b"not for you")
    allocation.send(stage.peer_address, b"marker")
    await asyncio.wait_for(stage.peer.heard.get(), 5)
    with pytest.raises(BlockingIOError):
        stranger.recv(100)
    stranger.close()
    transport.close()


async def test_no_inside_address_becomes_a_peer(stage: Stage) -> None:
    """Neither a channel nor a permission, in any form, and a datagram sent all the same goes nowhere."""
    transport, _ = await allocate(stage)
    protocol = transport._TurnTransport__inner_protocol
    port = stage.peer_address[1]
    for number, host in enumerate(TEXTS):
        if host in (LOCAL, "::ffff:127.0.0.1"):
            continue
        for method, more in (
            (stun.Method.CHANNEL_BIND, {"CHANNEL-NUMBER": 0x4002 + number}),
            (stun.Method.CREATE_PERMISSION, {}),
        ):
            request = stun.Message(method, stun.Class.REQUEST)
            request.attributes |= {**more, "XOR-PEER-ADDRESS": (host, port)}
            with pytest.raises(stun.TransactionFailed) as refusal:
                await protocol.request_with_retry(request)
            assert refusal.value.response.error_code in (403, 443), host
        assert not stage.server.reach.allows((host, port))
    for odd in (f"::ffff:{LOCAL}", "::127.0.0.1", "localhost", "127.1", "0x7f000001", ""):
        assert not stage.server.reach.allows((odd, port)), odd
    for near in (0, 22, 53, port - 1, port + 1, 65535):
        assert not stage.server.reach.allows((LOCAL, near)), near
    transport.close()


@pytest.mark.parametrize(
    "login",
    [
        dict(zip(("username", "password"), credentials.issue(SECRET, "alice", 1_000_000), strict=True)),
        dict(zip(("username", "password"), credentials.issue("other", "alice", 1 << 33), strict=True)),
        {"username": "alice", "password": credentials.password(SECRET, "alice")},
    ],
    ids=["expired", "another secret", "no expiry"],
)
async def test_wrong_or_expired_credentials_get_no_allocation(stage: Stage, login: dict[str, str]) -> None:
    with pytest.raises(stun.TransactionFailed) as refusal:
        await allocate(stage, **login)
    assert refusal.value.response.error_code == 401
    assert stage.server.allocations == {}


async def test_a_user_has_a_quota_of_allocations_and_another_user_has_their_own(stage: Stage) -> None:
    held = [(await allocate(stage))[0] for _ in range(3)]
    with pytest.raises(stun.TransactionFailed) as refusal:
        await allocate(stage, **stage.login(seconds=90))
    assert refusal.value.response.error_code == 486
    held.append((await allocate(stage, **stage.login(who="bob")))[0])
    for transport in held:
        transport.close()


async def test_an_allocation_nobody_refreshes_ends_with_its_socket(stage: Stage) -> None:
    transport, _ = await allocate(stage)
    allocation = next(iter(stage.server.allocations.values()))
    allocation.ends_at = time.monotonic() - 1
    transport.sendto(b"too late", stage.peer_address)
    while stage.server.allocations:
        await asyncio.sleep(0.01)
    assert allocation._transport is not None and allocation._transport.is_closing()
    transport.close()


async def test_a_nonce_is_bound_to_its_client_and_goes_stale() -> None:
    now = time.time()
    nonce = credentials.nonce(SECRET, ("192.0.2.1", 5), now)
    assert credentials.nonce_is_fresh(SECRET, ("192.0.2.1", 5), nonce, now + 3590)
    assert not credentials.nonce_is_fresh(SECRET, ("192.0.2.1", 5), nonce, now + 3700)
    assert not credentials.nonce_is_fresh(SECRET, ("192.0.2.1", 6), nonce, now)
    assert not credentials.nonce_is_fresh(SECRET, ("192.0.2.1", 5), b"\xff" * 30, now)


async def test_a_request_with_a_stale_nonce_is_told_the_next_one(stage: Stage) -> None:
    login = stage.login()
    request = stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST)
    request.attributes |= {"USERNAME": login["username"], "REALM": REALM, "NONCE": b"000000000001-abc"}
    request.add_message_integrity(credentials.integrity_key(SECRET, login["username"], REALM))
    answer = await ask(stage, request)
    assert answer.error_code == 438 and answer.attributes["NONCE"]


async def test_an_unknown_required_attribute_is_named_in_the_refusal(stage: Stage) -> None:
    request = stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST)
    raw = stun.set_body_length(bytes(request) + b"\x00\x18\x00\x01\x80\x00\x00\x00", 8)
    answer = await ask(stage, request, raw)
    assert answer.error_code == 420


async def test_broken_datagrams_are_ignored_and_the_server_goes_on(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Receiver, remote_addr=stage.address)
    whole = bytes(stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST, attributes={"LIFETIME": 5}))
    for datagram in (b"", b"\x40", b"\x40\x01\xff\xff", whole[:-2], whole[:20], b"\xff" * 1400):
        transport.sendto(datagram)
    for cut in range(20, len(whole)):
        transport.sendto(stun.set_body_length(whole[:cut], cut - 20))
    transport.close()
    answer = await ask(stage, stun.Message(stun.Method.BINDING, stun.Class.REQUEST))
    assert answer.message_class == stun.Class.RESPONSE


async def test_an_ice_connection_gets_a_relay_candidate(stage: Stage) -> None:
    login = stage.login()
    connection = Connection(
        ice_controlling=True,
        turn_server=stage.address,
        turn_username=login["username"],
        turn_password=login["password"],
    )
    await asyncio.wait_for(connection.gather_candidates(), 15)
    kinds: dict[str, Candidate] = {c.type: c for c in connection.local_candidates}
    assert kinds["relay"].host == LOCAL
    await connection.close()


def test_channel_data_that_is_cut_short_is_no_channel_data() -> None:
    assert wire.read_channel_data(wire.channel_data(0x4000, b"abc")) == (0x4000, b"abc")
    assert wire.read_channel_data(wire.channel_data(0x4000, b"abc")[:-1]) is None
