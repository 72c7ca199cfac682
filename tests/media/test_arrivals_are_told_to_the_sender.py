"""Transport-wide congestion control, the receiving half: when its packets came is told to a browser, each
once, in messages of bounded size, and nothing is told where nothing came or nothing was agreed."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.rtp import rtcp, transport_feedback
from calling.media.rtp.arrivals import Arrivals
from calling.media.rtp.header import FIELDS, element
from calling.media.rtp.transport_feedback import Feedback
from calling.media.rtp.transport_wide import TransportWide
from calling.media.rtp.wide_numbers import PythonNumbers, WideNumbers
from calling.media.webrtc.peer import WebRtcPeer
from calling.sdp.model import TRANSPORT_WIDE, Codec
from calling.sdp.negotiation import Transceiver
from tests.media.phones import CONFIG, Phone
from tests.support.wait import until

WRAP = (1 << 24) * transport_feedback.EPOCH / transport_feedback.TICKS  # seconds after which times begin anew
steps = st.tuples(
    st.sampled_from([1] * 20 + [2, 5, 40, 3000]), st.sampled_from([0.0, 0.0001, 0.001, 0.02, 0.3, 9.0])
)


def read(data: bytes) -> list[Feedback]:
    """The feedback in a compound packet."""
    bodies = [each.body for each in rtcp.parse(data) if isinstance(each, rtcp.Arrivals)]
    return [found for body in bodies if (found := transport_feedback.read(body)) is not None]


def told(messages: list[bytes]) -> dict[int, float]:
    """Number -> when it came, of what a browser would read."""
    found = {}
    for message in messages:
        (feedback,) = read(rtcp.arrivals(message))
        for place, at in enumerate(feedback.came):
            if at is not None:
                assert (feedback.base + place) & 0xFFFF not in found, "it came once"
                found[(feedback.base + place) & 0xFFFF] = at
    return found


@given(begun=st.integers(0, 0xFFFF), now=st.floats(0, 3e6), sent=st.lists(steps, min_size=1, max_size=80))
def test_every_packet_is_told_of_with_its_time(begun: int, now: float, sent: list[tuple[int, float]]) -> None:
    arrivals, came, number = Arrivals(), {}, begun
    for step, pause in sent:
        number, now = number + step, now + pause
        arrivals.note(number & 0xFFFF, now)
        came.setdefault(number & 0xFFFF, now)
    messages = []
    while arrivals:
        messages += arrivals.told(1, 2)
    found = told(messages)
    assert all(len(message) < 1250 for message in messages)
    for each, at in found.items():
        apart = abs(at - came[each] % WRAP) % WRAP
        assert min(apart, WRAP - apart) < 0.001, (each, at, came[each])
    if len(messages) < 3:
        assert found.keys() == came.keys()


def test_what_is_missing_is_told_as_missing() -> None:
    arrivals = Arrivals()
    for number in (10, 11, 14):
        arrivals.note(number, 5.0)
    (first,) = [transport_feedback.read(message) for message in arrivals.told(1, 2)]
    arrivals.note(17, 5.1)
    (second,) = [transport_feedback.read(message) for message in arrivals.told(1, 2)]
    assert first is not None and second is not None
    assert first.base == 10 and [at is not None for at in first.came] == [True, True, False, False, True]
    assert second.base == 15 and [at is not None for at in second.came] == [False, False, True]


def test_what_came_late_is_told_too() -> None:
    arrivals = Arrivals()
    for numbers in ((10, 12), (11, 13), (14,)):
        for number in numbers:
            arrivals.note(number, 5.0)
    assert told(arrivals.told(1, 2)).keys() == {10, 11, 12, 13, 14}


@pytest.mark.parametrize("numbers", [
    range(0, 65536, 7), range(0, 30011 * 5000, 30011), [0, 0x8000] * 2500,
], ids=["gaps", "jumps", "halves"])  # fmt: skip
def test_a_hostile_sender_gets_few_messages_of_bounded_size(numbers: Any) -> None:
    arrivals = Arrivals()
    for number in numbers:
        arrivals.note(number & 0xFFFF, 1.0)
    messages = arrivals.told(1, 2)
    assert len(messages) <= 3 and all(len(message) < 1250 for message in messages)
    assert not arrivals


@given(st.binary(max_size=1400))
def test_hostile_feedback_is_read_or_dropped(data: bytes) -> None:
    body = data[: len(data) // 4 * 4]
    for found in read(struct.pack("!BBH", 0x8F, 205, len(body) // 4) + body):
        assert len(found.came) <= transport_feedback.MOST


def test_feedback_that_covers_too_much_is_dropped() -> None:
    body = struct.pack("!IIHHI", 1, 2, 0, 65535, 0) + struct.pack("!H", 0x1FFF) * 8
    assert read(rtcp.arrivals(body)) == []


class Wire:
    """A transport that keeps what is said to its far end."""

    def __init__(self) -> None:
        self.closed, self.said = False, list[bytes]()

    def picture_ssrc(self) -> int:
        return 7

    def send_control(self, data: bytes) -> None:
        self.said.append(data)


class Seen(PythonNumbers):
    """Numbers of a leg of which the forwarding loop has seen packets."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, float]] = []

    def came(self) -> list[tuple[int, float]]:
        found, self.seen = self.seen, []
        return found


