"""RFC 4733 digits: negotiated, noticed once each, forwarded, sent on request."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

import pytest

from calling.machine.states import Media
from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.rtp.events import DigitReceived, Signal
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.telephone_event import SIGNS, DigitListener, event_packets
from calling.media.webrtc.peer import WebRtcPeer
from tests.media.phones import CONFIG, Phone, joined
from tests.support.wait import until

EVENTS = "a=rtpmap:126 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000\r\n"


def digits(log: list[Signal]) -> str:
    return "".join(signal.digit for signal in log if isinstance(signal, DigitReceived))


def with_events(offer: str) -> str:
    """An aiortc offer as a browser would make it: with telephone-event."""
    head, at, rest = offer.partition("a=rtpmap:")
    lines = [line + " 110 126" if line.startswith("m=audio") else line for line in head.split("\r\n")]
    return "\r\n".join(lines) + EVENTS + at + rest


@contextlib.asynccontextmanager
async def back_to_back(prefer: str = "opus") -> AsyncIterator[tuple[WebRtcPeer, WebRtcPeer, list[Signal]]]:
    """Two platform peers joined to each other; the signals of the second are logged."""
    log: list[Signal] = []
    near, far = WebRtcPeer(CONFIG), WebRtcPeer(CONFIG, log.append)
    near.prefer(prefer)
    try:
        await near.accept(await far.answer(await near.offer(Media())))
        await until(lambda: near.port.up and far.port.up, what="connecting")
        yield near, far, log
    finally:
        await near.close()
        await far.close()


async def send_events(phone: Phone, text: str) -> None:
    """The phone itself sends RFC 4733 packets, as a browser's insertDTMF does."""
    sender = phone.pc.getSenders()[0]
    number = 1000
    for step in event_packets(text, 48000):
        if step is not None:
            payload, offset, marker = step
            mark = 110 | marker << 7
            header = struct.pack("!BBHII", 0x80, mark, number, 5000 + offset, sender._ssrc)
            await sender.transport._send_rtp(header + payload)
            number += 1
        await asyncio.sleep(0.002)


async def test_digits_of_a_device_are_noticed_once_and_pass_through_to_the_other_party() -> None:
    log: list[Signal] = []
    alice, a = Phone(None), WebRtcPeer(CONFIG, log.append)
    alice.pc.addTransceiver("audio")
    async with back_to_back() as (near, _, heard):
        try:
            answer = await a.answer(with_events(await alice.offer()))
            assert "telephone-event/48000" in answer and "telephone-event/8000" in answer
            await alice.take(answer)
            await until(lambda: a.port.up, what="connecting")
            near.port.set_audio_source(a.port)
            await send_events(alice, "12#A")
            await until(lambda: digits(log) == "12#A", 5, "four digits noticed")
            await until(lambda: digits(heard) == "12#A", 5, "four digits forwarded")
        finally:
            await a.close()
            await alice.close()


async def test_digits_to_be_sent_arrive_as_events_in_order() -> None:
    async with back_to_back() as (near, _, heard):
        assert near.port.send_digits("90w#")
        assert near.port.send_digits("7")
        await until(lambda: digits(heard) == "90#7", 5, "the digits")


def test_every_sign_comes_back_with_its_duration_and_repeats_fold() -> None:
    found: list[tuple[str, int]] = []
    listener = DigitListener(lambda digit, ms: found.append((digit, ms)))
    for step in event_packets(SIGNS + "11", 8000):
        if step is not None:
            listener.packet(step[0], 90 + step[1], 8000)
    assert [digit for digit, _ in found] == [*SIGNS, "1", "1"]
    assert {ms for _, ms in found} == {100}


def held(sign: str, milliseconds: int, began: int, clock: int) -> list[tuple[bytes, int]]:
    """A key held for so long, in segments of at most 65535 units, as libwebrtc sends it."""
    packets, base = [], began
    for at in range(20, milliseconds + 1, 20):
        length = began + at * clock // 1000 - base
        if length > 0xFFFF:
            packets.append((bytes((SIGNS.index(sign), 10, 0xFF, 0xFF)), base))
            base, length = base + 0xFFFF, length - 0xFFFF
        packets.append((bytes((SIGNS.index(sign), 10, length >> 8, length & 255)), base))
    last, stamp = packets[-1]
    return packets + [(last[:1] + bytes((0x8A,)) + last[2:], stamp)] * 3


@pytest.mark.parametrize(("clock", "seconds"), [(48000, 1), (48000, 2), (48000, 6), (8000, 9), (8000, 20)])
@pytest.mark.parametrize("lost", [0, 7])
def test_a_key_that_is_held_for_long_is_one_digit(clock: int, seconds: int, lost: int) -> None:
    """RFC 4733 section 2.5.1.3: the next segment has another timestamp, and the one before no end."""
    found: list[tuple[str, int]] = []
    listener = DigitListener(lambda digit, ms: found.append((digit, ms)))
    packets = held("5", seconds * 1000, 70_000, clock) + held("5", 100, 70_000 + (seconds + 1) * clock, clock)
    for number, (payload, timestamp) in enumerate(packets):
        if not lost or number % lost:
            listener.packet(payload, timestamp & 0xFFFFFFFF, clock)
    assert [digit for digit, _ in found] == ["5", "5"]
    assert abs(found[0][1] - seconds * 1000) <= 1 and found[1][1] == 100


def test_the_same_key_twice_is_two_digits_though_no_end_came() -> None:
    found: list[str] = []
    listener = DigitListener(lambda digit, _: found.append(digit))
    for began in (0, 0xFFFF, 3 * 0xFFFF):
        for payload, timestamp in held("8", 200, began, 48000)[:-3]:
            listener.packet(payload, timestamp, 48000)
    listener.packet(bytes((9, 10, 1, 0)), 5 * 0xFFFF, 48000)
    assert found == ["8", "8", "8"]


def test_each_source_of_a_leg_has_digits_and_a_clock_of_its_own() -> None:
    """A media server between takes another over: its SSRC and its timestamps begin anew, even earlier."""
    found: list[str] = []
    receiver = RtpReceiver("audio", lambda digit, _: found.append(digit))
    receiver.event_clocks, receiver.noticed = {110: 8000}, frozenset({110})
    for ssrc, began, digit in ((1, 3_000_000_000, "1"), (2, 1_000_000_000, "#"), (1, 3_000_010_000, "7")):
        for number, step in enumerate(event_packets(digit, 8000)):
            if step is not None:
                packet = struct.pack("!BBHII", 0x80, 110, number, began, ssrc) + step[0]
                buffer = PacketBuffer()
                buffer.view[: len(packet)] = packet
                receiver.stream(ssrc, number, 110).receive(buffer, len(packet), 110, number, began)
    assert found == ["1", "#", "7"]


async def test_a_device_without_telephone_events_hears_the_tones() -> None:
    alice = Phone(440)
    async with joined(alice) as (a,):
        assert a.port.send_digits("1111111111111111")
        await until(lambda: alice.hears(697, 20) or alice.hears(1209, 20), what="hearing a tone of the digit")
