"""Peers and trunks on an IPv6 address."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from calling.machine.states import Media
from calling.media.sources import tones
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from tests.media.phones import CONFIG
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
