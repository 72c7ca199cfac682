"""What the forwarding loop (calling/media/loop) does with a packet is what Python does with it, to the byte:
the same packets out and the same numbers kept, whatever comes in and whoever handles which of them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.loop import forwarder
from calling.media.loop.native import Library, LoopNumbers, library
from calling.media.rtp.header import FIELDS
from calling.media.rtp.receive_stream import RtpReceiveStream
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.red import written
from calling.media.rtp.sender import RtpSender
from calling.media.rtp.transport import RtpTransport
from calling.media.rtp.wide_numbers import KEPT, PythonNumbers, WideNumbers
from calling.sdp.model import AUDIO_LEVEL, MID, TRANSPORT_WIDE, Codec
from calling.sdp.negotiation import Transceiver

OPUS, RED, PCMU, EVENT, NOISE, VP8, RTX = 111, 63, 0, 110, 13, 96, 97
SSRC = 0x11223344


class Wire(RtpTransport):
    """A far end without encryption: what is sent to it is kept."""

    def __init__(self) -> None:  # without a leg: nothing here asks for one
        self.tx: object = "plain"
        self.forwarder = None
        self.flows = set()
        self.protect = lambda session, data, length: 0
        self.sent: list[bytes] = []
        self.wide = None
        self.port = cast(Any, SimpleNamespace(hears_no_events=False, send_digits=lambda digits: False))

    def send(self, data: memoryview | bytes) -> None:
        self.sent.append(bytes(data))


def line(ssrc: int, *, red: bool, shift: int, extensions: dict[str, int], mid: str | None) -> Transceiver:
    """shift: by how much payload types differ from those above."""
    return Transceiver(
        "audio", 0, mid, True, True,
        codecs=[Codec("opus", 48000, 2, OPUS - shift), Codec("PCMU", 8000, 1, PCMU)],
        events={48000: EVENT - shift}, red={OPUS - shift: RED - shift} if red else {},
        extensions=extensions, ssrc=ssrc,
    )  # fmt: skip


def picture(ssrc: int, *, red: bool, shift: int, extensions: dict[str, int], mid: str | None) -> Transceiver:
    return Transceiver(
        "video", 0, mid, True, True, codecs=[Codec("VP8", 90000, 1, VP8 - shift, feedback=("nack",))],
        rtx={VP8 - shift: RTX - shift}, extensions=extensions, ssrc=ssrc,
    )  # fmt: skip


class Way(NamedTuple):
    """What two legs have agreed on."""

    red: bool
    shift: int
    come: dict[str, int]
    go: dict[str, int]
    mid: str | None
    video: bool


class Pair:
    """A stream of one leg and the sender that it is relayed to."""

    def __init__(self, way: Way, sequence: int, numbers: WideNumbers | None = None) -> None:
        """numbers: the transport-wide ones of the listener."""
        kind = "video" if way.video else "audio"
        self.receiver, self.sender, self.wire = RtpReceiver(kind), RtpSender(kind), Wire()
        if numbers is not None:
            self.wire.wide = cast(Any, SimpleNamespace(numbers=numbers))
        agreed = picture if way.video else line
        self.receiver.bind(agreed(1, red=way.red, shift=0, extensions=way.come, mid="0"), None)
        self.sender.bind(
            agreed(SSRC + 1, red=False, shift=way.shift, extensions=way.go, mid=way.mid),
            cast(RtpTransport, self.wire),
        )
        sent = self.sender.outgoing
        sent.last_seq, sent.last_ts = 65530, 0xFFFFFF00
        self.sender.attach_source(self.receiver)
        self.stream: RtpReceiveStream = self.receiver.stream(SSRC, sequence, VP8 if way.video else OPUS)
        self.buffer = PacketBuffer()

    def python(self, packet: bytes) -> None:
        size = len(packet)
        self.buffer.view[:size] = packet
        mark, sequence, timestamp, _ = FIELDS.unpack_from(packet, 1)
        self.stream.receive(self.buffer, size, mark, sequence, timestamp)

    def loop(self, library: Library, packet: bytes, now: float) -> bool:
        """Let the loop handle it, if it may; whether it did."""
        flow, lent = library.ffi.new("struct media_flow *"), library.ffi.new("struct media_sender *")
        pts = self.sender.lend(self.stream, lent)
        if pts is None:
            return False
        if not self.stream.lend(flow):
            return False
        forwarder._mark_kinds(flow, self.stream, self.receiver.formats.intersection(pts))
        size, view = len(packet), self.buffer.view
        view[:size] = packet
        if not library.lib.media_knows(flow, library.ffi.cast("uint8_t *", self.buffer.c), size):
            return False
        data = library.ffi.cast("uint8_t *", self.buffer.c)
        size = library.lib.media_arrive(flow, data, size, now, library.ffi.new("uint8_t *"))
        size = library.lib.media_depart(lent, data, size, len(view), now)
        self.stream.restore(flow)
        self.sender.restore(lent)
        if size:
            self.wire.send(view[:size])
        return True

    def numbers(self) -> tuple[Any, ...]:
        stream, sent, rewriter = self.stream, self.sender.outgoing, self.sender.rewriter
        return (
            stream.top, stream.cycles, stream.packets, stream.octets, stream.jitter, stream.transit,
            stream.last_at, stream.last_ts, stream.recovered, stream.pt, stream.clock,
            stream.arrivals.state if stream.arrivals is not None else None,
            sent.packets, sent.octets, sent.last_seq, sent.last_ts, sent.last_at, rewriter.seq_off,
            rewriter.ts_off, rewriter.guard, dict(stream.missing),
        )  # fmt: skip


@pytest.fixture(scope="module")
def native() -> Library:
    found = library()
    if found is None:
        pytest.skip("there is no C compiler here")
    return found


numbers = st.integers(1, 14)
uris = st.sampled_from([AUDIO_LEVEL, MID, TRANSPORT_WIDE, "urn:example:other"])
extensions = st.dictionaries(uris, numbers, max_size=3)
ways = st.builds(
    Way,
    st.booleans(),
    st.sampled_from([0, 5]),
    extensions,
    extensions,
    st.sampled_from([None, "0", "sound"]),
    st.booleans(),
)
elements = st.one_of(
    st.binary(max_size=24),
    st.builds(
        lambda number, data: bytes([number << 4 | len(data) - 1]) + data,
        numbers,
        st.binary(min_size=1, max_size=16),
    ),
)
blocks = st.one_of(
    st.none(),
    st.tuples(st.sampled_from([b"\xbe\xde", b"\x10\x00"]), elements),
    st.tuples(st.just(b"\xbe\xde"), st.lists(elements, max_size=3).map(b"".join)),
)


@st.composite
def packets(draw: st.DrawFn) -> Callable[[int, int], bytes]:
    """One packet by its place in the stream: nearly always as devices send it."""
    kind = draw(st.sampled_from([OPUS] * 6 + [RED] * 6 + [PCMU, EVENT, NOISE, 98]))
    mark = kind | draw(st.sampled_from([0, 0, 0, 128]))
    block, sound = draw(blocks), draw(st.binary(min_size=1, max_size=60))
    padding, sources = draw(st.sampled_from([0] * 8 + [1, 4, 255])), draw(st.sampled_from([0] * 8 + [1, 15]))
    broken = draw(st.sampled_from([False] * 12 + [True]))
    wrong_words = draw(st.sampled_from([0] * 12 + [1, 300]))
    step, late = (
        draw(st.sampled_from([1] * 40 + [2, 3, 70, 2999, 3000])),
        draw(st.sampled_from([0] * 40 + [1, 3])),
    )
    past = draw(st.lists(st.tuples(st.integers(1, 3), st.binary(max_size=20)), max_size=2))
    inner = draw(st.sampled_from([OPUS] * 8 + [PCMU, EVENT, RED]))

    def build(sequence: int, timestamp: int, video: bool) -> bytes:
        body = sound
        if video:
            nonlocal mark
            mark = VP8 | mark & 0x80
            body = b"\x10\x00" + sound  # the beginning of a key frame
        elif kind == RED:
            aged = sorted(((960 * age, data) for age, data in past), reverse=True)
            body = written(inner, sound, aged)
            if broken:
                body = body[: len(body) // 2] or b"\x80"
        head = bytes([0x80 | (0x10 if block else 0) | (0x20 if padding else 0) | sources, mark])
        head += FIELDS.pack(0, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, SSRC)[1:]
        head += bytes(4 * sources)
        if block is not None:
            profile, data = block
            data = data.ljust(-(-len(data) // 4) * 4, b"\0")
            head += profile + (len(data) // 4 + wrong_words).to_bytes(2, "big") + data
        tail = bytes(min(padding, 8) - 1) + bytes([padding]) if padding else b""
        return head + body + tail

    build.step, build.late = step, late  # type: ignore[attr-defined]
    return build


def steady(sequence: int, timestamp: int, video: bool) -> bytes:
    """A packet as any stream begins."""
    body = b"\x10\x00picture" if video else written(OPUS, b"sound", [(960, b"before")])
    head = FIELDS.pack(VP8 if video else RED, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, SSRC)
    return b"\x80" + head + body


steady.step, steady.late = 1, 0  # type: ignore[attr-defined]


@given(way=ways, begun=st.sampled_from([0, 100, 65500]), sent=st.lists(packets(), min_size=1, max_size=60))
def test_the_same_packets_go_out_and_the_same_numbers_stay(
    native: Library, way: Way, begun: int, sent: list[Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        now = [1000.0]
        patch.setattr("calling.media.rtp.receive_stream.monotonic", lambda: now[0])
        patch.setattr("calling.media.rtp.receiver.monotonic", lambda: now[0])
        patch.setattr("calling.media.rtp.sender.monotonic", lambda: now[0])
        count, counts = PythonNumbers(), LoopNumbers(native)
        one, other = Pair(way, begun, count), Pair(way, begun, counts)
        number = begun - 1
        for place, build in enumerate([*[steady] * 10, *sent]):
            now[0] += 0.02 + 0.001 * (place % 3)
            number += build.step
            packet = build(number - build.late, 960 * (number - build.late), way.video)
            one.python(packet)
            if not other.loop(native, packet, now[0]):
                other.python(packet)
            assert other.wire.sent == one.wire.sent
            assert other.numbers() == one.numbers()
        for number in range(KEPT):
            sent, known = counts.take(number, forget=False), count.take(number, forget=False)
            assert (sent and (round(sent[0], 4), sent[1])) == (known and (round(known[0], 4), known[1]))


@pytest.mark.parametrize("way", [
    Way(False, 5, {AUDIO_LEVEL: 1}, {AUDIO_LEVEL: 3}, "0", False),
    Way(True, 0, {}, {}, None, False),
    Way(False, 5, {}, {}, "0", True),
])  # fmt: skip
def test_a_steady_stream_is_the_loops_once_it_has_begun(native: Library, way: Way) -> None:
    pair, pt = Pair(way, 1), VP8 if way.video else RED if way.red else OPUS
    body = b"\x10\x00picture" if way.video else b"sound"
    if way.red:
        body = written(OPUS, body, [(960, b"before")])
    handled = []
    for number in range(1, 101):
        fields = FIELDS.pack(pt, number, 960 * number, SSRC)
        packet = b"\x80" + fields + body
        if pair.loop(native, packet, 0.02 * number):
            handled.append(number)
        else:
            pair.python(packet)
    assert handled == list(range(handled[0], 101)) and handled[0] <= 10
    assert len(pair.wire.sent) == 100
    assert all(sent.endswith(b"picture" if way.video else b"sound") for sent in pair.wire.sent)


@given(
    mid=st.sampled_from([None, "0", "sound"]),
    sent=st.lists(
        st.tuples(st.binary(max_size=1600), st.sampled_from([0.02] * 8 + [0.9, 1.1, 40.0])),
        min_size=1, max_size=30,
    ),
)  # fmt: skip
def test_pushed_payloads_become_the_same_packets(
    native: Library, mid: str | None, sent: list[tuple[bytes, float]]
) -> None:
    way = Way(False, 0, {}, {MID: 3}, mid, False)
    with pytest.MonkeyPatch.context() as patch:
        now = [1000.0]
        patch.setattr("calling.media.rtp.sender.monotonic", lambda: now[0])
        one, other, feeder = Pair(way, 0), Pair(way, 0), object()
        for place, (payload, pause) in enumerate([(b"begin", 0.02), *sent]):
            now[0] += pause
            one.sender.push(feeder, payload, OPUS, 960)
            lent = native.ffi.new("struct media_sender *")
            if place == 0 or not other.sender.lend_pushes(OPUS, lent):
                assert place == 0
                other.sender.push(feeder, payload, OPUS, 960)
                continue
            data, view = native.ffi.cast("uint8_t *", other.buffer.c), other.buffer.view
            into = native.ffi.from_buffer("uint8_t[]", payload)
            size = native.lib.media_make(lent, data, len(view), into, len(payload), 960, now[0])
            other.sender.restore(lent)
            other.wire.send(view[:size])
            assert other.wire.sent == one.wire.sent
            assert (
                other.numbers() == one.numbers() and other.sender._next_ts == one.sender._next_ts & 0xFFFFFFFF
            )


class Room:
    """A tap that takes its packets later."""

    def __init__(self) -> None:
        self.rests: set[Any] = set()
        self.keeps, self.by_level = 16, True
        self.wants, self.takes_later = 3, True
        self.levels: list[int | None] = []

    def packet(self, *packet: Any) -> None:
        self.levels.append(packet[-1])

    def kept(self, *packet: Any) -> None:
        raise AssertionError("nothing is kept here")


@given(loud=st.lists(st.integers(0, 127), min_size=1, max_size=20), number=st.integers(1, 14))
def test_the_loudest_level_is_noted(native: Library, loud: list[int], number: int) -> None:
    pair, room = Pair(Way(False, 0, {AUDIO_LEVEL: number}, {}, None, False), 1), Room()
    pair.sender.attach_source(None)
    pair.receiver.tap_later(room)
    flow, level = native.ffi.new("struct media_flow *"), native.ffi.new("uint8_t *", 255)
    assert pair.receiver.only_relays and pair.stream.lend(flow)
    pair.stream.pt = OPUS  # as a stream that has begun
    forwarder._mark_kinds(flow, pair.stream, pair.receiver.formats)
    for at, value in enumerate(loud, 1):
        head = b"\x90" + FIELDS.pack(OPUS, at, 960 * at, SSRC)
        packet = head + bytes((0xBE, 0xDE, 0, 1, number << 4, 0x80 | value, 0, 0)) + b"sound"
        pair.buffer.view[: len(packet)] = packet
        data = native.ffi.cast("uint8_t *", pair.buffer.c)
        assert native.lib.media_knows(flow, data, len(packet))
        assert native.lib.media_arrive(flow, data, len(packet), 1.0, level) == len(packet)
        assert level[0] == min(loud[:at])
        pair.python(packet)
    assert room.levels == loud
    assert not native.lib.media_knows(flow, data, 13), "who tells no level any more is heard to know it"


@given(seen=st.lists(st.one_of(st.integers(0, 0xFFFF), st.none()), min_size=1, max_size=40))
def test_what_has_come_is_noted_with_its_time(native: Library, seen: list[int | None]) -> None:
    pair, numbers = Pair(Way(False, 0, {TRANSPORT_WIDE: 5}, {}, None, True), 1), LoopNumbers(native)
    flow, level = native.ffi.new("struct media_flow *"), native.ffi.new("uint8_t *", 255)
    assert pair.stream.lend(flow)
    flow.wide, flow.wide_id = numbers.memory, 5
    for at, number in enumerate(seen, 1):
        added = b"\x51" + number.to_bytes(2, "big") if number is not None else b"\x50\x01\x00"
        packet = b"\x90" + FIELDS.pack(VP8, at, 960 * at, SSRC) + b"\xbe\xde\x00\x01" + added + b"\0picture"
        pair.buffer.view[: len(packet)] = packet
        data = native.ffi.cast("uint8_t *", pair.buffer.c)
        assert native.lib.media_arrive(flow, data, len(packet), 100 + 0.5 * at, level) == len(packet)
    noted = [(number, round(when, 4)) for number, when in numbers.came()]
    assert noted == [(number, 100 + 0.5 * at) for at, number in enumerate(seen, 1) if number is not None]
    assert numbers.came() == []
