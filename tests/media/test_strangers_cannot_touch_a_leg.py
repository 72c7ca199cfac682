"""Malformed and foreign datagrams, in every phase, neither end nor delay nor reach anything.

Proves docs/security.md#r1.

`make soak` sends a million of them: before the device is there, while ICE and DTLS run, during the call,
on hold, to plain legs while an address may be learned and after it, and while everything closes.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from calling.machine.states import Media
from calling.media.aiortc_private.ice import IceAgent
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.events import Flood, PeerFailed, Signal
from calling.media.webrtc.peer import WebRtcPeer
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from tests.media.phones import CONFIG, Phone
from tests.media.ports import EITHER, dropped
from tests.support.wait import until

WANTS = Media()
FULL, SAMPLE = 1_000_000, 6_000  # hostile datagrams of all phases together
CLIENT_HELLO = bytes.fromhex("16fefd0000000000000000002e010000220000000000000022fefd") + bytes(34)
HOSTILE = [
    b"",
    b"\x00",
    b"\x80",
    bytes(12),
    b"\x16" * 12,
    CLIENT_HELLO,
    b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x01\x00",  # a DTLS close_notify
    b"\x80\x00" + os.urandom(60),  # RTP
    b"\x80\xc8" + os.urandom(60),  # RTCP
    b"\xbf\xff" + os.urandom(300),
    b"\x00\x01\x00\x00\x21\x12\xa4\x42" + os.urandom(12),  # a check without credentials
    b"\x01\x01\x00\x0c\x21\x12\xa4\x42" + os.urandom(24),
    b"\x00\x01\xff\xff\x21\x12\xa4\x42" + os.urandom(12),
    b"\x00\x01\x00\x08\x21\x12\xa4\x42" + os.urandom(12) + b"\x00\x20\x00\x01\x00\x00\x00\x00",
    os.urandom(1400),
    os.urandom(9000),
]


class Strangers:
    """Three source addresses that send hostile datagrams, half of them altered at random, and count."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.sent = 0
        self.socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
        for number, sock in enumerate(self.socks):
            sock.bind((f"127.0.0.{number + 1}", 0))

    def _datagrams(self) -> Iterator[bytes]:
        for data in HOSTILE:
            if self.chance.random() < 0.5 and len(data) > 1:
                mixed = bytearray(data[: self.chance.randrange(1, len(data) + 1)])
                for _ in range(3):
                    mixed[self.chance.randrange(len(mixed))] = self.chance.randrange(256)
                yield bytes(mixed)
            else:
                yield data

    def volley(self, port: int) -> None:
        for sock in self.socks:
            for data in self._datagrams():
                sock.sendto(data, ("127.0.0.1", port))
                self.sent += 1

    async def flood(self, ports: list[int], count: int) -> None:
        """About `count` datagrams, as fast as the ones who are flooded can still do their own work."""
        until_sent = self.sent + count
        while self.sent < until_sent:
            for port in ports:
                self.volley(port)
                await asyncio.sleep(0.003)

    def close(self) -> None:
        for sock in self.socks:
            sock.close()


def port_of(peer: WebRtcPeer) -> int:
    agent: IceAgent = next(iter(peer._transports.values())).agent
    return agent.candidate.port


