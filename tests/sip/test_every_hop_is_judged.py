"""Whatever text of others names a place, one judge says whether anything is sent there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from calling.media.rtp.config import MediaConfig, stands_privately
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.sdp import validate
from calling.sdp.validate import BadSdp
from calling.sip.edge.destinations import allowed, judged, may_be_at
from calling.sip.edge.routes import Route
from calling.sip.stack.dialog import Dialog, exact_uri
from calling.sip.stack.digest import Credentials
from calling.sip.stack.events import Answered, Confirmed, Finished
from calling.sip.stack.resolver import NoRoute, Resolver
from calling.sip.stack.transaction import Hop
from calling.sip.ua.client_session import DialogClientSession
from calling.sip.ua.registration import Registration
from calling.sip.ua.server_session import DialogServerSession
from calling.sip.ua.user_agent import UserAgent
from tests.sip.conftest import SDP, MakeAgent, everybody, next_notice, port_of
from tests.sip.nameserver import NameServer
from tests.support import fake_worker

TEXTS = (
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "168.63.129.16",
    "192.0.0.192", "224.0.1.75", "239.1.1.1", "0.0.0.0", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1",
    "ff02::1", "fec0::1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
    "2002:a9fe:a9fe::1",
)  # fmt: skip
NOBODYS = ("169.254.169.254", "168.63.129.16", "192.0.0.192", "224.0.1.75", "fe80::1", "ff02::1",
           "2002:a9fe:a9fe::1", "64:ff9b::a9fe:a9fe", "100.100.100.200")  # fmt: skip
assert len(TEXTS) == 23


@pytest.fixture(autouse=True)
def public(settings: Any) -> None:
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = False


def written(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def dialog(contact: str, *routes: str) -> Dialog:
    return Dialog("c", "l", "r", "<sip:a@h>", "<sip:b@h>", contact, "<sip:me@h>", 1, route_set=list(routes))


@pytest.mark.parametrize("address", TEXTS)
async def test_no_text_of_others_leads_inside(address: str) -> None:
    host = written(address)
    assert not allowed(address) and not may_be_at(host, [])
    with NameServer({("x.test", "AAAA" if ":" in address else "A"): [address]}) as names:
        resolver = Resolver(["127.0.0.1"], names.port, judge=allowed)
        agent = UserAgent(realm="x", authenticate=nobody, resolver=resolver)
        for place in (host, f"{host}:25;transport=tcp", "x.test", f"x.test;maddr={host}"):
            uri = f"sip:u@{place}"
            with pytest.raises(NoRoute):  # what somebody dials, and what a gateway names
                await judged(resolver, Route(uri, "", "", direct=True), "p", [])
            peer = Hop("UDP", "192.0.2.1", 5060)
            assert await agent.hop_for(dialog(uri), peer) == peer  # Contact
            assert await agent.hop_for(dialog("sip:u@192.0.2.2", f"<{uri};lr>"), peer) == peer  # Record-Route
            assert await agent.hop_for(dialog(uri)) is None
            kept = Registration(agent, uri, "sip:u@h", Credentials("u", "p"))
            assert await kept.once(60) == (503, 0)
            with pytest.raises(NoRoute):
                await resolver.hops(exact_uri(uri))
    outside = MediaConfig(loopback=False, private=False)
    assert not outside.reaches(address)
    candidate = f"candidate:1 1 udp 1 {address} 5000 typ host"
    assert validate.admit_candidate(candidate, loopback=True, reaches=outside.reaches) is None
    offer = f"{fake_worker.SDP}a={candidate}\r\n"
    assert candidate not in validate.admit(offer, loopback=True, reaches=outside.reaches)


@pytest.mark.parametrize("address", NOBODYS)
def test_some_addresses_are_nobodys_even_where_private_ones_are_open(address: str, settings: Any) -> None:
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = True
    assert not allowed(address) and not allowed(address, ["0.0.0.0/0", "::/0"])
    assert not MediaConfig(private=True).reaches(address)


def test_staff_opens_a_network_to_one_gateway(settings: Any) -> None:
    assert allowed("10.1.2.3", ["10.1.0.0/16"]) and not allowed("10.2.2.3", ["10.1.0.0/16"])
    assert allowed("8.8.8.8") and allowed("2001:4860::1")
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = True
    assert allowed("10.2.2.3") and allowed("127.0.0.1")


def test_our_own_public_address_is_no_way_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calling.outbound_http.url_guard.is_local", lambda address: address == "8.8.8.8")
    assert not allowed("8.8.8.8") and allowed("8.8.4.4")


async def nobody(username: str) -> None:
    return None


@pytest.fixture
async def inside() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A service on 127.0.0.9 that speaks TCP: its port, and what it was sent."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4000))
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.9", 0)
    yield server.sockets[0].getsockname()[1], heard
    server.close()


@pytest.mark.parametrize("header", ["Contact", "Record-Route"])
async def test_an_answer_makes_us_speak_to_nobody_else(
    agent: MakeAgent, inside: tuple[int, list[bytes]], header: str
) -> None:
    port, heard = inside
    calls: asyncio.Queue[DialogServerSession] = asyncio.Queue()
    far = await agent(trunk=everybody, on_invite=calls.put)
    ours = await agent(resolver=Resolver(judge=allowed))
    hops = [Hop("UDP", "127.0.0.1", port_of(far))]
    call = ours.invite("sip:bob@h", SDP, from_="<sip:x@h>", hops=hops)
    rung = await asyncio.wait_for(calls.get(), 5)
    assert rung.dialog is not None
    evil = f"<sip:pwned@127.0.0.9:{port};transport=tcp>"
    if header == "Contact":
        rung.dialog.contact = evil
    else:
        rung.request.headers.setlist("Record-Route", [evil.replace(">", ";lr>")])
    assert await rung.answer(SDP)
    await next_notice(call, Answered)
    await next_notice(rung, Confirmed)  # our ACK came to where the peer spoke from
    await call.hangup()
    await next_notice(rung, Finished)
    assert heard == []


async def test_a_phones_contact_makes_us_speak_to_nobody_else(
    agent: MakeAgent, inside: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, heard = inside
    calls: asyncio.Queue[DialogServerSession] = asyncio.Queue()
    ours = await agent(trunk=everybody, on_invite=calls.put, resolver=Resolver(judge=allowed))
    phone = await agent()
    evil = f"<sip:x@127.0.0.9:{port};transport=tcp>"
    monkeypatch.setattr(phone, "contact", lambda transport, user="": evil)
    call = phone.invite(f"sip:bob@127.0.0.1:{port_of(ours)}", SDP, from_="<sip:x@h>")
    rung = await asyncio.wait_for(calls.get(), 5)
    assert await rung.answer(SDP)
    await next_notice(call, Answered)
    await rung.hangup()
    assert (await next_notice(call, Finished)).by == "remote"
    assert heard == []


async def test_a_peer_on_a_private_network_may_name_itself_in_its_contact(agent: MakeAgent) -> None:
    calls: asyncio.Queue[DialogServerSession] = asyncio.Queue()
    far = await agent(trunk=everybody, on_invite=calls.put)
    ours = await agent(resolver=Resolver(judge=allowed))
    hops = [Hop("UDP", "127.0.0.1", port_of(far))]
    call: DialogClientSession = ours.invite(
        "sip:bob@h", SDP, from_="<sip:x@h>", hops=hops, networks=["10.9.0.0/16"]
    )
    rung = await asyncio.wait_for(calls.get(), 5)
    assert await rung.answer(SDP)
    await next_notice(call, Answered)
    assert call.dialog is not None and call.dialog.reach == ["10.9.0.0/16", "127.0.0.1"]
    stored = Dialog.from_json(call.dialog.to_json())  # as another process finds it
    assert await ours.hop_for(stored) == hops[0]
    stored.remote_target = "sip:bob@10.9.1.1"
    assert await ours.hop_for(stored) == Hop("UDP", "10.9.1.1", 5060)
    stored.reach = []
    assert await ours.hop_for(stored) is None
    assert "reach" not in stored.to_json()
    await call.hangup()


@pytest.mark.parametrize(
    ("advertised", "privately"),
    [
        (["8.8.8.8"], False),
        (["8.8.8.8", "127.0.0.1"], False),
        (["127.0.0.1", "8.8.8.8"], False),  # the web listens on loopback, behind a proxy
        (["127.0.0.1", "8.8.8.8", "2001:4860::1", "::1"], False),
        (["127.0.0.1"], True),
        (["127.0.0.1", "10.0.0.7"], True),
        (["8.8.8.8", "10.0.0.7"], True),  # one foot in either network
        (["192.168.1.7"], True),
    ],
)
def test_private_networks_are_open_where_media_stand_on_one(advertised: list[str], privately: bool) -> None:
    assert stands_privately([("0.0.0.0", each) for each in advertised]) is privately


async def test_media_is_sent_to_no_private_address_that_was_not_opened() -> None:
    offer = SDP.replace("127.0.0.1", "10.0.0.7").replace("39000", "53")
    closed = PlainRtpPeer(MediaConfig(ports=(31000, 39999), loopback=False, private=False))
    with pytest.raises(BadSdp):
        await closed.answer(offer)
    networks = ("10.0.0.0/24",)
    opened = PlainRtpPeer(MediaConfig(ports=(31000, 39999), loopback=False, private=False, networks=networks))
    assert "m=audio" in await opened.answer(offer)
    ours = PlainRtpPeer(MediaConfig(ports=(31000, 39999), loopback=False, private=False), trunk=True)
    assert "m=audio" in await ours.answer(offer)  # between workers
    for one in (closed, opened, ours):
        await one.close()


@pytest.mark.parametrize("private", [True, False])
async def test_candidates_on_private_networks_are_passed_over(private: bool) -> None:
    inside, outside = (f"candidate:9 1 udp 9 {address} 5000 typ host" for address in ("10.0.0.7", "8.8.8.8"))
    offer = f"{fake_worker.SDP}a={inside}\r\na={outside}\r\n"
    one = WebRtcPeer(MediaConfig(ports=(31000, 39999), loopback=False, private=private))
    await one.answer(offer)
    assert one._remote is not None
    found = " ".join(one._remote.sections[0].candidates)
    assert "8.8.8.8" in found and ("10.0.0.7" in found) is private
    await one.add_candidate(inside, "0", 0)
    await one.add_candidate(outside, "0", 0)
    assert one._trickled == 1 + private
    await one.close()
