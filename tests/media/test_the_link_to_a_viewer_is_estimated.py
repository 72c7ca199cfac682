"""Transport-wide congestion control, the sending half: packets have numbers of the listener's own transport,
and what it says of them becomes an estimate of its link. Links are simulated, without a clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.loop.native import LoopNumbers, library
from calling.media.rtp import rtcp_reports, transport_feedback
from calling.media.rtp.arrivals import Arrivals
from calling.media.rtp.header import FIELDS, element, extension
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.rtcp import arrivals as message
from calling.media.rtp.send_estimate import MEASURED, Packet, SendEstimate
from calling.media.rtp.sender import RtpSender
from calling.media.rtp.transport import RtpTransport
from calling.media.rtp.transport_feedback import MOST
from calling.media.rtp.transport_wide import TransportWide
from calling.media.rtp.wide_numbers import KEPT, PythonNumbers, WideNumbers
from calling.sdp.model import TRANSPORT_WIDE, Codec
from calling.sdp.negotiation import Transceiver

VP8, RTX, SSRC = 96, 97, 7
BARE = b"\x80" + FIELDS.pack(VP8, 1, 2, 3) + b"x"


@pytest.fixture(params=["python", "c"])
def numbers(request: pytest.FixtureRequest) -> WideNumbers:
    found = library()
    if request.param == "python":
        return PythonNumbers()
    if found is None:
        pytest.skip("there is no C compiler here")
    return LoopNumbers(found)


class Wire(RtpTransport):
    """A far end without encryption: what is sent to it is kept."""

    def __init__(self) -> None:  # without a leg: nothing here asks for one
        self.tx: object = "plain"
        self.forwarder = self.wide = None
        self.closed = False
        self.flows = set()
        self.protect = lambda session, data, length: 0
        self.sent: list[bytes] = []
        self.port = cast(Any, SimpleNamespace(hears_no_events=False, choose_layers=lambda now: None))

    def send(self, data: memoryview | bytes) -> None:
        self.sent.append(bytes(data))


def picture(ssrc: int, extensions: dict[str, int]) -> Transceiver:
    codec = Codec("VP8", 90000, 1, VP8, feedback=("nack", "transport-cc"))
    return Transceiver(
        "video", 0, None, True, True, codecs=[codec], rtx={VP8: RTX}, extensions=extensions, ssrc=ssrc
    )


class Leg:
    """A viewer, and the camera that it sees."""

    def __init__(self, numbers: WideNumbers | None, theirs: dict[str, int], ours: dict[str, int]) -> None:
        self.camera, self.sender, self.wire = RtpReceiver("video"), RtpSender("video"), Wire()
        self.camera.bind(picture(1, theirs), None)
        if numbers is not None:
            self.wire.wide = TransportWide(self.wire, numbers)
        self.sender.bind(picture(2, ours), self.wire)
        self.sender.attach_source(self.camera)
        self.stream = self.camera.stream(SSRC, 1, VP8)
        self.buffer = PacketBuffer()

    def shows(self, sequence: int, theirs: int = 0, number: int = 0) -> None:
        """theirs: the extension in which the camera's browser has put `number`."""
        added = element(theirs, number.to_bytes(2, "big")) if theirs else b""
        head = b"\xbe\xde\x00\x01" + added if added else b""
        data = bytes([0x90 if added else 0x80]) + FIELDS.pack(VP8, sequence, 3000 * sequence, SSRC)
        data += head + b"\x10\x00picture"
        self.buffer.view[: len(data)] = data
        assert self.stream is not None
        self.stream.receive(self.buffer, len(data), VP8, sequence, 3000 * sequence)

    def counted(self, ours: int) -> list[int | None]:
        """The transport-wide numbers of what was sent."""
        found = []
        for data in self.wire.sent:
            value = extension(memoryview(data), len(data), ours)
            found.append(int.from_bytes(value, "big") if value is not None else None)
        return found


@pytest.mark.parametrize("theirs", [0, 3, 5])
async def test_each_viewer_has_numbers_of_its_own(numbers: WideNumbers, theirs: int) -> None:
    leg = Leg(numbers, {TRANSPORT_WIDE: theirs} if theirs else {}, {TRANSPORT_WIDE: 5})
    for sequence in range(1, 6):
        leg.shows(sequence, theirs, 40_000 + sequence)
    assert leg.counted(5) == [0, 1, 2, 3, 4]
    assert all(data.endswith(b"picture") for data in leg.wire.sent)


async def test_what_is_sent_again_has_a_number_of_its_own(numbers: WideNumbers) -> None:
    leg = Leg(numbers, {TRANSPORT_WIDE: 3}, {TRANSPORT_WIDE: 5})
    for sequence in range(1, 4):
        leg.shows(sequence, 3, 9)
    leg.sender.resend((leg.sender.outgoing.last_seq,))
    assert leg.counted(5) == [0, 1, 2, 3] and leg.wire.sent[-1][1] & 0x7F == RTX


