"""The socket at /ws/sip (RFC 7118): what it lets in, what it carries both ways, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.exceptions import StopConsumer
from django.core import signing

from calling.sip.edge.flows import SALT, hop_of, proof_of
from calling.sip.stack import transport, websocket
from calling.sip.stack.digest import Credentials, answer_challenge
from calling.sip.stack.events import Answered, SessionFailed
from calling.sip.stack.parser import MAX_MESSAGE, parse
from calling.sip.stack.registrar import Binding, Change
from calling.sip.stack.transaction import Hop
from calling.sip.ua.user_agent import UserAgent
from calling.sockets import strangers
from calling.sockets.strangers import Stranger
from config.asgi import SOCKETS
from tests.sip.conftest import REALM, SDP, next_notice
from tests.sip.conftest import agent as agent
from tests.support.wait import until

SOURCE = "192.0.2.7"
CONTACT = "<sip:a1@browser.invalid;transport=ws>"
OUTBOUND = ';+sip.ice;reg-id=1;+sip.instance="<urn:uuid:1>"'


class Edge:
    """A user agent that web processes may bring browsers to, and what it was told."""

    def __init__(self, agent: UserAgent) -> None:
        self.agent = agent
        self.bindings: list[Binding] = []
        self.lost: list[tuple[Hop, int]] = []
        agent.transport.accept_flows(hop_of, lambda hop, code: self.lost.append((hop, code)))

    @property
    def place(self) -> tuple[str, int]:
        return self.agent.transport.local["TCP"]


@pytest.fixture
async def edge(agent: Callable[..., Any], settings: Any) -> Edge:
    async def update(account: str, change: Change) -> list[Binding]:
        found.bindings = list(change.keep)
        return found.bindings

    found = Edge(await agent(update=update))
    settings.CALLWRIGHT_SIP_EDGE = found.place
    return found


class Socket(ApplicationCommunicator):
    """A page's socket, with the consumer behind it."""

    async def connect(self) -> bool:
        """Whether it is let in, which it is with the subprotocol alone."""
        await self.send_input({"type": "websocket.connect"})
        said = await self.receive_output(6)
        assert said["type"] != "websocket.accept" or said["subprotocol"] == "sip"
        return bool(said["type"] == "websocket.accept")

    async def say(self, data: str | bytes) -> None:
        kind = "text" if isinstance(data, str) else "bytes"
        await self.send_input({"type": "websocket.receive", kind: data})

    async def hear(self) -> str:
        said = await self.receive_output(5)
        assert said["type"] == "websocket.send", said
        return str(said["text"])

    async def answer(self) -> Any:
        return parse((await self.hear()).encode())

    async def closed(self) -> int:
        """The code it is closed with; what is said before is passed over."""
        while (said := await self.receive_output(5))["type"] != "websocket.close":
            pass
        return int(said["code"])

    async def leave(self, code: int = 1000) -> None:
        if not self.future.done():
            await self.send_input({"type": "websocket.disconnect", "code": code})
            await self.wait(5)


@asynccontextmanager
async def browser(
    *, subprotocols: tuple[str, ...] = ("sip",), origin: str | None = None, scheme: str = "ws"
) -> AsyncIterator[Socket]:
    headers = [(b"origin", origin.encode())] if origin else []
    scope = {"type": "websocket", "path": "/ws/sip", "headers": headers, "subprotocols": list(subprotocols),
             "scheme": scheme, "client": (SOURCE, 5555)}  # fmt: skip
    one = Socket(SOCKETS, scope)
    yield one
    with contextlib.suppress(StopConsumer):
        await one.leave()


def request(method: str, extra: str = "", *, number: int = 1, transport: str = "WS", body: str = "") -> str:
    """As browsers write it: no Content-Length."""
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} sip:bob@{REALM} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} browser.invalid;branch=z9hG4bK{number}\r\n"
        f"From: <sip:alice@{REALM}>;tag=f\r\nTo: <sip:alice@{REALM}>\r\nCall-ID: c{method}\r\n"
        f"CSeq: {number} {method}\r\nMax-Forwards: 69\r\nSupported: path, gruu, outbound\r\n"
        f"Contact: {CONTACT}{OUTBOUND}\r\n{kind}{extra}\r\n{body}"
    )


