"""A SIP party that should send and from which neither RTP nor RTCP comes has failed; a pause is no end."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from calling.media.rtp import media_port, receiver, rtcp
from calling.media.rtp.config import MediaConfig
from calling.media.rtp.events import PeerFailed, Signal
from calling.media.webrtc import plain_transport
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from tests.media.phones import CONFIG
from tests.support.wait import until

SILENCE = PeerFailed("silence")


class Clock:
    """The media plane's clock, which runs ahead as a test says."""

    late = 0.0

    def now(self) -> float:
        return time.monotonic() + self.late


CLOCK = Clock()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (receiver, media_port, plain_transport):
        monkeypatch.setattr(module, "monotonic", CLOCK.now)


class Party:
    """A phone on plain RTP; `after(seconds)` is what the wheel does with its leg then."""

    def __init__(self, peer: PlainRtpPeer, log: list[Signal]) -> None:
        self.peer, self.log, self.number = peer, log, 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))

    def offer(self, direction: str = "sendrecv", formats: str = "0") -> str:
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.sock.getsockname()[1]} RTP/AVP {formats}\r\na=rtcp-mux\r\na={direction}\r\n"
        )

    async def send(self, count: int = 1, pt: int = 0, size: int = 160) -> None:
        before = self.peer.port.audio_in.totals()[2]
        remote = ("127.0.0.1", self.peer.port.transports[0].sock.getsockname()[1])
        for _ in range(count):
            head = struct.pack("!BBHII", 0x80, pt, self.number & 0xFFFF, self.number * 160, 5)
            self.sock.sendto(head + bytes(size), remote)
            self.number += 1
        await until(lambda: self.peer.port.audio_in.totals()[2] == before + count, what="packets")

    def after(self, seconds: float) -> bool:
        """Whether the leg has failed once so many seconds more have passed in silence."""
        CLOCK.late += seconds
        self.peer.port.on_second(CLOCK.now())
        return SILENCE in self.log


@contextlib.asynccontextmanager
async def called(
    direction: str = "sendrecv", config: MediaConfig = CONFIG, formats: str = "0", trunk: bool = False
) -> AsyncIterator[Party]:
    log: list[Signal] = []
    peer = PlainRtpPeer(config, log.append, trunk=trunk)
    party = Party(peer, log)
    try:
        await peer.answer(party.offer(direction, formats))
        party.after(0)
        yield party
    finally:
        await peer.close()
        party.sock.close()


@pytest.mark.parametrize("spoke", [True, False])
async def test_silence_of_sixty_seconds_ends_it(spoke: bool) -> None:
    async with called() as phone:
        if spoke:
            await phone.send(50)
        assert not phone.after(59)
        assert phone.after(2)


@pytest.mark.parametrize("direction", ["recvonly", "inactive"])
async def test_a_party_that_does_not_send_may_be_silent(direction: str) -> None:
    async with called(direction) as phone:
        assert not phone.after(3600)


async def test_a_party_that_holds_may_be_silent_and_has_its_time_after_that() -> None:
    async with called() as phone:
        await phone.send(50)
        phone.peer.port.expects_media = False
        assert not phone.after(600)
        phone.peer.port.expects_media = True
        assert not phone.after(1)
        assert not phone.after(59)
        assert phone.after(2)


async def test_reports_alone_keep_a_muted_phone() -> None:
    async with called() as phone:
        await phone.send(50)
        assert not phone.after(50)
        for _ in range(3):
            leg = phone.peer.port
            said = leg._control_at
            remote = ("127.0.0.1", leg.transports[0].sock.getsockname()[1])
            phone.sock.sendto(rtcp.receiver_report(5, []) + rtcp.description(5, "phone"), remote)
            await until(lambda leg=leg, said=said: leg._control_at > said, what="the report")
            assert not phone.after(50)
        assert phone.after(15)


async def test_comfort_noise_doubles_the_time() -> None:
    async with called() as phone:
        await phone.send(50)
        await phone.send(1, pt=13, size=1)
        assert not phone.after(119)
        assert phone.after(2)


async def test_a_pause_without_loss_doubles_the_time_and_a_loss_does_not() -> None:
    for lost, ends in ((0, False), (100, True)):
        async with called() as phone:
            await phone.send(50)
            assert not phone.after(1)
            assert not phone.after(1), "a second in which nothing came"
            phone.number += lost
            await phone.send(50)
            assert not phone.after(1)
            assert phone.after(61) is ends
            assert phone.after(60)


async def test_zero_means_never_and_another_value_is_obeyed() -> None:
    async with called(config=replace(CONFIG, sip_silence_seconds=0)) as phone:
        assert not phone.after(100_000)
    async with called(config=replace(CONFIG, sip_silence_seconds=5)) as phone:
        assert phone.after(6)


async def test_what_joins_two_workers_is_no_phone() -> None:
    async with called(trunk=True) as phone:
        assert not phone.after(3600)
