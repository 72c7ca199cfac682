"""ICE, DTLS, first packet, silence, consent and floods each have their limit and their name.

Proves docs/security.md#r12 and docs/security.md#r21.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bench.softphone import Tone
from calling.media.rtp import media_port, rtcp
from calling.media.rtp.events import Flood, MediaLost, PeerFailed, Signal
from calling.media.webrtc import webrtc_transport
from calling.media.webrtc.peer import WebRtcPeer
from tests.media.phones import CONFIG, Phone
from tests.support.wait import until

pytestmark = pytest.mark.timing

QUICK = replace(CONFIG, first_packet_seconds=1.0, silence_seconds=1.0, consent_seconds=60.0)


@contextlib.asynccontextmanager
async def connected(phone: Phone, log: list[Signal]) -> AsyncIterator[WebRtcPeer]:
    peer = WebRtcPeer(QUICK, log.append)
    try:
        await phone.take(await peer.answer(await phone.offer()))
        await until(lambda: peer.port.up, what="connecting")
        yield peer
    finally:
        await peer.close()
        await phone.close()


async def test_nobody_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc_transport, "ICE_SECONDS", 0.3)
    log: list[Signal] = []
    alice, a = Phone(440), WebRtcPeer(QUICK, log.append)
    await a.answer(await alice.offer())
    await until(lambda: PeerFailed("ice_timeout") in log, 2, "the deadline")
    await a.close()
    await alice.close()


async def test_the_handshake_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webrtc_transport, "DTLS_SECONDS", 0.3)
    log: list[Signal] = []
    alice, a = Phone(440), WebRtcPeer(QUICK, log.append)
    answer = await a.answer(await alice.offer())
    monkeypatch.setattr(a._transports[0].pipe, "feed", lambda data: None)
    await alice.take(answer)
    await until(lambda: PeerFailed("dtls_timeout") in log, 3, "the deadline")
    await a.close()
    await alice.close()


async def test_no_first_packet_then_sound_then_silence() -> None:
    log: list[Signal] = []
    alice = Phone(None)
    alice.pc.addTransceiver("audio")
    async with connected(alice, log) as a:
        await until(lambda: MediaLost("no_first_rtp") in log, 15, "the missing first packet")
        alice.pc.getSenders()[0].replaceTrack(Tone(440))
        await until(lambda: a.port.audio_in.current() is not None, 15, "sound")
        alice.pc.getSenders()[0].replaceTrack(None)
        await until(lambda: MediaLost("silence") in log, 15, "silence")


async def test_a_party_that_holds_may_be_silent() -> None:
    log: list[Signal] = []
    alice = Phone(None)
    alice.pc.addTransceiver("audio")
    async with connected(alice, log) as a:
        a.port.expects_media = False
        await asyncio.sleep(2.5)
        assert not any(isinstance(signal, MediaLost) for signal in log)


async def test_consent_that_is_not_renewed_ends_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_port, "CONSENT_EVERY", 0.5)
    log: list[Signal] = []
    async with connected(Phone(440), log) as a:
        a.port.config = replace(QUICK, consent_seconds=2.0)
        await asyncio.sleep(2.5)
        assert a.port.up, "answered checks keep it alive"
        a.port.transports[0].path.agent.feed = lambda data, address, sock: None
        await until(lambda: PeerFailed("consent_lost") in log, 5, "the end of consent")


async def test_a_flood_of_authentic_packets_is_told() -> None:
    log: list[Signal] = []
    alice = Phone(None)
    alice.pc.addTransceiver("audio")
    async with connected(alice, log):
        sender = alice.pc.getSenders()[0]
        for number in range(3000):
            head = struct.pack("!BBHII", 0x80, 96, number & 0xFFFF, number * 960, sender._ssrc)
            await sender.transport._send_rtp(head + bytes(20))
            if number % 50 == 0:
                await asyncio.sleep(0.002)
        await until(lambda: any(isinstance(signal, Flood) for signal in log), 4, "the flood")


async def test_a_flood_of_feedback_is_told() -> None:
    log: list[Signal] = []
    alice = Phone(None)
    alice.pc.addTransceiver("audio")
    async with connected(alice, log):
        sender = alice.pc.getSenders()[0]
        for number in range(3000):
            await sender.transport._send_rtp(rtcp.receiver_report(sender._ssrc, []))
            if number % 50 == 0:
                await asyncio.sleep(0.002)
        await until(lambda: Flood("control") in log, 4, "the flood")


async def test_streams_without_number_are_limited() -> None:
    log: list[Signal] = []
    alice = Phone(None)
    alice.pc.addTransceiver("audio")
    async with connected(alice, log) as a:
        sender = alice.pc.getSenders()[0]
        for ssrc in range(1, 300):
            await sender.transport._send_rtp(struct.pack("!BBHII", 0x80, 96, 1, 960, ssrc) + bytes(20))
            if ssrc % 50 == 0:
                await asyncio.sleep(0.01)
        await until(lambda: any(isinstance(signal, Flood) for signal in log), 4, "the churn")
        assert len(a.port.audio_in.streams) <= 16
