"""Stacks with a transceiver for each direction (webrtcbin, Pion, aiortc) offer two sections of a kind: what
comes in the first and what goes out in the second is one party's sound, or picture."""

from __future__ import annotations

import pytest

from bench.softphone import Tone
from calling.machine.states import Media
from calling.media.rtp.media_port import MediaPort
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.sender import RtpSender
from calling.media.webrtc.peer import WebRtcPeer
from calling.sdp.negotiation import Transceiver, directions
from calling.sdp.peek import media_of_sdp
from tests.media.phones import CONFIG, ColourTrack, Phone, joined
from tests.support.wait import until


@pytest.mark.parametrize("receives_first", [False, True])
async def test_sound_goes_both_ways(receives_first: bool) -> None:
    alice, bob = Phone(None), Phone(900)
    ways = [(Tone(440), "sendonly"), ("audio", "recvonly")]
    for track, way in reversed(ways) if receives_first else ways:
        alice.pc.addTransceiver(track, direction=way)
    async with joined(alice, bob) as (a, b):
        assert a.directions()["audio"] == "sendrecv" and a.codec == "opus"
        a.port.set_audio_source(b.port)
        b.port.set_audio_source(a.port)
        await until(lambda: alice.hears(900) and bob.hears(440), what="both hearing each other")
        assert a.port.send_digits("1")


@pytest.mark.parametrize("receives_first", [False, True])
async def test_pictures_go_both_ways(receives_first: bool) -> None:
    alice, bob = Phone(None), Phone(None, grey=200)
    ways = [(ColourTrack(60), "sendonly"), ("video", "recvonly")]
    for track, way in reversed(ways) if receives_first else ways:
        alice.pc.addTransceiver(track, direction=way)
    async with joined(alice, bob) as (a, b):
        assert a.directions()["video"] == "sendrecv"
        a.port.set_video_source(b.port)
        b.port.set_video_source(a.port)
        await until(lambda: alice.frames > 3 and bob.frames > 3, 15, "both seeing each other")
        assert alice.grey is not None and bob.grey is not None
        assert abs(alice.grey - 200) < 30 and abs(bob.grey - 60) < 30


async def test_what_a_party_is_told_is_what_flows() -> None:
    alice, a = Phone(None), WebRtcPeer(CONFIG)
    alice.pc.addTransceiver(Tone(440), direction="sendonly")
    alice.pc.addTransceiver("audio", direction="recvonly")
    try:
        offer = await alice.offer()
        assert media_of_sdp(offer) == Media(True, False, True, False)
        await a.answer(offer, Media(audio=True, receive_audio=False))
        assert a.directions()["audio"] == "sendonly"
    finally:
        await a.close()
        await alice.close()


def line(index: int, kind: str, *ways: str, rejected: bool = False) -> Transceiver:
    return Transceiver(kind, index, str(index), "out" in ways, "in" in ways, rejected=rejected)


def places(ends: list[RtpReceiver] | list[RtpSender]) -> list[int | None]:
    return [end.line.index if end.line is not None else None for end in ends]


async def test_a_picture_that_has_begun_keeps_its_numbers_and_a_new_one_takes_a_free_place() -> None:
    port = MediaPort(CONFIG, lambda signal: None)
    sound = line(0, "audio", "in", "out")
    try:
        port.set_lines([sound, line(1, "video", "in", "out"), line(2, "video", "out")], {})
        assert places(port.senders()) == [0, 1, 2]
        for end in port.senders()[1:]:
            end.outgoing.packets = 9
        later = [sound, line(1, "video"), line(2, "video", "out"), line(3, "video", "in")]
        port.set_lines(later, {})
        assert places(port.senders()) == [0, 1, 2, 3]
        assert places(port.receivers())[1] == 3, "a camera that came later"
        port.set_lines([sound, line(1, "video", rejected=True), line(2, "video", rejected=True)], {})
        assert places(port.senders()) == places(port.receivers()) == [0, None, None, None]
        port.set_lines([sound, line(1, "video", "in", "out")], {})
        assert places(port.senders())[1] == places(port.receivers())[1] == 1
    finally:
        port.detach_all()


def test_the_directions_of_a_kind_are_those_of_all_its_lines() -> None:
    assert directions([line(0, "audio", "in"), line(1, "audio", "out")]) == {
        "audio": "sendrecv",
        "video": "inactive",
    }
    assert directions([line(0, "video", "in")]) == {"audio": "inactive", "video": "sendonly"}
    assert directions([line(0, "audio", "out", rejected=True)])["audio"] == "inactive"
