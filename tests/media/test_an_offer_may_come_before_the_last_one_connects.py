"""A device that offers again while its connection is being made: the newest offer is the one that counts."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from bench.softphone import Tone
from calling.media.rtp.events import PeerFailed, Signal
from calling.media.webrtc.peer import WebRtcPeer
from calling.sdp.validate import MAX_CANDIDATES
from tests.media.phones import CONFIG, Phone
from tests.support.wait import until

NOWHERE = re.compile(r"a=candidate:[^\r]*\r\n")


def with_the_certificate_of(phone: Phone, hertz: float) -> Phone:
    """The same device with new ICE credentials: its fingerprint stays."""
    other = Phone(None)
    other.pc._RTCPeerConnection__certificates = phone.pc._RTCPeerConnection__certificates  # type: ignore[attr-defined]
    other.pc.addTrack(Tone(hertz))
    return other


@pytest.mark.parametrize("mux", [CONFIG.mux, False], ids=["as configured", "a port of its own"])
@pytest.mark.parametrize("times", [1, 3])
async def test_ice_restarts_before_anything_was_reached_connect(times: int, mux: bool) -> None:
    """What SignalWire's SDK does after three seconds, and a telephone between two networks."""
    log: list[Signal] = []
    first, peer = Phone(440), WebRtcPeer(replace(CONFIG, mux=mux), log.append)
    phones = [first]
    try:
        await peer.answer(NOWHERE.sub("", await first.offer()))  # which never checks
        for _ in range(times):
            phones.append(with_the_certificate_of(first, 440))
            answer = await peer.renegotiate(await phones[-1].offer())
            await asyncio.sleep(0.05)
        await phones[-1].take(answer)
        peer.port.set_audio_source(peer.port)
        await until(lambda: phones[-1].hears(440), 8, "the echo")
        assert not [one for one in log if isinstance(one, PeerFailed)]
    finally:
        await peer.close()
        for phone in phones:
            await phone.close()


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4])
async def test_a_wholly_new_peer_takes_over_while_the_former_shakes_hands(seconds: float) -> None:
    log: list[Signal] = []
    first, second, peer = Phone(880), Phone(440), WebRtcPeer(CONFIG, log.append)
    try:
        await first.take(await peer.answer(await first.offer()))
        await asyncio.sleep(seconds)
        await second.take(await peer.renegotiate(await second.offer()))
        peer.port.set_audio_source(peer.port)
        await until(lambda: second.hears(440), 8, "the echo")
        assert not [one for one in log if isinstance(one, PeerFailed)]
    finally:
        await peer.close()
        await first.close()
        await second.close()


async def test_what_the_old_credentials_would_have_reached_is_still_watched() -> None:
    """Nobody answers the restart either: it fails once, after its own time."""
    log: list[Signal] = []
    first, peer = Phone(440), WebRtcPeer(CONFIG, log.append)
    try:
        await peer.answer(NOWHERE.sub("", await first.offer()))
        again = with_the_certificate_of(first, 440)
        await peer.renegotiate(NOWHERE.sub("", await again.offer()))
        await until(lambda: PeerFailed("ice_timeout") in log, 20, "the end")
        await again.close()
        assert log.count(PeerFailed("ice_timeout")) == 1
    finally:
        await peer.close()
        await first.close()


async def test_each_offer_has_its_own_number_of_candidates() -> None:
    """A telephone that changes networks all day names new candidates each time."""
    phone, peer = Phone(440), WebRtcPeer(CONFIG)
    try:
        offer = await phone.offer()
        await peer.answer(offer)
        for count in range(4 * MAX_CANDIDATES):
            if count % MAX_CANDIDATES == 0:
                again = with_the_certificate_of(phone, 440)
                await peer.renegotiate(await again.offer())
                await again.close()
            await peer.add_candidate(
                f"candidate:{count} 1 udp {count + 1} 127.0.0.1 {9 + count} typ host", "0"
            )
    finally:
        await peer.close()
        await phone.close()