async def register(one: Socket, transport: str = "WS", password: str = "alice-secret") -> Any:
    """The final answer to a REGISTER with alice's password, or another."""
    await one.say(request("REGISTER", transport=transport))
    challenge = await one.answer()
    assert challenge.code == 401
    found = answer_challenge(
        Credentials("alice", password, REALM), challenge, "REGISTER", f"sip:bob@{REALM}", {}
    )
    assert found is not None
    await one.say(request("REGISTER", f"{found[0]}: {found[1]}\r\n", number=2, transport=transport))
    return await one.answer()


@pytest.mark.parametrize(("scheme", "named"), [("ws", "WS"), ("wss", "WSS")])
async def test_a_browser_registers_its_flow(edge: Edge, scheme: str, named: str) -> None:
    async with browser(scheme=scheme) as one:
        assert await one.connect()
        final = await register(one, named)
        assert final.code == 200 and final.headers.getlist("Require") == ["outbound"]
        assert final.headers["Via"].startswith(f"SIP/2.0/{named} browser.invalid")
        assert final.headers["Contact"].startswith(CONTACT + ";+sip.ice;reg-id=1")
        hop = edge.bindings[0].hop
        assert (hop.transport, hop.host, hop.port, hop.reliable) == (named, "192.0.2.7", 5555, True)
        assert hop.name and edge.agent.transport.has_flow(hop.name)


async def test_it_is_challenged_with_md5_alone(edge: Edge) -> None:
    async with browser() as one:
        await one.connect()
        await one.say(request("REGISTER"))
        values = (await one.answer()).headers.getlist("WWW-Authenticate")
        assert [re.findall(r"algorithm=(\S+),", value) for value in values] == [["MD5"]]


