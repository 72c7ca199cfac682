"""A device may nominate several pairs, and send over another than the one we selected (RFC 8445, 12.2)."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import replace

import pytest
from aioice import stun
from aioice.ice import CandidatePair

from calling.machine.states import Media
from calling.media.sources import tones
from calling.media.webrtc.peer import WebRtcPeer
from tests.media.phones import CONFIG, Phone
from tests.media.ports import dropped
from tests.support.wait import until

ELSEWHERE = "127.0.0.2"


def check(user: str, password: str, nominates: bool) -> bytes:
    """A check of that device, with our password."""
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = user
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLING"] = 1
    if nominates:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password.encode())
    message.add_fingerprint()
    return bytes(message)


def attribute(name: str, description: str) -> str:
    found = re.search(rf"a={name}:(\S+)", description)
    assert found
    return found[1]


@pytest.mark.parametrize("way", ["nominated", "checked only", "without our password"])
async def test_dtls_and_sound_come_over_whichever_pair_the_device_nominated(way: str) -> None:
    """As werift does, which answers our DTLS over the first of its pairs and not over ours."""
    phone, peer = Phone(440), WebRtcPeer(CONFIG)
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind((ELSEWHERE, 0))
    try:
        offer = await phone.offer()
        answer = await peer.answer(offer)
        ours = peer.port.transports[0].path.sock.getsockname()
        user = f"{attribute('ice-ufrag', answer)}:{attribute('ice-ufrag', offer)}"
        password = "x" * 22 if way == "without our password" else attribute("ice-pwd", answer)
        other.sendto(check(user, password, way != "checked only"), ours)
        await asyncio.sleep(0.1)

        async def send(data: bytes) -> None:
            other.sendto(data, ours)

        # Checks go as ever; all that follows takes the other way.
        phone.pc.getTransceivers()[0].sender.transport.transport._send = send
        peer.port.set_audio_source(peer.port)
        await phone.take(answer)
        if way == "nominated":
            await until(lambda: phone.hears(440), what="its own sound")
            assert peer.port.transports[0].path.remote[0] != ELSEWHERE, "we still send over ours"
            return
        await asyncio.sleep(1.5)
        assert not peer.port.up and dropped(peer.port.transports[0])
    finally:
        await asyncio.gather(peer.close(), phone.close())
        other.close()


@pytest.mark.parametrize("place", [0, 1], ids=["the best pair", "the other pair"])
async def test_sound_comes_over_whichever_pair_we_nominated(place: int) -> None:
    """We nominate each pair that works; Chromium, which is called, sends over the one that it likes best."""
    ours = WebRtcPeer(CONFIG)
    device = WebRtcPeer(replace(CONFIG, mux=False, more=((ELSEWHERE, ELSEWHERE),)))
    try:
        await ours.accept(await device.answer(await ours.offer(Media())))
        path = ours.port.transports[0].path
        far = device.port.transports[0].path
        await until(lambda: ours.port.up and device.port.up, what="connecting")
        for remote in path.agent._remote_candidates:  # as where the answers to both come at once
            await path.agent.check_start(CandidatePair(path.agent._protocols[0], remote))
        far.sock = far.socks[place]
        device.port.set_audio_source(tones.tone())
        await until(lambda: ours.port.audio_in.totals()[2] > 20, what="the sound")
        assert path.remote == far.socks[0].getsockname(), "we send over the better one"
        assert not dropped(ours.port.transports[0])
    finally:
        await asyncio.gather(ours.close(), device.close())
