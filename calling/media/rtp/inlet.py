"""What a leg sends: streams by SSRC with their counters, and the sinks that get each packet.

An Inlet is one kind (audio, video) of one Port. Its packets stay in the reader's buffer; a sink that
wants to keep one copies it. Counters follow RFC 3550 appendix A; lost video is asked for again once per
source (RFC 4585), whoever watches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from calling.media.negotiation import Line
from calling.media.rtp.bitrate import BitrateLimit
from calling.media.rtp.digits import DigitListener
from calling.media.rtp.header import payload_end, payload_offset
from calling.media.sdp_model import AUDIO_LEVEL, Codec

if TYPE_CHECKING:
    from calling.media.aiortc_private import PacketBuffer
    from calling.media.rtp.wire import Wire

RING = 256  # packets kept per video source for those who lost one; a power of two
NACK_TRIES = 10
NACK_FIRST, NACK_MOST = 0.04, 0.2  # seconds until a lost packet is asked for again: 1.5 round trips
NACK_MAX = 128  # gaps followed at once; a longer one is a job for a key frame
KEY_EVERY = 1.0  # seconds between two requests for a key frame to one source

monotonic = time.monotonic


class Sink(Protocol):
    """Gets packets of a stream as they are, in the reader's buffer."""

    buffer: PacketBuffer  # used instead of the reader's when there are several sinks

    def relay(
        self,
        stream: Stream,
        buffer: PacketBuffer,
        size: int,
        mark: int,
        sequence: int,
        timestamp: int,
        now: float,
    ) -> None:
        """One decrypted packet of `size` bytes; mark: marker bit and payload type. May overwrite it."""

    def renew(self) -> None:
        """Packets were held back and come again."""


class Tap(Protocol):
    """Gets payloads: a recorder, a mixer, a collector. Must copy what it keeps."""

    def packet(
        self,
        payload: memoryview,
        codec: Codec,
        sequence: int,
        timestamp: int,
        marker: bool,
        level: int | None,
    ) -> None:
        """level: RFC 6464 audio level in -dBov (0 loud, 127 silent), None if the device does not send it."""


