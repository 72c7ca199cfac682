"""Peers and trunks on an IPv6 address."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from uuid import uuid4

import pytest

from calling.calls import queries
from calling.machine.plan import PeerPlan, make_plan
from calling.machine.states import Media
from calling.media.rtp.config import MediaConfig
from calling.media.session.rows import read_sip_devices
from calling.media.session.session_peer import placed
from calling.media.sources import tones
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.sip.edge import rows
from calling.sip.stack.registrar import Binding, Change
from calling.sip.stack.transaction import Hop
from subscribers.models import PhoneNumber, SipGateway
from tests.e2e.desk import endpoint
from tests.media.phones import CONFIG
from tests.support.people import make_cast
from tests.support.wait import until


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
@pytest.mark.parametrize("kind", [WebRtcPeer, PlainRtpPeer])
async def test_two_peers_talk_over_ipv6(kind: type[WebRtcPeer] | type[PlainRtpPeer]) -> None:
    config = replace(CONFIG, bind="::1", advertised="::1")
    near, far = kind(config), kind(config)
    try:
        offer = await near.offer(Media())
        assert "IN IP6 ::1" in offer
        await near.accept(await far.answer(offer))
        await until(lambda: near.port.up and far.port.up, what="connecting")
        near.port.set_audio_source(tones.tone())
        await until(lambda: bool((s := far.port.audio_in.current()) and s.packets > 20), what="sound")
    finally:
        await near.close()
        await far.close()


def ringing(contact: str, hop: Hop) -> PeerPlan:
    """What a desk phone of bob's is offered when alice's back end calls him."""
    cast = make_cast()
    rows.bind(endpoint(cast.bob), Change((Binding(contact, hop, 600),)), uuid4())
    made = cast.rest.post("/api/calls", {"to": "/private/bob", "connect": "/public/echo"})
    call = queries.snapshot(made.json()["id"])
    browsers, newer = read_sip_devices([call])
    (plan,) = make_plan([call], browsers, (), newer).peers
    return plan


async def offered(plan: PeerPlan, config: MediaConfig) -> str:
    peer = PlainRtpPeer(placed(plan, config), lambda signal: None)
    try:
        return await peer.offer(plan.media)
    finally:
        await peer.close()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("contact", "source", "host"),
    [
        ("sip:bob@[::1]:5062", "::1", "IP6 ::1"),
        ("sip:[::1]:5062", "::1", "IP6 ::1"),
        ("sip:bob@127.0.0.1:5062", "127.0.0.1", "IP4 127.0.0.1"),
        ("sip:bob@192.0.2.7:5062", "::1", "IP4 127.0.0.1"),  # behind a proxy
    ],
)
def test_a_phone_is_offered_an_address_of_the_ip_version_that_it_has(
    contact: str, source: str, host: str
) -> None:
    plan = ringing(contact, Hop("UDP", source, 5062))
    offer = asyncio.run(offered(plan, replace(CONFIG, more=(("::1", "::1"),))))
    assert f"c=IN {host}" in offer


def dialled(to: str, *hosts: str) -> PeerPlan:
    """What is offered when a back end calls there, by gateways at these hosts."""
    cast = make_cast()
    for priority, host in enumerate(hosts):
        SipGateway.objects.create(
            project=cast.project, name=f"trunk {priority}", host=host, prefixes=["+1"], priority=priority
        )
    PhoneNumber.objects.create(project=cast.project, number="+15550001111")
    made = cast.rest.post("/api/calls", {"to": to, "from": "+15550001111", "connect": "/public/echo"})
    assert made.status_code == 201, made.json()
    (plan,) = make_plan([queries.snapshot(made.json()["id"])]).peers
    return plan


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("to", "hosts", "shown"),
    [
        ("+15551234567", ["2001:db8::5"], "IP6 ::1"),
        ("+15551234567", ["[2001:db8::5]", "192.0.2.5"], "IP6 ::1"),
        ("+15551234567", ["192.0.2.5", "2001:db8::5"], "IP4 127.0.0.1"),  # the first is tried first
        ("+15551234567", ["sip.example.com"], "IP4 127.0.0.1"),
        ("sip:sales@[2001:db8::5]:5070", [], "IP6 ::1"),
        ("sip:sales@192.0.2.5:5070", [], "IP4 127.0.0.1"),
    ],
)
def test_a_gateway_and_a_sip_destination_are_offered_theirs(to: str, hosts: list[str], shown: str) -> None:
    offer = asyncio.run(offered(dialled(to, *hosts), replace(CONFIG, more=(("::1", "::1"),))))
    assert f"c=IN {shown}" in offer


@pytest.mark.django_db
def test_without_an_ipv6_address_a_phone_is_offered_what_there_is() -> None:
    plan = ringing("sip:bob@[::1]:5062", Hop("UDP", "::1", 5062))
    assert "c=IN IP4 127.0.0.1" in asyncio.run(offered(plan, CONFIG))
