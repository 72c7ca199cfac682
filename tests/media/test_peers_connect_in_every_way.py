"""Trickled candidates, none at all, offers of the platform, new lines and ICE restarts."""

from __future__ import annotations

import asyncio
import re

import pytest

from calling.machine.states import Media
from calling.media.rtp.events import Connected, PeerFailed, Signal
from calling.media.sources import tones
from calling.media.webrtc.peer import WebRtcPeer
from calling.sdp.validate import BadSdp
from tests.media.phones import CONFIG, Phone, joined
from tests.support.wait import until


def without_candidates(sdp: str) -> tuple[str, list[str]]:
    lines = sdp.split("\r\n")
    found = [line[2:] for line in lines if line.startswith("a=candidate:")]
    return "\r\n".join(x for x in lines if "candidate" not in x), found


@pytest.mark.parametrize("trickle", [True, False], ids=["trickled later", "never given"])
async def test_an_offer_without_candidates_connects(trickle: bool) -> None:
    alice, a = Phone(440), WebRtcPeer(CONFIG)
    try:
        offer, candidates = without_candidates(await alice.offer())
        await alice.take(await a.answer(offer))
        if trickle:
            await a.add_candidate(candidates[0], "0", 0)
        a.port.set_audio_source(a.port)
        await until(lambda: alice.hears(440), what="the echo")
    finally:
        await a.close()
        await alice.close()


@pytest.mark.parametrize("video", [False, True], ids=["sound", "sound and picture"])
async def test_the_platform_offers_and_a_device_answers(video: bool) -> None:
    bob, b = Phone(None), WebRtcPeer(CONFIG)
    try:
        offer = await b.offer(Media(video=video, receive_video=video))
        assert ("BUNDLE" in offer) is not video
        await b.accept(await bob.answer(offer))
        await until(lambda: b.port.up, what="connecting")
        b.port.set_audio_source(tones.tone())
        await until(lambda: bob.hears(440), what="the tone")
    finally:
        await b.close()
        await bob.close()


async def test_checks_are_not_answered_before_the_remote_description_is_known() -> None:
    bob, b = Phone(880), WebRtcPeer(CONFIG)
    try:
        answer = await bob.answer(await b.offer(Media()))
        await asyncio.sleep(0.5)  # the device checks all this time
        assert b.port.transports == [] and bob.pc.iceConnectionState == "checking"
        await b.accept(answer)
        await until(lambda: b.port.up, what="connecting")
    finally:
        await b.close()
        await bob.close()


async def test_a_later_offer_adds_a_picture_without_breaking_the_sound() -> None:
    alice = Phone(440)
    async with joined(alice) as (a,):
        a.port.set_audio_source(a.port)
        a.port.set_video_source(a.port)
        await until(lambda: alice.hears(440), what="the echo")
        from tests.media.phones import ColourTrack

        alice.pc.addTrack(ColourTrack(90))
        alice.longest_gap = 0.0
        await alice.take(await a.renegotiate(await alice.offer()))
        await until(lambda: alice.frames > 5, 10, "the picture")
        assert alice.hears(440) and alice.longest_gap < 2.0  # most of it is the phone, starting an encoder


async def test_an_ice_restart_moves_the_path_and_keeps_keys_and_sound() -> None:
    log: list[Signal] = []
    near, far = WebRtcPeer(CONFIG), WebRtcPeer(CONFIG, log.append)
    try:
        offer = await near.offer(Media())
        await near.accept(await far.answer(offer))
        await until(lambda: near.port.up and far.port.up, what="connecting")
        near.port.set_audio_source(tones.tone())
        before = far.port.transports[0].path.agent.local_username
        transport = near.port.transports[0]
        agent = transport.restart()
        again = re.sub(r"a=ice-ufrag:.*", f"a=ice-ufrag:{agent.local_username}", offer)
        again = re.sub(r"a=ice-pwd:.*", f"a=ice-pwd:{agent.local_password}", again)
        again = re.sub(r" \d+ typ host", f" {agent.candidate.port} typ host", again)
        answer = await far.renegotiate(again.replace("\n\r", "\n"))
        user = re.search(r"a=ice-ufrag:(\S+)", answer)
        word = re.search(r"a=ice-pwd:(\S+)", answer)
        line = re.search(r"a=candidate:(.+)", answer)
        assert user and word and line
        await agent.add_remote_line(line[1].strip())
        transport.connect_again(user[1], word[1], False)
        await until(lambda: sum(isinstance(one, Connected) for one in log) == 2, what="connecting again")
        await until(lambda: transport.next_path is None, what="moving")
        assert far.port.transports[0].path.agent.local_username != before
        await until(lambda: far.port.audio_in.current() is not None, what="sound")
        stream = far.port.audio_in.current()
        assert stream is not None
        count = stream.packets
        await until(lambda: stream.packets > count + 20, what="sound on the new path")
        assert stream.lost < 50 and far.port.transports[0].refused == 0
    finally:
        await near.close()
        await far.close()


async def test_a_wrong_fingerprint_ends_the_peer() -> None:
    log: list[Signal] = []
    alice, a = Phone(440), WebRtcPeer(CONFIG, log.append)
    try:
        offer = re.sub(
            r"(a=fingerprint:sha-\d+ )(\S\S)",
            lambda own: own[1] + ("FF" if own[2] != "FF" else "00"),  # one right one would be enough
            await alice.offer(),
        )
        await alice.take(await a.answer(offer))
        await until(lambda: PeerFailed("fingerprint_mismatch") in log, 5, "the mismatch")
        assert a.port.up is False and a.port.transports[0].rx is None
    finally:
        await a.close()
        await alice.close()


@pytest.mark.parametrize("before", [True, False])
async def test_one_of_several_fingerprints_is_enough(before: bool) -> None:
    """RFC 8122 section 5: the others are of further certificates, and of hashes that nobody need know."""
    alice, a = Phone(440), WebRtcPeer(CONFIG)
    others = "".join(
        f"a=fingerprint:{name} {':'.join(['AB'] * size)}\r\n"
        for name, size in (("sha-1", 20), ("sha-256", 32), ("sha-512", 64), ("md5", 16))
    )
    try:
        offer = re.sub(
            r"(?:a=fingerprint:.*\r\n)+",
            lambda own: others + own[0] if before else own[0] + others,
            await alice.offer(),
        )
        await alice.take(await a.answer(offer))
        await until(lambda: a.port.up, what="connecting")
    finally:
        await a.close()
        await alice.close()


async def test_a_device_that_goes_away_is_noticed() -> None:
    log: list[Signal] = []
    alice, a = Phone(440), WebRtcPeer(CONFIG, log.append)
    try:
        await alice.take(await a.answer(await alice.offer()))
        await until(lambda: a.port.up, what="connecting")
        await alice.close()
        await until(lambda: PeerFailed("closed_by_peer") in log, 5, "the end")
    finally:
        await a.close()


async def test_media_wishes_narrow_the_answer() -> None:
    alice, a = Phone(440, grey=90), WebRtcPeer(CONFIG)
    try:
        answer = await a.answer(await alice.offer(), Media(audio=True, receive_audio=False))
        assert a.directions() == {"audio": "sendonly", "video": "inactive"}
        assert "a=recvonly" in answer and "a=inactive" in answer
    finally:
        await a.close()
        await alice.close()


async def test_an_answer_to_nothing_and_an_offer_after_the_end_are_refused() -> None:
    a = WebRtcPeer(CONFIG)
    await a.close()
    with pytest.raises(BadSdp):
        await a.answer("v=0\r\n")