class Stream:
    """One SSRC that comes in."""

    __slots__ = (
        "asked", "base", "born", "clock", "cycles", "digits", "inlet", "jitter", "last_at", "last_ts",
        "octets", "packets", "prior_expected", "prior_received", "recovered", "ring", "sr_at", "sr_ntp",
        "sr_rtp", "ssrc", "top", "transit",
    )  # fmt: skip

    def __init__(self, ssrc: int, inlet: Inlet, sequence: int, clock: int) -> None:
        self.ssrc = ssrc
        self.inlet = inlet
        self.clock = clock
        self.top = (sequence - 1) & 0xFFFF  # highest sequence number seen
        self.base = sequence
        self.cycles = 0 if sequence else -65536
        self.born = monotonic()
        self.packets = self.octets = self.recovered = 0
        self.jitter = 0.0  # timestamp units
        self.transit = 0.0
        self.last_at = 0.0
        self.last_ts = 0
        self.prior_expected = self.prior_received = 0
        self.sr_ntp = self.sr_rtp = 0
        self.sr_at = 0.0
        self.asked: dict[int, tuple[int, float]] = {}
        self.digits: DigitListener | None = None  # made at the first event
        self.ring: list[tuple[int, bytes] | None] | None = [None] * RING if inlet.kind == "video" else None

    @property
    def expected(self) -> int:
        return self.cycles + self.top - self.base + 1

    @property
    def lost(self) -> int:
        return self.expected - self.packets

    def receive(self, buffer: PacketBuffer, size: int, mark: int, sequence: int, timestamp: int) -> None:
        """One authentic packet: count it and hand it to the sinks."""
        now = monotonic()
        inlet = self.inlet
        step = (sequence - self.top) & 0xFFFF
        if step < 0x8000:
            if sequence < self.top:
                self.cycles += 65536
            self.top = sequence
            if step > 1 and self.ring is not None:
                self._gap(sequence, step, now)
        elif self.asked and self.asked.pop(sequence, None) is not None:
            self.recovered += 1
        self.packets += 1
        self.octets += size
        transit = now * self.clock - timestamp
        change = transit - self.transit
        self.transit = transit
        if change < 0:
            change = -change
        if change < self.clock:  # a jump of over a second is a new timeline, not jitter
            self.jitter += (change - self.jitter) * 0.0625
        self.last_at = now
        self.last_ts = timestamp
        if self.ring is not None:
            self.ring[sequence & (RING - 1)] = (sequence, bytes(buffer.view[:size]))
        if mark & 0x7F in inlet.event_clocks:
            inlet.event(self, buffer.view, size, mark, timestamp)
        if inlet.muted:
            return
        if inlet.taps:
            inlet.tap_packet(buffer.view, size, mark, sequence, timestamp)
        sinks = inlet.sinks
        if len(sinks) == 1:
            sinks[0].relay(self, buffer, size, mark, sequence, timestamp, now)
        elif sinks:
            data = bytes(buffer.view[:size])
            for sink in sinks:
                sink.buffer.view[:size] = data
                sink.relay(self, sink.buffer, size, mark, sequence, timestamp, now)

    def kept(self, sequence: int) -> bytes | None:
        """The packet with that number if it is still in the ring."""
        entry = self.ring[sequence & (RING - 1)] if self.ring is not None else None
        return entry[1] if entry is not None and entry[0] == sequence else None

    def _gap(self, sequence: int, step: int, now: float) -> None:
        if not self.inlet.nacks:
            return
        if step > NACK_MAX:
            self.asked.clear()
            self.inlet.request_key()
            return
        for back in range(1, step):
            self.asked[(sequence - back) & 0xFFFF] = (0, 0.0)
        while len(self.asked) > NACK_MAX:
            self.asked.pop(next(iter(self.asked)))
        self.inlet.ask_again(self, now)

    def due(self, now: float) -> list[int]:
        """Sequence numbers to ask for now; gives up after a few tries."""
        wanted: list[int] = []
        pause = min(NACK_MOST, max(NACK_FIRST, 1.5 * self.inlet.trip()))
        for sequence, (tries, at) in list(self.asked.items()):
            if tries >= NACK_TRIES or (self.top - sequence) & 0xFFFF > RING:
                del self.asked[sequence]
            elif now - at >= pause:
                self.asked[sequence] = (tries + 1, now)
                wanted.append(sequence)
        return wanted


