"""A response that cannot be read whole still answers: without the headers that are wrong, and without a body
that was cut off. Dropped, it would leave a call ringing and a registration waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sipmessage import Request, Response

from calling.sip.stack.digest import Credentials
from calling.sip.stack.events import Answered, Progress, SessionFailed
from calling.sip.stack.parser import BadSipMessage, parse
from calling.sip.ua.registration import Registration
from tests.sip.conftest import SDP, MakeAgent, next_notice, port_of
from tests.sip.raw import Raw

WRONG = [
    'Contact: "',
    "Contact: <sip:@>, <sip:bob@127.0.0.1:9>",
    "Record-Route: <sip:proxy.example;lr",
    "Route: x y",
    "Session-Expires: soon",
    "Min-SE:",
    "RSeq: -1",
    "Max-Forwards: many",
    "Content-Length: 99999",
    "Content-Length: none",
    "Content-Length: 0\r\nContent-Length: 0",
    "Expires: 1\r\nExpires: 2",
    "Warning: 399 here \x01",
    "no colon",
    "two words: 1",
]


def said(code: int, request: Request, *lines: str, tag: str = ";tag=b1", body: str = "") -> bytes:
    """A response made of text, with whatever is wrong in `lines`."""
    copied = [f"{name}: {request.headers[name]}" for name in ("Via", "From", "Call-ID", "CSeq")]
    to = f"To: {request.headers['To']}{tag}"
    return "\r\n".join([f"SIP/2.0 {code} Said", *copied, to, *lines, "", body]).encode()


async def rung(agent: MakeAgent, peer: Raw) -> tuple[Any, Request]:
    """A call that has rung at the peer, and its INVITE."""
    alice = await agent()
    peer.port = port_of(alice)
    call = alice.invite(f"sip:bob@127.0.0.1:{peer.own}", SDP, from_="<sip:alice@callwright.test>")
    invite = await peer.asked("INVITE")
    send(peer, said(180, invite, "Content-Length: 0"))
    await next_notice(call, Progress)
    return call, invite


def send(peer: Raw, data: bytes) -> None:
    peer._link.sendto(data, ("127.0.0.1", peer.port))  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("code", [302, 486, 503])
async def test_a_refusal_ends_the_call_with_its_status(agent: MakeAgent, code: int, wrong: str) -> None:
    async with Raw(0) as peer:
        call, invite = await rung(agent, peer)
        send(peer, said(code, invite, wrong))
        assert (await next_notice(call, SessionFailed, 2)).code == code
        assert (await peer.asked("ACK")).headers["To"].endswith(";tag=b1")


async def test_a_refusal_whose_to_cannot_be_read_ends_the_call_too(agent: MakeAgent) -> None:
    async with Raw(0) as peer:
        call, invite = await rung(agent, peer)
        send(peer, said(486, invite, tag=';tag="b1'))
        assert (await next_notice(call, SessionFailed, 2)).code == 486


@pytest.mark.parametrize("wrong", [each for each in WRONG if "Length" not in each])
async def test_an_answer_is_one(agent: MakeAgent, wrong: str) -> None:
    sound = f"Content-Length: {len(SDP)}"
    async with Raw(0) as peer:
        call, invite = await rung(agent, peer)
        send(peer, said(200, invite, wrong, "Content-Type: application/sdp", sound, body=SDP))
        assert (await next_notice(call, Answered, 2)).sdp == SDP
        await peer.asked("ACK")


@pytest.mark.parametrize("length", ["99999", "none", str(len(SDP)) + "\r\nContent-Length: 9"])
async def test_a_description_that_may_be_cut_off_is_none(agent: MakeAgent, length: str) -> None:
    """Its last number may be half a port."""
    async with Raw(0) as peer:
        call, invite = await rung(agent, peer)
        lines = ("Content-Type: application/sdp", f"Content-Length: {length}")
        send(peer, said(200, invite, *lines, body=SDP))
        assert (await next_notice(call, Answered, 2)).sdp is None


async def test_a_registration_counts(agent: MakeAgent) -> None:
    us = await agent()
    async with Raw(port_of(us)) as registrar:
        at, account = f"sip:127.0.0.1:{registrar.own}", "sip:alice@callwright.test"
        kept = Registration(us, at, account, Credentials("alice", "alice-secret"))
        asked = asyncio.create_task(kept.once(600))
        request = await registrar.asked("REGISTER")
        send(registrar, said(200, request, 'Contact: "', "Expires: 60"))
        assert await asyncio.wait_for(asked, 2) == (200, 60)


async def test_over_a_stream_too_before_it_is_closed(agent: MakeAgent) -> None:
    alice = await agent()
    heard: asyncio.Future[Request] = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        invite = parse(head + await reader.readexactly(len(SDP)))
        assert isinstance(invite, Request)
        writer.write(said(486, invite, "Content-Length: none"))
        heard.set_result(parse(await reader.readuntil(b"\r\n\r\n")))  # type: ignore[arg-type]
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    place = f"sip:bob@127.0.0.1:{server.sockets[0].getsockname()[1]};transport=tcp"
    call = alice.invite(place, SDP, from_="<sip:alice@callwright.test>")
    assert (await next_notice(call, SessionFailed, 2)).code == 486
    assert (await asyncio.wait_for(heard, 2)).method == "ACK"
    server.close()


ANSWER = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=a\r\n"
    b"To: <sip:b@h>;tag=b\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
)


def test_what_is_sound_is_kept() -> None:
    found = parse(ANSWER + b'Contact: "\r\nX-One: 1\r\nm: <sip:b@h>\r\nRSeq: 1\r\nRequire: 100rel\r\n\r\n')
    assert isinstance(found, Response)
    assert not found.headers.getlist("Contact"), "none of a header is read of which a part is wrong"
    assert [found.headers[name] for name in ("X-One", "RSeq", "Require")] == ["1", "1", "100rel"]


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"branch=z9hG4bKa", b'branch="'), (b"1 INVITE", b"one INVITE"), (b"SIP/2.0 200", b"SIP/2.0 20"),
     (b"Call-ID: c\r\n", b""), (b"200 OK", b"200 OK\x01"), (b"SIP/2.0 200 OK", b"INVITE sip:b@h SIP/2.0"),
     (b"CSeq", (b"X-Long: " + b"1" * 8000 + b"\r\n") * 3 + b"CSeq")],  # costs too much
)  # fmt: skip
def test_what_answers_nothing_is_dropped(before: bytes, after: bytes) -> None:
    data = ANSWER.replace(before, after, 1) + b'Contact: "\r\n\r\n'
    with pytest.raises(BadSipMessage):
        parse(data)