async def test_it_is_called_over_its_own_socket_and_no_other(edge: Edge) -> None:
    """The other one is of the same address and port, as behind a proxy."""
    async with browser() as alice, browser() as mallory:
        await alice.connect()
        await mallory.connect()
        assert (await register(alice)).code == 200
        call = edge.agent.invite(
            CONTACT[1:-1], SDP, from_="<sip:x@y>", hops=[edge.bindings[0].hop], fixed=True
        )
        invite = await alice.answer()
        assert invite.method == "INVITE" and str(invite.uri) == CONTACT[1:-1]
        assert invite.headers["Via"].startswith("SIP/2.0/WS ")
        assert ";transport=ws>" in invite.headers["Contact"]
        lines = "".join(f"{name}: {invite.headers[name]}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
        await alice.say(
            f"SIP/2.0 200 OK\r\n{lines}To: {invite.headers['To']};tag=a\r\nContact: {CONTACT}\r\n"
            f"Content-Type: application/sdp\r\n\r\n{SDP}"
        )
        assert (await next_notice(call, Answered)).sdp == SDP
        ack = await alice.answer()
        assert ack.method == "ACK"
        await alice.say(f"BYE {CONTACT[1:-1]} SIP/2.0\r\n\r\n".encode())
        assert await mallory.receive_nothing(0.1)


async def test_a_keep_alive_is_answered_by_the_edge(edge: Edge) -> None:
    async with browser() as one:
        await one.connect()
        for frame in ("\r\n\r\n", b"\r\n\r\n"):
            await one.say(frame)
            assert await one.hear() == "\r\n"
        await one.say("\r\n")
        assert await one.receive_nothing(0.1)


async def test_text_and_binary_frames_are_one_message_each(edge: Edge) -> None:
    async with browser() as one:
        await one.connect()
        for number, form in enumerate([str, str.encode], 1):
            await one.say(form(request("OPTIONS", number=number)))
            assert (await one.answer()).headers["CSeq"] == f"{number} OPTIONS"


@pytest.mark.parametrize(
    "frame", ["{}", "\x00", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n", "é" * 9000, "\r\n" * 400, "C"]
)
async def test_a_frame_that_is_no_sip_costs_nothing_else(edge: Edge, frame: str) -> None:
    async with browser() as one:
        await one.connect()
        await one.say(frame)
        await one.say(frame.encode() + b"\xff\xfe")
        await one.say(request("OPTIONS"))
        assert (await one.answer()).code == 200


async def test_two_messages_in_a_frame_are_not_two(edge: Edge) -> None:
    """What follows the first is its body, as the frame says; without a type it is refused."""
    async with browser() as one:
        await one.connect()
        await one.say(request("OPTIONS") + request("OPTIONS", number=2))
        assert (await one.answer()).code == 400
        assert await one.receive_nothing(0.1)


@pytest.mark.parametrize("binary", [True, False])
async def test_a_frame_larger_than_a_sip_message_closes_the_socket(edge: Edge, binary: bool) -> None:
    async with browser() as one:
        await one.connect()
        data = b"x" * (MAX_MESSAGE + 1)
        await one.say(data if binary else data.decode())
        assert await one.closed() == 1009
        await until(lambda: edge.lost)


async def test_a_flood_is_cut_off_before_the_edge_reads_it(edge: Edge, settings: Any) -> None:
    settings.CALLWRIGHT_MESSAGES_PER_SECOND, settings.CALLWRIGHT_MESSAGES_BURST = 0.001, 3
    async with browser() as one:
        await one.connect()
        for _ in range(4):
            await one.say("\r\n\r\n")
        assert await one.closed() == 4429


@pytest.mark.parametrize("protocols", [(), ("mqtt",), ("SIP",), ("sips",)])
async def test_a_handshake_without_the_subprotocol_is_refused(edge: Edge, protocols: tuple[str, ...]) -> None:
    async with browser(subprotocols=protocols) as one:
        assert not await one.connect()


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [("https://app.example.com", True), ("https://evil.example.com", False), ("null", False), (None, True)],
)
async def test_origins_are_those_of_the_other_sockets(
    edge: Edge, settings: Any, origin: str | None, welcome: bool
) -> None:
    settings.CALLWRIGHT_WS_ORIGINS = ["https://app.example.com"]
    async with browser(origin=origin, subprotocols=("mqtt", "sip")) as one:
        assert await one.connect() is welcome


@pytest.mark.parametrize(("code", "told"), [(1001, 1001), (1000, 1006), (1006, 1006), (1012, 1006)])
async def test_the_edge_hears_how_a_socket_ended(edge: Edge, code: int, told: int) -> None:
    """1001 alone says that the page was left; everybody else may be back."""
    async with browser() as one:
        await one.connect()
        assert (await register(one)).code == 200
        hop = edge.bindings[0].hop
        with contextlib.suppress(StopConsumer):
            await one.leave(code)
        await until(lambda: edge.lost)
        assert edge.lost == [(hop, told)]
        call = edge.agent.invite(CONTACT[1:-1], SDP, from_="<sip:x@y>", hops=[hop], fixed=True)
        failed = await next_notice(call, SessionFailed)
        assert (failed.code, failed.said) == (503, False)


async def test_a_restarted_edge_sends_its_browsers_back(edge: Edge) -> None:
    async with browser() as one:
        await one.connect()
        await register(one)
        await edge.agent.close()
        assert await one.closed() == 1012


async def test_without_an_edge_the_browser_is_asked_to_come_again(settings: Any, edge: Edge) -> None:
    await edge.agent.close()
    async with browser() as one:
        assert await one.connect()
        assert await one.closed() == 1013


async def test_without_sip_there_is_no_such_socket(settings: Any) -> None:
    settings.CALLWRIGHT_SIP_EDGE = ("127.0.0.1", 0)
    async with browser() as one:
        assert not await one.connect()


async def test_who_says_nothing_is_sent_away(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep-alives are not what a stranger is asked for."""
    monkeypatch.setattr(websocket, "FIRST_MESSAGE_SECONDS", 0.3)
    async with browser() as one:
        await one.connect()
        await one.say("\r\n\r\n")
        assert await one.hear() == "\r\n"
        assert await one.closed() == 4408


# --- the link itself: who else may open one


async def link(edge: Edge, first: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(*edge.place)
    writer.write(first)
    return reader, writer


def old_proof() -> str:
    words = ["WS", "192.0.2.7", 1, "name"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing.time, "time", lambda: 1_000_000_000.0)
        return signing.dumps(words, salt=SALT)


PREFACES = {
    "no proof": websocket.preface(""),
    "a made-up one": websocket.preface("WyJXUyIsIjEiLDEsIngiXQ:1x:abc"),
    "one of another use of the key": websocket.preface(
        signing.dumps(["WS", "1.1.1.1", 1, "n"], salt="other")
    ),
    "one of another shape": websocket.preface(signing.dumps({"a": 1}, salt=SALT)),
    "an old one": websocket.preface(old_proof()),
    "no end": websocket.PREFACE + b"x" * 2000,
}


@pytest.mark.parametrize("first", PREFACES.values(), ids=PREFACES)
async def test_nobody_brings_a_browser_without_the_key(edge: Edge, first: bytes) -> None:
    reader, writer = await link(edge, first)
    writer.write(websocket.message_frame(request("OPTIONS").encode()))
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()


async def test_a_proof_opens_one_flow_at_a_time(edge: Edge) -> None:
    proof = websocket.preface(proof_of("192.0.2.7", 1, secure=False))
    _, first = await link(edge, proof)
    await asyncio.sleep(0.1)
    again, second = await link(edge, proof)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(again.readexactly(1), 5)
    first.close()
    second.close()


async def test_one_address_has_no_more_flows_than_streams(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_STREAMS_PER_SOURCE", 2)
    links = [
        await link(edge, websocket.preface(proof_of(host, 1, secure=True)))
        for host in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")
    ]
    for _, writer in links:
        writer.write(websocket.message_frame(b"\r\n\r\n"))
    answers = []
    for reader, _ in links:
        try:
            answers.append(await asyncio.wait_for(reader.read(100), 5))
        except ConnectionResetError:
            answers.append(b"")
    assert [bool(each) for each in answers] == [True, True, False, True]
    for _, writer in links:
        writer.close()


@pytest.mark.parametrize("size", [1, 3, 14, 60])
async def test_a_preface_and_frames_may_come_in_pieces(edge: Edge, size: int) -> None:
    data = websocket.preface(proof_of("192.0.2.7", 1, secure=False)) + websocket.message_frame(b"\r\n\r\n")
    reader, writer = await link(edge, b"")
    for at in range(0, len(data), size):
        writer.write(data[at : at + size])
        await writer.drain()
        await asyncio.sleep(0.001)
    assert await asyncio.wait_for(reader.readexactly(7), 5) == websocket.message_frame(b"\r\n")
    writer.close()


async def test_a_sip_request_that_begins_like_a_preface_is_read(edge: Edge) -> None:
    text = request("CANCEL", "Content-Length: 0\r\n", transport="TCP").encode()
    reader, writer = await link(edge, text[:1])
    await asyncio.sleep(0.05)
    writer.write(text[1:])
    assert (await asyncio.wait_for(reader.read(2000), 5)).startswith(b"SIP/2.0 481 ")
    writer.close()


@pytest.mark.parametrize(
    "rest",
    [b"\x00\xff\xff\xff\xff", b"\x01\x00\x00\x00\x00", b"\x01\x00\x00\x00\x03abc", b"\x09\x00\x00\x00\x00"],
)
async def test_a_wrong_frame_on_a_link_ends_that_link_at_most(edge: Edge, rest: bytes) -> None:
    _, writer = await link(edge, websocket.preface(proof_of("192.0.2.7", 1, secure=False)) + rest)
    async with browser() as one:
        await one.connect()
        assert (await register(one)).code == 200
    writer.close()


# --- strangers -----------------------------------------------------------------------------------------


@pytest.fixture
def places() -> Iterator[list[Stranger]]:
    """All places but one of the sockets of the browser's source that have not said who they are."""
    taken = [Stranger(SOURCE) for _ in range(strangers.MOST - 1)]
    yield taken
    for each in taken:
        each.leave()


async def test_one_socket_too_many_of_strangers_is_closed(edge: Edge, places: list[Stranger]) -> None:
    async with browser() as one, browser() as another, browser() as late:
        await one.connect()
        await one.say(request("OPTIONS"))
        assert (await one.answer()).code == 200
        assert await another.connect() and await another.closed() == 4429, "OPTIONS proves nobody"
        await one.leave()
        await late.connect()
        await late.say(request("OPTIONS"))
        assert (await late.answer()).code == 200, "who left made room"


async def test_who_registers_is_no_stranger_and_a_wrong_password_proves_nothing(
    edge: Edge, places: list[Stranger]
) -> None:
    async with browser() as alice, browser() as mallory, browser() as another:
        await alice.connect()
        assert (await register(alice)).code == 200
        await until(lambda: strangers.waiting(SOURCE) == strangers.MOST - 1)
        await mallory.connect()
        assert (await register(mallory, password="wrong")).code == 401
        assert await another.connect() and await another.closed() == 4429
        await alice.leave()
        assert strangers.waiting(SOURCE) == strangers.MOST, "alice's place is not given back twice"
    assert strangers.waiting(SOURCE) == strangers.MOST - 1
