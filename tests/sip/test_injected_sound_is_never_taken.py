"""What strangers send to the port of a SIP leg is not decoded, counted as a stream, or answered.

Proves docs/security.md#r15.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from calling.machine.plan import PeerMode, PeerPlan
from calling.machine.states import Media
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.events import DigitReceived, Signal
from calling.media.session.session_peer import maker
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.sdp.validate import BadSdp

CONFIG = MediaConfig(ports=(31000, 39999))
PACKETS = 400
MINE = 0x5EED


class Sender:
    """A socket that sends RTP and keeps whether anything came back."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.sock.bind((address, 0))
        self.number = 0

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    def send(self, to: tuple[str, int], ssrc: int, pt: int = 0, count: int = 1) -> None:
        for _ in range(count):
            self.number = self.number + 1 & 0xFFFF
            head = struct.pack("!BBHII", 0x80, pt, self.number, self.number * 160, ssrc)
            body = struct.pack("!BBH", 5, 0x8A, 800) if pt == 101 else bytes([self.number & 0xFF]) * 160
            self.sock.sendto(head + body, to)

    def control(self, to: tuple[str, int], ssrc: int) -> None:
        """A sender report and a goodbye for somebody else's stream."""
        report = struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, 1 << 32, 1, 1, 160)
        self.sock.sendto(report + struct.pack("!BBHI", 0x81, 203, 1, ssrc), to)

    def got(self) -> int:
        found = 0
        while True:
            try:
                self.sock.recv(2048)
                found += 1
            except BlockingIOError:
                return found


def sdp(port: int, direction: str = "sendrecv", crypto: str = "") -> str:
    profile = "RTP/SAVP" if crypto else "RTP/AVP"
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} {profile} 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        f"a=fmtp:101 0-16\r\n{crypto}a={direction}\r\n"
    )


@pytest.fixture
def strangers() -> Iterator[list[Sender]]:
    """Another port of the far end's address, and another address."""
    found = [Sender(), Sender(), Sender("127.0.0.2")]
    yield found
    for each in found:
        each.sock.close()


def sip_peer(log: list[Signal]) -> PlainRtpPeer:
    """What a worker makes for a SIP leg."""
    plan = PeerPlan("p", "c", "l", PeerMode.OFFER, "sip", Media())
    made = maker(plan)(CONFIG, log.append)
    assert isinstance(made, PlainRtpPeer)
    return made


def place(text: str) -> tuple[str, int]:
    found = re.search(r"m=audio (\d+)", text)
    assert found is not None
    return "127.0.0.1", int(found[1])


class Tap:
    """Counts what is handed on to whoever listens to this leg."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def packet(self, payload: memoryview, *more: object) -> None:
        self.payloads.append(bytes(payload))


async def attack(peer: PlainRtpPeer, to: tuple[str, int], strangers: list[Sender], tap: Tap) -> None:
    """Sound, keys and goodbyes of strangers, with the far end's own SSRC too; nothing of it counts."""
    before, streams = len(tap.payloads), {ssrc: s.packets for ssrc, s in peer._wires[0].streams.items()}
    for _ in range(PACKETS // 40):
        for stranger in strangers:
            stranger.send(to, MINE, count=20)
            stranger.send(to, 0xBAD, count=18)
            stranger.send(to, MINE, pt=101, count=2)
            stranger.control(to, MINE)
            stranger.control((to[0], to[1] + 1), MINE)
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    assert len(tap.payloads) == before
    assert {ssrc: s.packets for ssrc, s in peer._wires[0].streams.items()} == streams
    assert [stranger.got() for stranger in strangers] == [0] * len(strangers)


@pytest.mark.family
async def test_no_injected_packet_is_taken_in_any_phase_of_a_call(
    strangers: list[Sender], figure: Callable[[int, int], int]
) -> None:
    log: list[Signal] = []
    peer, far, tap = sip_peer(log), Sender(), Tap()
    try:
        peer.port.audio_in.tap(tap)  # type: ignore[arg-type]
        to = place(await peer.offer(Media()))
        await attack(peer, to, strangers, tap)  # before the answer

        await peer.accept(sdp(far.port))
        # whoever is heard also hears himself: what is sent goes to `far` alone
        peer.port.set_audio_source(peer.port)
        await attack(peer, to, strangers, tap)  # answered, the far end not heard yet: nothing to race for
        far.send(to, MINE, count=50)
        await asyncio.sleep(0.1)
        assert len(tap.payloads) == 50 and far.got() >= 50
        await attack(peer, to, strangers, tap)  # while both talk

        moved = Sender()
        to = place(await peer.renegotiate(sdp(moved.port), Media()))
        far.send(to, MINE, count=50)
        await asyncio.sleep(0.1)
        assert len(tap.payloads) == 50  # the old place is a stranger's now
        await attack(peer, to, strangers, tap)
        moved.send(to, MINE + 1, count=50)
        await asyncio.sleep(0.1)
        assert len(tap.payloads) == 100

        await asyncio.sleep(figure(1, 21))  # silence does not open it
        await attack(peer, to, strangers, tap)
        await peer.renegotiate(sdp(moved.port, "sendonly"), Media())  # held
        await attack(peer, to, strangers, tap)
        assert not any(isinstance(signal, DigitReceived) for signal in log)
        print(f"{peer._wires[0].dropped} injected packets dropped, 0 taken")
        far.sock.close()
        moved.sock.close()
    finally:
        await peer.close()


async def test_an_encrypted_leg_takes_nothing_without_its_key_and_stays_encrypted(
    strangers: list[Sender],
) -> None:
    log: list[Signal] = []
    peer, far, tap = sip_peer(log), Sender(), Tap()
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\r\n"
    try:
        peer.port.audio_in.tap(tap)  # type: ignore[arg-type]
        answer = await peer.answer(sdp(far.port, crypto=crypto), Media())
        assert "RTP/SAVP" in answer and "a=crypto:1 " in answer
        to = place(answer)
        far.send(to, MINE, count=50)  # the right place, but not encrypted
        await attack(peer, to, strangers, tap)
        assert tap.payloads == [] and peer._wires[0].refused == 50
        with pytest.raises(BadSdp):
            await peer.renegotiate(sdp(far.port), Media())
        assert peer._wires[0].secure
        far.sock.close()
    finally:
        await peer.close()
