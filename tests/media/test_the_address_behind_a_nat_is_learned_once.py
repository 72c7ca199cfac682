"""`nat: true`: sound is learned from the host that the signalling comes from, then kept (RFC 7362 4)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from calling.machine.states import Media
from calling.media.rtp.events import Connected, Signal
from calling.media.sources import tones
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from tests.media.phones import CONFIG
from tests.support.wait import until

INSIDE = "192.0.2.2"  # what the phone behind the NAT believes to be its address
OUTSIDE = "127.0.0.1"  # where its packets come from, as its signalling does
STRANGE = 10_000


class Socket:
    """Plain RTP from one address."""

    def __init__(self, host: str = OUTSIDE) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.sock.setblocking(False)
        self.number = 0

    @property
    def address(self) -> tuple[str, int]:
        return self.sock.getsockname()

    def send(self, port: int, times: int = 1, ssrc: int = 5, pt: int = 0, first: int = 0x80) -> None:
        for _ in range(times):
            head = struct.pack("!BBHII", first, pt, self.number & 0xFFFF, self.number * 160, ssrc)
            self.sock.sendto(head + bytes(160), (OUTSIDE, port))
            self.number += 1

    def got(self) -> int:
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self.sock.recv(2048)
                count += not 191 < data[1] < 224
        return count

    def close(self) -> None:
        self.sock.close()


def offer(port: int = 40000, host: str = INSIDE) -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp-mux\r\n"
    )


@contextlib.asynccontextmanager
async def called(
    learn: bool = True, log: list[Signal] | None = None, sdp: str = ""
) -> AsyncIterator[tuple[PlainRtpPeer, int]]:
    peer = PlainRtpPeer(CONFIG, log.append if log is not None else None)
    if learn:
        peer.learn_from(OUTSIDE)
    try:
        await peer.answer(sdp or offer())
        yield peer, peer.port.transports[0].sock.getsockname()[1]
    finally:
        await peer.close()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0.002)


async def test_the_phone_is_heard_and_hears_once_three_packets_came() -> None:
    phone = Socket()
    async with called() as (peer, port):
        peer.port.set_audio_source(tones.tone())
        phone.send(port, 2)
        await settle()
        assert peer.port.audio_in.current() is None and phone.got() == 0
        phone.send(port, 5)
        await until(lambda: phone.got() > 0, what="hearing the tone")
        stream = peer.port.audio_in.current()
        assert stream is not None and stream.packets == 5
    phone.close()


async def test_without_nat_the_agreed_address_alone_counts() -> None:
    phone = Socket()
    async with called(learn=False) as (peer, port):
        phone.send(port, 50)
        await settle()
        assert peer.port.audio_in.current() is None
    phone.close()


async def test_strangers_are_never_taken_neither_before_nor_after() -> None:
    chance = random.Random(1)
    phone, near = Socket(), Socket()  # near: another program on the phone's own host
    hosts = [Socket(f"127.0.{chance.randrange(256)}.{chance.randrange(2, 255)}") for _ in range(20)]
    async with called() as (peer, port):
        wire = peer.port.transports[0]
        for turn in range(STRANGE // 200):
            for host in hosts:
                host.send(port, 10, ssrc=chance.choice((5, turn)))
            await settle()
        assert wire.remote[0] == INSIDE and not wire.streams and wire.dropped == STRANGE
        phone.send(port, 10)
        await until(lambda: wire.remote == phone.address, what="learning")
        taken = peer.port.audio_in.current().packets
        for _ in range(STRANGE // 400):
            for one in (*hosts[:19], near):
                one.send(port, 20, ssrc=5)
            await settle()
        assert peer.port.audio_in.current().packets == taken == 8
        assert len(wire.streams) == 1 and wire.remote == phone.address
    for one in (phone, near, *hosts):
        one.close()


@pytest.mark.parametrize(
    ("why", "words"),
    [("format", {"pt": 18}), ("version", {"first": 0x40}), ("extension past its end", {"first": 0x90})],
)
async def test_what_is_no_valid_packet_of_an_agreed_format_teaches_nothing(
    why: str, words: dict[str, int]
) -> None:
    phone = Socket()
    async with called() as (peer, port):
        if why.startswith("extension"):
            for number in range(9):
                head = struct.pack("!BBHIIHH", 0x90, 0, number, 0, 5, 0xBEDE, 500)
                phone.sock.sendto(head + bytes(40), (OUTSIDE, port))
        else:
            phone.send(port, 9, **words)
        await settle()
        assert peer.port.transports[0].remote[0] == INSIDE, why
    phone.close()


async def test_three_of_one_source_in_a_row_are_needed() -> None:
    one, two = Socket(), Socket()
    async with called() as (peer, port):
        for turn in range(20):
            one.send(port, 2, ssrc=5)
            two.send(port, 1, ssrc=5)
            one.send(port, 1, ssrc=turn + 100)
            one.send(port, 1, ssrc=turn + 200)
        await settle()
        assert peer.port.audio_in.current() is None
    one.close()
    two.close()


async def test_digits_alone_are_enough_to_be_learned() -> None:
    phone = Socket()
    async with called() as (peer, port):
        phone.send(port, 3, pt=101)
        await until(lambda: peer.port.transports[0].remote == phone.address, what="learning")
    phone.close()


async def test_what_was_learned_outlives_a_hold_and_ends_with_a_new_place() -> None:
    phone, moved = Socket(), Socket()
    async with called() as (peer, port):
        wire = peer.port.transports[0]
        phone.send(port, 3)
        await until(lambda: wire.remote == phone.address, what="learning")
        await peer.renegotiate(offer(host="0.0.0.0"))
        assert wire.remote is None
        await peer.renegotiate(offer())
        assert wire.remote == phone.address, "the same description again"
        await peer.renegotiate(offer(port=40002))
        assert wire.remote == (INSIDE, 40002)
        wire.streams.clear()  # as after the seconds in which nothing came
        moved.send(port, 3)
        await until(lambda: wire.remote == moved.address, what="learning again")
    phone.close()
    moved.close()


async def test_where_the_agreed_address_speaks_nothing_is_learned() -> None:
    agreed, other = Socket(), Socket()
    async with called(sdp=offer(agreed.address[1], OUTSIDE)) as (peer, port):
        agreed.send(port, 3)
        await until(lambda: peer.port.audio_in.current() is not None, what="sound")
        other.send(port, 30)
        await settle()
        assert peer.port.transports[0].remote == agreed.address
    agreed.close()
    other.close()


async def test_under_srtp_the_first_packet_that_authenticates_is_enough() -> None:
    near, far = PlainRtpPeer(CONFIG, secure=True), PlainRtpPeer(CONFIG)
    thief = Socket()
    try:
        far.learn_from(OUTSIDE)
        made = await near.offer(Media())
        answer = await far.answer(re.sub(r"c=IN IP4 \S+", f"c=IN IP4 {INSIDE}", made))
        wire = far.port.transports[0]
        thief.send(wire.sock.getsockname()[1], 50, pt=0)
        await settle()
        assert wire.remote[0] == INSIDE and wire.refused == 50
        await near.accept(answer)
        near.port.set_audio_source(tones.tone())
        own = near.port.transports[0].sock.getsockname()
        await until(lambda: wire.remote == own, what="learning")
    finally:
        thief.close()
        await near.close()
        await far.close()


async def test_rtcp_goes_where_the_phone_was_learned() -> None:
    phone = Socket()
    async with called(sdp=offer().replace("a=rtcp-mux\r\n", "")) as (peer, port):
        phone.send(port, 3)
        wire = peer.port.transports[0]
        await until(lambda: wire.remote == phone.address, what="learning")
        assert wire.remote_control == (OUTSIDE, phone.address[1] + 1)
    phone.close()


async def test_a_leg_is_connected_once_sound_flowed_or_none_is_to_come() -> None:
    phone, log = Socket(), list[Signal]()
    async with called(log=log) as (peer, port):
        peer.port.set_audio_source(tones.tone())
        assert peer.port.up and Connected() not in log
        phone.send(port, 3)
        await until(lambda: Connected() in log, what="being connected")
        await peer.renegotiate(offer(port=40002))
        assert log.count(Connected()) == 1
    phone.close()
    log.clear()
    async with called(log=log, sdp=offer() + "a=recvonly\r\n"):
        assert Connected() in log