async def test_a_viewer_without_them_gets_no_number_of_the_senders() -> None:
    leg = Leg(None, {TRANSPORT_WIDE: 5}, {})
    leg.shows(1, 5, 40_000)
    assert leg.counted(5) == [None] and leg.sender.outgoing.wide is None


async def test_what_the_platform_shows_is_counted_too(numbers: WideNumbers) -> None:
    leg = Leg(numbers, {}, {TRANSPORT_WIDE: 5})
    leg.sender.push(object(), b"picture", VP8, 3000, marker=True)
    assert leg.counted(5) == [0]


def test_numbers_go_on_beyond_sixteen_bits(numbers: WideNumbers) -> None:
    buffer = PacketBuffer()
    for place in range(0x10000 + 10):
        buffer.view[:13] = BARE
        numbers.went(buffer.view, 13, 5, 100 + 0.001 * place)
    at, size = numbers.take(9, forget=True) or (0.0, 0)
    assert (round(at, 3), size) == (round(100 + 0.001 * 0x10009, 3), 13 + 8)
    assert numbers.take(9, forget=True) is None, "of each packet it is told once"
    assert numbers.take(10, forget=False) is None, "it has not been sent yet"
    assert numbers.take((9 - KEPT) & 0xFFFF, forget=False) is None, "it is forgotten"


# --- what the far end says


async def test_feedback_limits_who_is_seen_through_a_narrow_link(numbers: WideNumbers) -> None:
    leg = Leg(numbers, {}, {TRANSPORT_WIDE: 5})
    estimated: list[float] = []
    port = cast(Any, SimpleNamespace(
        senders=lambda: [leg.sender],
        pictures=SimpleNamespace(estimated=lambda bitrate, now: estimated.append(bitrate)),
    ))  # fmt: skip
    arrivals = Arrivals()
    for sequence in range(1, 31):
        leg.shows(sequence)
        arrivals.note(sequence - 1, 50 + 0.02 * sequence)
    for told in arrivals.told(1, 2):
        rtcp_reports.handle_rtcp(port, leg.wire, message(told))
    assert len(estimated) == 1
    assert leg.camera.bitrate_limits[leg.sender][0] == estimated[0]


def about(number: int) -> bytes:
    """What a far end says to which only the packet of that number came."""
    return transport_feedback.written(1, 2, 0, number, [(number, 1.0)])[0]


async def test_a_link_is_that_of_the_pictures_on_its_transport(numbers: WideNumbers) -> None:
    """Without BUNDLE each picture has a transport of its own."""
    one = Leg(numbers, {}, {TRANSPORT_WIDE: 5})
    other = Leg(PythonNumbers(), {}, {TRANSPORT_WIDE: 5})
    port = cast(Any, SimpleNamespace(
        senders=lambda: [one.sender, other.sender],
        pictures=SimpleNamespace(estimated=lambda bitrate, now: None),
    ))  # fmt: skip
    other.sender.outgoing.ssrc += 1
    one.shows(1)
    other.shows(1)
    rtcp_reports.handle_rtcp(port, one.wire, message(about(0)))
    assert one.sender in one.camera.bitrate_limits
    assert other.sender not in other.camera.bitrate_limits


async def test_a_flood_of_feedback_is_not_read(numbers: WideNumbers, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = TransportWide(Wire(), numbers)
    buffer = PacketBuffer()
    for _ in range(500):
        buffer.view[:13] = BARE
        numbers.went(buffer.view, 13, 5, 100.0)
    found = [wide.feedback(about(place), 100.1) for place in range(500)]
    assert sum(each is not None for each in found) == 50
    read: list[bytes] = []
    monkeypatch.setattr(transport_feedback, "read", read.append)
    port = cast(Any, SimpleNamespace(senders=list))
    wire = Wire()
    wire.wide = wide
    rtcp_reports.handle_rtcp(port, wire, message(about(400)) * 50)
    assert not read, "it costs too much to be read first"
    wide.on_second(101.0)
    rtcp_reports.handle_rtcp(port, wire, message(about(400)))
    assert read == [about(400)]
    wire.wide = None
    rtcp_reports.handle_rtcp(port, wire, message(about(400)))
    assert len(read) == 1, "nobody has agreed to it"


@given(
    told=st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.lists(st.one_of(st.none(), st.floats(-1e6, 5e6)), max_size=40)),
        max_size=20,
    )
)
def test_no_feedback_breaks_the_estimate(told: list[tuple[int, list[float | None]]]) -> None:
    numbers, estimate, buffer, now = PythonNumbers(), SendEstimate(), PacketBuffer(), 100.0
    for base, came in told:
        now += 0.05
        for _ in range(20):
            buffer.view[:13] = BARE
            numbers.went(buffer.view, 13, 5, now)
        packets = []
        for place, at in enumerate(came):
            sent = numbers.take((base % 200 + place) & 0xFFFF, forget=at is not None)
            if sent is not None:
                packets.append(Packet(sent[0], at, sent[1]))
        assert 50_000 <= estimate.feedback(packets, now) <= 10_000_000
    assert MOST <= KEPT