class Inlet:
    """One kind of media that comes in from one leg."""

    def __init__(self, kind: str, on_digit: Callable[[str, int], None] | None = None) -> None:
        self.kind = kind
        self.muted = False
        self.sinks: tuple[Sink, ...] = ()
        self.taps: tuple[Tap, ...] = ()
        self.line: Line | None = None
        self.transport: Wire | None = None
        self.streams: dict[int, Stream] = {}
        self.event_clocks: dict[int, int] = {}
        self.level_id = 0
        self.nacks = False
        self.serial = 0  # grows with each agreed line, so that outlets forget their maps
        self.bitrate_limits: dict[object, tuple[int, float]] = {}  # sink -> (REMB, when)
        self.limit = BitrateLimit()
        self.counted = (0, 0, 0)  # octets, expected, packets at the last report
        self.watched = 0  # packets at the last beat
        self._codecs: dict[int, Codec] = {}
        self._key_at = 0.0
        self._on_digit = on_digit
        self.digit_taps: tuple[Callable[[str, int], None], ...] = ()

    def source(self, kind: str) -> Inlet | None:
        """Sources are asked for the kind they give; see Port.hears."""
        return self if kind == self.kind else None

    def bind(self, line: Line | None, transport: Wire | None) -> None:
        """Take the agreed line (None: this kind is not spoken)."""
        if transport is not self.transport:
            self.streams = {}  # another association: its numbers begin anew
            self.counted = (0, 0, 0)
        self.line, self.transport = line, transport
        self.serial += 1
        self._codecs = {codec.pt: codec for codec in line.codecs} if line else {}
        self.event_clocks = {pt: clock for clock, pt in line.events.items()} if line else {}
        self.level_id = line.extensions.get(AUDIO_LEVEL, 0) if line else 0
        self.nacks = bool(line) and any("nack" in codec.feedback for codec in line.codecs) if line else False

    def codec(self, pt: int) -> Codec | None:
        return self._codecs.get(pt)

    def stream(self, ssrc: int, sequence: int, pt: int) -> Stream:
        """The stream of that SSRC, made at its first packet."""
        found = self.streams.get(ssrc)
        if found is None:
            codec = self._codecs.get(pt)
            clock = codec.clock if codec else self.event_clocks.get(pt, 48000)
            found = self.streams[ssrc] = Stream(ssrc, self, sequence, clock)
        return found

    def current(self) -> Stream | None:
        """The stream that sent last."""
        return max(self.streams.values(), key=lambda stream: stream.last_at, default=None)

    # --- who gets it

    def attach(self, sink: Sink) -> None:
        if sink not in self.sinks:
            self.sinks = (*self.sinks, sink)
        if self.kind == "video":
            self.request_key()

    def detach(self, sink: Sink) -> None:
        self.sinks = tuple(one for one in self.sinks if one is not sink)
        self.bitrate_limits.pop(sink, None)

    def tap(self, tap: Tap) -> None:
        self.taps = (*(one for one in self.taps if one is not tap), tap)

    def untap(self, tap: Tap) -> None:
        self.taps = tuple(one for one in self.taps if one is not tap)

    def mute(self, muted: bool) -> None:
        """Forward nothing while muted; digits are still noticed."""
        if self.muted and not muted:
            for sink in self.sinks:
                sink.renew()
            if self.kind == "video":
                self.request_key()
        self.muted = muted

    def tap_packet(self, view: memoryview, size: int, mark: int, sequence: int, timestamp: int) -> None:
        codec = self._codecs.get(mark & 0x7F)
        at = payload_offset(view, size)
        if codec is None or at is None:
            return
        payload = view[at : payload_end(view, size)]
        level = audio_level(view, size, self.level_id)
        for tap in self.taps:
            tap.packet(payload, codec, sequence, timestamp, mark > 127, level)

    # --- digits

    def event(self, stream: Stream, view: memoryview, size: int, mark: int, timestamp: int) -> None:
        """A telephone-event. Each stream has a listener: their timestamps have nothing in common."""
        at = payload_offset(view, size)
        if at is not None and payload_end(view, size) - at >= 4:
            listener = stream.digits = stream.digits or DigitListener(self._digit)
            listener.packet(view[at : at + 4], timestamp, self.event_clocks[mark & 0x7F])

    def _digit(self, digit: str, duration_ms: int) -> None:
        if self._on_digit is not None:
            self._on_digit(digit, duration_ms)
        for tap in self.digit_taps:
            tap(digit, duration_ms)
        if not self.muted:
            for sink in self.sinks:
                replay = getattr(sink, "replay_digit", None)
                if replay is not None:
                    replay(self, digit, duration_ms)

    # --- feedback to the device

    def trip(self) -> float:
        """The round trip to the device in seconds, 0 while it is not known."""
        return self.transport.trip() if self.transport is not None else 0.0

    def request_key(self) -> None:
        """Ask the source for a key frame, at most once a second."""
        now = monotonic()
        stream = self.current()
        if self.transport is None or self.line is None or stream is None or now - self._key_at < KEY_EVERY:
            return
        self._key_at = now
        self.transport.request_key(self.line, stream.ssrc)

    def ask_again(self, stream: Stream, now: float) -> None:
        if self.transport is not None and self.line is not None:
            self.transport.ask_again(self.line, stream, now)

    def beat(self) -> None:
        for stream in self.streams.values():
            if stream.digits is not None:
                stream.digits.expire()


def audio_level(view: memoryview, size: int, number: int) -> int | None:
    """RFC 6464 level of a packet in -dBov, None without the extension. Fast for the usual first place."""
    if not number or not view[0] & 0x10:
        return None
    at = 12 + 4 * (view[0] & 15)
    if at + 6 <= size and view[at] == 0xBE and view[at + 4] == number << 4:
        return view[at + 5] & 0x7F
    from calling.media.rtp.header import extension

    found = extension(view, size, number)
    return found[0] & 0x7F if found else None
