"""A description without `a=setup` (RFC 4145 section 4): whoever offers begins the DTLS handshake."""

from __future__ import annotations

import re

import pytest

from calling.machine.states import Media
from calling.media.webrtc.media_peer import MediaPeer
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.sdp import validate
from calling.sdp.peek import sdp_fault
from calling.sip.edge.sdp_offers import fault_of
from tests.media.phones import CONFIG, Phone
from tests.support.wait import until

DTLS = "UDP/TLS/RTP/SAVP"


def pair(kind: str) -> tuple[MediaPeer, MediaPeer]:
    if kind == "webrtc":
        return WebRtcPeer(CONFIG), WebRtcPeer(CONFIG)
    return PlainRtpPeer(CONFIG, keys=True), PlainRtpPeer(CONFIG)


def said(sdp: str, setup: str) -> str:
    """The description with that a=setup, or without any."""
    plain = re.sub(r"a=crypto.*\r\n", "", sdp).replace("RTP/AVP", DTLS)
    return re.sub(r"a=setup:.*\r\n", f"a=setup:{setup}\r\n" if setup else "", plain)


async def heard(one: MediaPeer, other: MediaPeer) -> None:
    one.port.set_audio_source(one.port)
    other.port.set_audio_source(other.port)
    await until(lambda: one.port.up and other.port.up, 10, "the handshake")


@pytest.mark.parametrize("kind", ["webrtc", "sip"])
@pytest.mark.parametrize(
    ("setup", "answered"),
    [("", "passive"), ("active", "passive"), ("ACTIVE", "passive"), ("passive", "active"), ("Actpass", "")],
)
async def test_an_offer_is_answered_with_the_other_role(kind: str, setup: str, answered: str) -> None:
    near, far = pair(kind)
    try:
        offer = said(await near.offer(Media()), setup)
        assert (sdp_fault(offer) if kind == "webrtc" else fault_of(offer)) is None
        assert validate.is_webrtc(offer) is (kind == "webrtc")
        answer = await far.answer(offer)
        assert f"a=setup:{answered}" in answer
        await near.accept(answer)
        if kind == "webrtc":
            await heard(near, far)
    finally:
        await near.close()
        await far.close()


@pytest.mark.parametrize("kind", ["webrtc", "sip"])
async def test_an_answer_without_a_role_waits_for_the_handshake(kind: str) -> None:
    near, far = pair(kind)
    try:
        answer = await far.answer(said(await near.offer(Media()), "active"))
        assert "a=setup:passive" in answer
        await near.accept(said(answer, ""))
        if kind == "webrtc":
            await heard(near, far)
        else:
            hands = near._wires[0].hands  # type: ignore[attr-defined]
            assert hands is not None and hands.role == "client"
    finally:
        await near.close()
        await far.close()


async def test_a_stock_stack_that_leaves_it_out_is_heard() -> None:
    alice, a = Phone(440), WebRtcPeer(CONFIG)
    try:
        await alice.take(await a.answer(said(await alice.offer(), "")))
        a.port.set_audio_source(a.port)
        await until(lambda: alice.hears(440), what="the echo")
    finally:
        await a.close()
        await alice.close()
