"""A leg is offered every address that media is at, and goes on over the one that the device reaches."""

from __future__ import annotations

import re
import socket
from dataclasses import replace

import pytest

from calling.machine.states import Media
from calling.media.rtp import udp_ports
from calling.media.rtp.config import MediaConfig
from calling.media.sources import tones
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from tests.media.phones import CONFIG, Phone
from tests.media.ports import deafen, sockets
from tests.media.test_ipv6_carries_calls import has_ipv6
from tests.support.wait import until

SECOND = "127.0.0.2"
SEVERAL = replace(CONFIG, more=((SECOND, SECOND),))
GONE = "192.0.2.77"  # on no interface of any machine


def candidates(sdp: str) -> list[tuple[int, str, int]]:
    """(priority, address, port) of each."""
    found = re.findall(r"a=candidate:\S+ 1 udp (\d+) (\S+) (\d+) typ host", sdp)
    return [(int(priority), host, int(port)) for priority, host, port in found]


@pytest.mark.parametrize("only", ["127.0.0.1", SECOND])
async def test_a_device_that_reaches_one_of_them_talks_there(only: str) -> None:
    alice, a = Phone(440), WebRtcPeer(SEVERAL)
    try:
        answer = await a.answer(await alice.offer())
        told = candidates(answer)
        assert [host for _, host, _ in told] == ["127.0.0.1", SECOND]
        assert told[0][0] > told[1][0], "the first is preferred"
        port = next(port for _, host, port in told if host == only)
        lines = [
            line
            for line in answer.split("\r\n")
            if not line.startswith("a=candidate:") or f" {only} " in line
        ]
        path = a.port.transports[0].path
        deafen(path, except_at=only)
        await alice.take("\r\n".join(lines))
        await until(lambda: a.port.up, what="connecting")
        a.port.set_audio_source(a.port)
        await until(lambda: alice.hears(440), what="the echo")
        assert path.sock.getsockname() == (only, port)
    finally:
        await a.close()
        await alice.close()


async def test_every_socket_is_closed_in_the_end() -> None:
    alice, a = Phone(440), WebRtcPeer(SEVERAL)
    await a.answer(await alice.offer())
    socks = sockets(a.port.transports[0].path)
    assert {sock.getsockname()[0] for sock in socks} == {"127.0.0.1", SECOND}
    await a.close()
    await alice.close()
    assert all(sock.fileno() == -1 for sock in socks)


async def test_an_address_that_has_gone_is_left_out_and_the_first_one_must_be_there() -> None:
    config = replace(SEVERAL, more=((GONE, GONE), (SECOND, SECOND)))
    found = udp_ports.bind_all(config)
    assert [shown for _, shown in found] == ["127.0.0.1", SECOND]
    for sock, _ in found:
        sock.close()
    with pytest.raises(OSError, match=r"."):
        udp_ports.bind_all(replace(config, bind=GONE))


@pytest.mark.parametrize(
    ("far", "own"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("192.0.2.9", "10.0.0.5"),
        ("10.0.0.9", "10.0.0.5"),
        ("::1", "2001:db8::5"),
        ("2001:db8::9", "2001:db8::5"),
    ],
)
def test_a_sip_party_is_faced_from_the_address_that_suits_it(far: str, own: str) -> None:
    config = MediaConfig(more=(("10.0.0.5", "10.0.0.5"), ("2001:db8::5", "2001:db8::5")))
    assert config.facing(far).bind == own
    assert config.facing(far).ports == config.ports


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
async def test_a_sip_party_of_the_other_family_is_answered_in_its_own() -> None:
    near = PlainRtpPeer(MediaConfig(bind="::1", advertised="::1", ports=CONFIG.ports))
    far = PlainRtpPeer(replace(CONFIG, more=(("::1", "::1"),)))
    try:
        answer = await far.answer(await near.offer(Media()))
        assert "c=IN IP6 ::1" in answer
        await near.accept(answer)
        near.port.set_audio_source(tones.tone())
        await until(lambda: far.port.audio_in.current() is not None, what="sound")
        assert far.port.transports[0].sock.family == socket.AF_INET6
    finally:
        await near.close()
        await far.close()
