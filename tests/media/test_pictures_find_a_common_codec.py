"""Pictures pass in VP8 or H.264; who lacks the one that is sent gets the other after a fresh offer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiortc import RTCRtpSender

from calling.machine.plan import PeerMode, PeerPlan
from calling.machine.states import Media
from calling.media.rtp.events import Signal, UndecodableVideo
from calling.media.session.video_fallback import VideoFallback
from calling.media.webrtc.peer import WebRtcPeer
from calling.sdp import negotiation
from calling.sdp.model import MID, Codec
from calling.sdp.negotiation import Transceiver
from tests.media.phones import CONFIG, Phone, joined
from tests.media.test_chromium_hears_and_sees import CHROMIUM, browser
from tests.support.wait import until

ONLY = """([name, codec]) => { const all = RTCRtpReceiver.getCapabilities('video').codecs;
  window[name].pc.getTransceivers()[1].setCodecPreferences(
    all.filter(c => c.mimeType == 'video/' + codec || c.mimeType == 'video/rtx')); }"""
OFFER = """async name => { const pc = window[name].pc;
  await pc.setLocalDescription(await pc.createOffer()); return pc.localDescription.sdp; }"""


def only(phone: Phone, codec: str) -> Phone:
    known = RTCRtpSender.getCapabilities("video").codecs
    chosen = [one for one in known if one.mimeType.lower() == f"video/{codec}"]
    phone.pc.getTransceivers()[1].setCodecPreferences(chosen)
    return phone


def h264(pt: int, profile: str = "42e01f", mode: str = "1") -> Codec:
    return Codec("H264", 90000, 1, pt, f"packetization-mode={mode};profile-level-id={profile}")


def line(*codecs: Codec, **extensions: int) -> Transceiver:
    uris = {"mid": MID, "level": "urn:level"}
    found = {uris[name]: number for name, number in extensions.items()}
    return Transceiver("video", 1, "1", True, True, list(codecs), extensions=found)


def test_h264_is_carried_under_any_baseline_profile_that_takes_its_units() -> None:
    assert negotiation.carrier(h264(1), [h264(5, "42001f"), h264(6)]) == h264(6)
    assert negotiation.carrier(h264(1), [h264(5, "42001f")]) == h264(5, "42001f")
    assert negotiation.carrier(h264(1, mode="0"), [h264(5)]) == h264(5)
    assert negotiation.carrier(h264(1), [h264(5, mode="0")]) is None
    assert negotiation.carrier(h264(1), [h264(5, "64001f")]) is None
    assert negotiation.carrier(Codec("VP8", 90000, 1, 1), [h264(5)]) is None


def test_a_translation_names_types_and_extensions() -> None:
    source = line(Codec("VP8", 90000, 1, 96), h264(102), mid=4, level=1)
    assert negotiation.translation(source, line(h264(120), mid=4, level=1)) == ({102: 120}, None)
    assert negotiation.translation(source, line(h264(102), mid=3)) == ({102: 102}, {4: 3})
    assert negotiation.shared(source, line(h264(120))) == "H264"
    assert negotiation.shared(line(h264(1, "64001f")), line(h264(120))) is None


def test_offers_and_answers_list_what_is_preferred_first() -> None:
    names = [codec.name for codec in negotiation.offered_codecs("video", "H264")]
    assert names == ["H264", "rtx", "VP8", "rtx"]
    assert next(codec.name for codec in negotiation.offered_codecs("video", "VP8")) == "VP8"


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_a_picture_passes_through_in_either_codec(codec: str) -> None:
    alice, bob = only(Phone(440, grey=90), codec), only(Phone(880, grey=150), codec)
    async with joined(alice, bob) as (a, b):
        a.port.set_video_source(b.port)
        b.port.set_video_source(a.port)
        await until(lambda: alice.frames > 10 and bob.frames > 10, 15, "pictures")
        assert alice.grey is not None and abs(alice.grey - 150) < 12
        assert bob.grey is not None and abs(bob.grey - 90) < 12


async def test_a_leg_that_cannot_see_says_so_once() -> None:
    log: list[Signal] = []
    alice, bob = Phone(440, grey=90), only(Phone(880, grey=150), "h264")
    async with joined(alice) as (a,):
        b = WebRtcPeer(CONFIG, log.append)
        try:
            await bob.take(await b.answer(await bob.offer()))
            await until(lambda: b.port.up, what="connecting")
            b.port.set_video_source(a.port)
            await until(lambda: UndecodableVideo() in log, what="the signal")
            await asyncio.sleep(0.3)
            assert log.count(UndecodableVideo()) == 1 and bob.frames == 0
        finally:
            await b.close()
            await bob.close()


class Carried:
    """What VideoFallback sees of a peer."""

    def __init__(self, name: str, peer: WebRtcPeer) -> None:
        self.plan = PeerPlan(name, "call", name, PeerMode.ANSWER, "phone", Media(), serial=1)
        self.peer, self.port = peer, peer.port


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="browser tests need Debian's chromium")
async def test_a_browser_that_only_takes_h264_sees_one_that_sent_vp8() -> None:
    told: list[tuple[Any, ...]] = []
    async with browser() as tab:
        a = await tab.phone("alice", 440, "red")
        b = await tab.phone("bob", 880, "blue")
        await tab.page.evaluate(ONLY, ["bob", "H264"])
        answer = await b.renegotiate(await tab.page.evaluate(OFFER, "bob"))
        words = {"type": "answer", "sdp": answer}
        await tab.page.evaluate("a => bob.pc.setRemoteDescription(a)", words)
        assert {codec.name for codec in b.port.video_out.line.codecs} == {"H264"}
        sight = VideoFallback({"a": Carried("a", a), "b": Carried("b", b)}, lambda *fact: told.append(fact))
        a.port.set_video_source(b.port)
        b.port.set_video_source(a.port)
        await until(lambda: UndecodableVideo() in tab.log, 10, "the signal")
        sight.cannot_see("b")
        assert told == [("a", "codec", "video")]
        a.prefer(sight.codec_for("a", "call") or "")
        answer = await a.renegotiate(await tab.page.evaluate(OFFER, "alice"))
        words = {"type": "answer", "sdp": answer}
        await tab.page.evaluate("a => alice.pc.setRemoteDescription(a)", words)
        await tab.frames("bob", 20)
        await tab.frames("alice", 20)
        sight._look_again("b", "a")
        assert told == [("a", "codec", "video")]


async def test_without_any_common_codec_the_viewer_is_told() -> None:
    told: list[tuple[Any, ...]] = []
    alice, bob = only(Phone(440, grey=90), "vp8"), only(Phone(880, grey=150), "h264")
    async with joined(alice, bob) as (a, b):
        sight = VideoFallback({"a": Carried("a", a), "b": Carried("b", b)}, lambda *fact: told.append(fact))
        assert sight.codec_for("a", "call") == "H264" and sight.codec_for("a", "another") is None
        b.port.set_video_source(a.port)
        sight.cannot_see("b")
        sight.cannot_see("b")
        assert told == [("b", "no_common_codec", "video")]