def wide(wire: Wire, numbers: WideNumbers) -> TransportWide:
    made = TransportWide(wire, numbers)
    sound = Transceiver("audio", 0, "0", True, True, codecs=[Codec("opus", 48000, 2, 111)])
    picture = Transceiver(
        "video", 1, "1", True, True, codecs=[Codec("VP8", 90000, 1, 96)], rtx={96: 97},
        extensions={TRANSPORT_WIDE: 5},
    )  # fmt: skip
    made.agree([sound, picture])
    return made


def packet(pt: int, number: int, extension: int = 5) -> PacketBuffer:
    buffer = PacketBuffer()
    added = element(extension, number.to_bytes(2, "big"))
    data = b"\x90" + FIELDS.pack(pt, 1, 2, 3) + b"\xbe\xde\x00\x01" + added + b"picture"
    buffer.view[: len(data)] = data
    return buffer


async def test_feedback_is_bundled_and_ends_with_the_packets() -> None:
    wire = Wire()
    control = wide(wire, PythonNumbers())
    for number in range(8):
        control.came(96 if number % 2 else 97, packet(96, number).view, 31, 100 + 0.01 * number)
    for tick in range(5):
        control.on_fast_tick(100.1 + 0.025 * tick)
    assert len(wire.said) == 1, "one message tells of all"
    (found,) = read(wire.said[0])
    assert found.base == 0 and len(found.came) == 8
    assert control.on_fast_tick(102.0) and not control.on_fast_tick(102.5)
    assert len(wire.said) == 1, "where nothing came nothing is told"


async def test_packets_without_a_number_are_not_told_of() -> None:
    wire = Wire()
    control = wide(wire, PythonNumbers())
    control.came(111, packet(111, 1).view, 31, 100.0)  # sound
    control.came(96, packet(96, 1, extension=6).view, 31, 100.0)
    control.on_fast_tick(100.2)
    assert wire.said == []


async def test_what_the_forwarding_loop_has_seen_is_told() -> None:
    wire, numbers = Wire(), Seen()
    control = wide(wire, numbers)
    numbers.seen = [(8, 99.9), (9, 99.95)]
    control.on_second(100.0)
    control.on_fast_tick(100.0)
    (found,) = read(wire.said[0])
    assert found.base == 8 and len(found.came) == 2


@pytest.mark.parametrize(("extension", "feedback", "repairs", "agreed"), [
    (TRANSPORT_WIDE, "transport-cc", "rtx", True),
    ("urn:other", "transport-cc", "rtx", False),
    (TRANSPORT_WIDE, "other", "rtx", False),
    # Sent again under its own number a packet would have another header: AES-GCM allows one alone.
    (TRANSPORT_WIDE, "transport-cc", "x-unknown", False),
])  # fmt: skip
async def test_it_is_agreed_for_pictures_that_offer_all_of_it(
    extension: str, feedback: str, repairs: str, agreed: bool
) -> None:
    phone = Phone(400, grey=90)
    offer = await phone.offer()
    lines = []
    for each in offer.replace(" rtx/", f" {repairs}/").split("\r\n"):
        lines.append(each)
        if each.startswith("a=rtpmap:"):
            lines.append(f"a=rtcp-fb:{each[9:].split()[0]} {feedback}")
        if each.startswith("a=mid:"):
            lines.append(f"a=extmap:9 {extension}")
    peer = WebRtcPeer(CONFIG, lambda signal: None)
    try:
        sound, picture = (await peer.answer("\r\n".join(lines))).split("m=")[1:]
        assert "transport" not in sound
        assert (f"a=extmap:9 {TRANSPORT_WIDE}" in picture) == ("transport-cc" in picture) == agreed
    finally:
        await peer.close()
        await phone.close()


async def test_a_device_without_it_is_told_nothing() -> None:
    phone, peer = Phone(400, grey=90), WebRtcPeer(CONFIG, lambda signal: None)
    try:
        await phone.take(await peer.answer(await phone.offer()))
        await until(lambda: peer.port.up and peer.port.video_in.current() is not None, what="a picture")
        assert [transport.wide for transport in peer.port.transports] == [None]
    finally:
        await peer.close()
        await phone.close()