@pytest.mark.family
@pytest.mark.sample(1)
@EITHER
@pytest.mark.timeout(3600)
async def test_calls_are_set_up_and_live_and_end_through_hostile_datagrams(
    figure: Callable[[int, int], int], seed: int, config: MediaConfig
) -> None:
    most = figure(SAMPLE, FULL)
    logs: list[list[Signal]] = [[], []]
    strangers = Strangers(seed)
    alice, bob = Phone(440, grey=90), Phone(880)
    a, b = (WebRtcPeer(config, log.append) for log in logs)
    try:
        answers = [await peer.answer(await phone.offer()) for phone, peer in ((alice, a), (bob, b))]
        ports = [port_of(a), port_of(b)]
        await strangers.flood(ports, most // 10)  # before anybody legitimate is there
        flooding = asyncio.ensure_future(strangers.flood(ports, most // 10))  # through ICE and DTLS
        await alice.take(answers[0])
        await bob.take(answers[1])
        await until(lambda: a.port.up and b.port.up, 10, "connecting")
        await flooding
        for one, other in ((a, b), (b, a)):
            one.port.set_audio_source(other.port)
            one.port.set_video_source(other.port)
        await until(lambda: alice.hears(880) and bob.hears(440), what="each other")
        alice.longest_gap = bob.longest_gap = 0.0
        await strangers.flood(ports, most * 7 // 10)
        assert alice.hears(880) and bob.hears(440)
        assert max(alice.longest_gap, bob.longest_gap) < 1.0
        for peer in (a, b):
            peer.port.set_audio_source(None)
        await strangers.flood(ports, most // 10)  # on hold
        for one, other in ((a, b), (b, a)):
            one.port.set_audio_source(other.port)
        await until(lambda: alice.hears(880) and bob.hears(440), what="each other again")
        for peer, log in zip((a, b), logs, strict=True):
            transport = peer.port.transports[0]
            assert peer.port.up and not any(isinstance(signal, PeerFailed | Flood) for signal in log)
            assert transport.refused == 0, "foreign SRTP reached the cipher"
            assert transport.pipe._queue.empty()
        assert dropped(*(peer.port.transports[0] for peer in (a, b))) > most // 4
        closing = asyncio.gather(a.close(), b.close())
        await strangers.flood(ports, most // 20)
        await closing
        print(f"\n{strangers.sent} hostile datagrams over all phases ended 0 calls", end=" ")
    finally:
        strangers.close()
        await asyncio.gather(a.close(), b.close(), alice.close(), bob.close())


@pytest.mark.family
@pytest.mark.timeout(1200)
async def test_a_plain_leg_takes_nothing_from_strangers_while_it_learns_or_later(
    figure: Callable[[int, int], int], seed: int
) -> None:
    most = figure(SAMPLE // 4, FULL // 5)
    log: list[Signal] = []
    strangers = Strangers(seed)
    near, far = PlainRtpPeer(CONFIG, log.append), PlainRtpPeer(CONFIG, log.append)
    near.learn_from("127.0.0.1")
    alice, a = Phone(440), WebRtcPeer(CONFIG, log.append)
    try:
        await near.accept(await far.answer(await near.offer(WANTS)))
        await alice.take(await a.answer(await alice.offer()))
        await until(lambda: a.port.up, what="connecting")
        wire = near.port.transports[0]
        port = wire.sock.getsockname()[1]
        strangers.socks.pop(0).close()  # a sender on the far end's own address may be learned: not a stranger
        await strangers.flood([port, port + 1], most // 2)
        agreed = far.port.transports[0].sock.getsockname()
        assert wire.remote == agreed
        far.port.set_audio_source(a.port)
        near.port.set_audio_source(near.port)
        a.port.set_audio_source(far.port)
        await until(lambda: alice.hears(440), what="the echo over the plain pair")
        await strangers.flood([port, port + 1], most // 2)
        assert alice.hears(440) and wire.remote == agreed and len(wire.streams) == 1
        assert not any(isinstance(signal, PeerFailed | Flood) for signal in log)
        print(f"\n{strangers.sent} hostile datagrams reached nothing of a plain leg", end=" ")
    finally:
        strangers.close()
        await asyncio.gather(near.close(), far.close(), a.close(), alice.close())


@pytest.mark.family
@pytest.mark.sample(1)
@EITHER
@pytest.mark.timeout(1200)
async def test_a_stranger_at_the_right_address_is_stopped_by_the_cipher(
    figure: Callable[[int, int], int], config: MediaConfig
) -> None:
    """Datagrams with a forged source (here: the device's own socket) fail to authenticate."""
    count = figure(200, 50_000)
    log: list[Signal] = []
    alice, a = Phone(440), WebRtcPeer(config, log.append)
    try:
        await alice.take(await a.answer(await alice.offer()))
        await until(lambda: a.port.up, what="connecting")
        a.port.set_audio_source(a.port)
        await until(lambda: alice.hears(440), what="the echo")
        ice = alice.pc.getSenders()[0].transport.transport._connection
        for number in range(count):
            sequence = number & 0xFFFF
            await ice.send(b"\x80\x60" + struct.pack("!HII", sequence, number * 960, 7) + os.urandom(60))
            await ice.send(b"\x16\xfe\xfd" + os.urandom(40))
            await ice.send(b"\x80\xc9" + os.urandom(40))
            if number % 10 == 9:
                await asyncio.sleep(0.002)
        await until(lambda: a.port.transports[0].refused >= count, what="refusals")
        assert len(a.port.transports[0].streams) == 1 and alice.hears(440)
        assert not any(isinstance(signal, PeerFailed) for signal in log)
    finally:
        await a.close()
        await alice.close()