@pytest.mark.parametrize("back", [0.0, 0.5], ids=["stands still", "goes back"])
def test_a_far_end_whose_clock_does_not_go_on_costs_no_memory(back: float) -> None:
    estimate = SendEstimate()
    for turn in range(200):
        told = [Packet(0.07 * turn + 0.001 * place, 500.0 - back * turn, 1000) for place in range(50)]
        estimate.feedback(told, 0.07 * turn)
    assert len(estimate._came) <= MEASURED


# --- simulated links

Rate = Callable[[float, float], float]


def through(
    rate: Rate, link: Callable[[float], float], seconds: float, *, loss: float = 0.0, jitter: float = 0.002
) -> list[tuple[float, float]]:
    """(second, estimate): 30 pictures a second of rate(second, estimate) bit/s go through a link of
    link(second) bit/s with a queue of 300 ms, and are told of every 75 ms."""
    dice, estimate = random.Random(1), SendEstimate()
    free = last = now = 0.0
    told_at, found = 0.1, []
    under_way: list[tuple[float, Packet]] = []  # told after that second
    while now < seconds:
        left = rate(now, estimate.bitrate or 800e3) / 8 / 30
        sent = now
        while left > 0:
            size = int(min(1200, max(left, 60)))
            left -= size
            free = max(free, sent)
            if free - sent > 0.3 or dice.random() < loss:
                under_way.append((sent + 0.1, Packet(sent, None, size)))
            else:
                free += 8 * size / link(sent)
                last = max(last, free + 0.02 + dice.uniform(0, jitter))
                under_way.append((last, Packet(sent, last + 1000, size)))
            sent += 0.0004
        now += 1 / 30
        if now >= told_at:
            told_at += 0.075
            ready = [packet for at, packet in under_way if at <= now]
            under_way = [each for each in under_way if each[0] > now]
            if ready:
                found.append((now, estimate.feedback(ready, now)))
    return found


def between(found: list[tuple[float, float]], begin: float, end: float) -> list[float]:
    return [bitrate for at, bitrate in found if begin <= at < end]


def adapts(now: float, estimate: float) -> float:
    """A sender that sends what it may."""
    return min(estimate, 2e6)


def test_an_estimate_follows_a_link_that_is_halved() -> None:
    found = through(adapts, lambda now: 1e6 if now < 15 else 5e5, 30)
    assert all(0.6e6 < each < 1.15e6 for each in between(found, 5, 15))
    assert max(between(found, 16, 30)) < 0.6e6, "it falls within a second"
    assert min(between(found, 16, 30)) > 0.25e6


def test_it_grows_again_where_the_link_does() -> None:
    found = through(adapts, lambda now: 5e5 if now < 10 else 2e6, 30)
    assert max(between(found, 5, 10)) < 0.6e6
    assert between(found, 25, 30)[-1] > 1e6


def test_a_queue_is_noticed_before_anything_is_lost() -> None:
    found = through(
        lambda now, estimate: 9e5 if now < 10.4 else 1e4, lambda now: 2e6 if now < 10 else 5e5, 10.4
    )
    assert found[-1][1] < 6e5


def test_a_wide_link_is_no_limit() -> None:
    for jitter in (0.002, 0.02):
        found = through(lambda now, estimate: 6e5, lambda now: 5e7, 30, jitter=jitter)
        assert min(between(found, 0, 30)) >= 6e5


def test_few_losses_are_no_congestion_and_many_are() -> None:
    few = through(lambda now, estimate: 6e5, lambda now: 5e7, 20, loss=0.03)
    many = through(adapts, lambda now: 5e7, 20, loss=0.25)
    assert min(between(few, 0, 20)) > 6e5
    assert between(many, 0, 20)[-1] < 3e5


def test_a_source_that_pauses_is_no_narrow_link() -> None:
    """While a viewer waits for the key frame of a smaller layer it is sent nothing."""

    def pauses(now: float, estimate: float) -> float:
        return 9e5 if now < 10 else 0 if now < 10.6 else 3e5

    found = through(pauses, lambda now: 1e6 if now < 9.7 else 5e5, 14)
    assert min(between(found, 10, 14)) > 2.5e5


def test_what_comes_without_trouble_is_carried() -> None:
    narrow = through(lambda now, estimate: 6e5 if now < 8 else 9e5, lambda now: 2e5 if now < 8 else 5e6, 14)
    assert max(between(narrow, 4, 8)) < 3e5
    assert between(narrow, 13, 14)[-1] > 8e5
