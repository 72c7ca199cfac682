"""SIP and trunk legs: plain RTP and SDES, bridged with a device; strangers count for nothing.

Proves docs/security.md#r15.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from calling.machine.states import Media
from calling.media.rtp.events import DigitReceived, Signal
from calling.media.sources import tones
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from calling.sdp.validate import BadSdp
from tests.media.phones import CONFIG, Phone, joined
from tests.support.wait import until


@contextlib.asynccontextmanager
async def trunk(
    secure: bool = False, log: list[Signal] | None = None
) -> AsyncIterator[tuple[PlainRtpPeer, PlainRtpPeer]]:
    near = PlainRtpPeer(CONFIG, secure=secure)
    far = PlainRtpPeer(CONFIG, log.append if log is not None else None)
    try:
        await near.accept(await far.answer(await near.offer(Media())))
        yield near, far
    finally:
        await near.close()
        await far.close()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "SDES"])
async def test_a_device_is_heard_across_a_trunk(secure: bool) -> None:
    log: list[Signal] = []
    alice, bob = Phone(440), Phone(880, codec="PCMU")
    async with trunk(secure, log) as (near, far), joined(alice, bob) as (a, b):
        near.port.set_audio_source(a.port)
        b.port.set_audio_source(far.port)
        far.port.set_audio_source(b.port)
        a.port.set_audio_source(near.port)
        await until(lambda: bob.hears(440) and alice.hears(880), what="hearing each other")
        assert near.port.send_digits("5#")
        await until(
            lambda: "".join(s.digit for s in log if isinstance(s, DigitReceived)) == "5#", 5, "digits"
        )


async def test_packets_of_strangers_are_dropped_and_nothing_is_sent_to_them() -> None:
    async with trunk() as (near, far):
        near.port.set_audio_source(tones.tone())
        await until(lambda: far.port.audio_in.current() is not None, what="sound")
        port = far._wires[0].sock.getsockname()[1]
        strangers = []
        for address in ("127.0.0.1", "127.0.0.2"):
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            stranger.bind((address, 0))
            strangers.append(stranger)
        for number in range(300):
            for stranger in strangers:
                stranger.sendto(
                    struct.pack("!BBHII", 0x80, 0, number, number * 160, 99) + bytes(160), ("127.0.0.1", port)
                )
        far.port.set_audio_source(far.port)
        await until(lambda: far._wires[0].dropped >= 600, what="dropping")
        await asyncio.sleep(0.1)
        assert len(far._wires[0].streams) == 1
        for stranger in strangers:
            with pytest.raises(BlockingIOError):
                stranger.recv(2000)
            stranger.close()


async def test_encryption_is_not_given_up_by_a_later_offer() -> None:
    async with trunk(secure=True) as (near, far):
        offer = await near.offer(Media())
        plain = re.sub(r"a=crypto:.*\r\n", "", offer).replace("RTP/SAVP", "RTP/AVP")
        with pytest.raises(BadSdp):
            await far.answer(plain)
        assert far._wires[0].secure


async def test_hold_by_a_zero_address_stops_sending_and_a_strange_address_is_refused() -> None:
    async with trunk() as (near, far):
        offer = await near.offer(Media())
        await far.answer(offer.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0"))
        assert far._wires[0].remote is None
        with pytest.raises(BadSdp):
            await far.answer(offer.replace("c=IN IP4 127.0.0.1", "c=IN IP4 169.254.169.254"))
