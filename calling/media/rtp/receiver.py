"""What a leg sends: streams by SSRC with their counters, and the sinks that get each packet.

An RtpReceiver is one kind (audio, video) of one MediaPort. Its packets stay in the reader's buffer; a sink
that wants to keep one copies it. Counters follow RFC 3550 appendix A; lost video is asked for again once per
source (RFC 4585), whoever watches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import clock
from calling.media.codecs.opus import opus_samples
from calling.media.codecs.order import AHEAD, Order, Restarts
from calling.media.rtp.bitrate import BitrateLimit
from calling.media.rtp.header import FIELDS, FIELDS_AT, payload_end, payload_offset, vp8_width
from calling.media.rtp.lent import Lent
from calling.media.rtp.red import Arrivals, blocks, primary
from calling.media.rtp.simulcast import Layer, Simulcast
from calling.media.rtp.telephone_event import DigitListener
from calling.sdp.model import AUDIO_LEVEL, Codec
from calling.sdp.negotiation import Transceiver

if TYPE_CHECKING:
    from calling.media.aiortc_private import PacketBuffer

RING = 256  # packets kept per video source for those who lost one; a power of two
NACK_TRIES = 10
NACK_FIRST, NACK_MOST = 0.04, 0.2  # seconds until a lost packet is asked for again: 1.5 round trips
NACK_MAX = 128  # gaps followed at once; a longer one is a job for a key frame
COMFORT_NOISE = 13  # RFC 3389; passed over, but it says that its sender pauses
PAUSED = 5  # packets a second: fewer is a pause between words
RIDS = 64  # SSRCs whose layer is remembered; a device may bring new ones for ever
STEADY = 10  # packets handed on between two offers to do so without Python
KEY_EVERY = 1.0  # seconds between two requests for a key frame to one source

monotonic = clock.monotonic


class Sink(Protocol):
    """Gets packets of a stream as they are, in the reader's buffer."""

    buffer: PacketBuffer  # used instead of the reader's when there are several sinks

    def relay(
        self,
        stream: RtpReceiveStream,
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

    def layers_changed(self, now: float) -> None:
        """Other layers of the source's picture come than before."""


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


class LaterTap(Tap, Protocol):
    """A tap that takes packets when it wants them: a little later does as well."""

    def add_keeper(self, keeper: Rested) -> None:
        """That stream's packets are kept for it from now on."""

    def drop_keeper(self, keeper: Rested) -> None:
        """They come at once again."""

    @property
    def keeps(self) -> int:
        """How many packets are to be kept for it, a power of two."""

    @property
    def wants(self) -> int:
        """How many of the last packets it would take now."""

    @property
    def takes_later(self) -> bool:
        """Whether packets may be kept for it now."""

    @property
    def by_level(self) -> bool:
        """Whether it must be told how loud they are before it takes them."""

    def kept(self, payload: memoryview, codec: Codec, sequence: int, level: int | None, at: float) -> None:
        """One packet of those that were kept; at: when it came. Other taps may have asked for it."""


class Filter(Protocol):
    """Gets each packet before the taps and sinks do, and may hand it to `deliver` later, and changed."""

    def take(
        self,
        stream: RtpReceiveStream,
        view: memoryview,
        size: int,
        mark: int,
        sequence: int,
        timestamp: int,
        now: float,
    ) -> bool:
        """Whether it keeps the packet; must copy what it keeps. False: it goes on at once."""

    def renew(self) -> None:
        """Packets were held back and come again."""


class Forwarded(Protocol):
    """One stream that is forwarded to its sinks without Python, or what is pushed to one sink so
    (calling/media/loop).

    The numbers of all of them are not theirs meanwhile: they are as they were at the last `sync`.
    """

    number: int
    feed: Feed | None  # what is pushed

    def sync(self) -> None:
        """Write the numbers of now to the stream and the sinks."""

    def recall(self) -> None:
        """The same, and from now on each packet comes through Python."""

    def kept(self, sequence: int) -> bytes | None:
        """The packet of a picture with that number, if it was forwarded so and is still there."""


class Rested(Forwarded, Protocol):
    """One whose levels are noted and whose last packets are kept."""

    def level(self) -> int | None:
        """The loudest since the last call, None where nothing came."""

    def drain(self) -> None:
        """Hand the packets that were kept since the last call to the taps, as many as one of them wants."""


class Feed(NamedTuple):
    """What is pushed to a sender: all of one feeder with the same feed get the same payloads."""

    forwarder: Offers
    codec: str  # its name in lower case
    step: int  # clock units of each payload


class Offers(Protocol):
    """What may handle packets in place of Python (calling/media/loop)."""

    def offer(self, stream: RtpReceiveStream) -> None:
        """Python handles a stream, and has done so for some packets: take it over, if that can be."""

    def offer_pushes(self, sender: Sink, pt: int, feed: Feed) -> None:
        """The same of a sender to which that is pushed."""

    def push(self, numbers: list[int], payload: bytes, step: int) -> None:
        """Push a payload to all of these, by the numbers of what was taken over."""


class Feedback(Protocol):
    """What goes back to the device that sends: its transport."""

    forwarder: Offers | None  # who may take over what comes from there

    def rtt(self) -> float:
        """The round trip to the device in seconds, 0 while it is not known."""

    def request_keyframe(self, line: Transceiver, ssrc: int) -> None:
        """Ask for a key frame of this SSRC, where the line's codecs have a way to."""

    def send_nack(self, line: Transceiver, stream: RtpReceiveStream, now: float) -> None:
        """Ask for the packets that this stream misses."""


class RtpReceiveStream:
    """One SSRC that comes in."""

    __slots__ = (
        "arrivals", "base", "born", "clock", "cycles", "digits", "flow", "inlet", "jitter", "last_at",
        "last_ts", "layer", "missing", "octets", "packets", "prior_expected", "prior_received", "recovered",
        "restarts", "ring", "sr_at", "sr_ntp", "sr_rtp", "ssrc", "steady", "top", "transit",
    )  # fmt: skip

    def __init__(self, ssrc: int, inlet: RtpReceiver, sequence: int, clock: int) -> None:
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
        self.missing: dict[int, tuple[int, float]] = {}
        self.restarts: Restarts | None = None  # made at the first packet outside the order
        self.digits: DigitListener | None = None  # made at the first event
        self.arrivals: Arrivals | None = None  # made at the first redundant packet
        self.flow: Forwarded | None = None  # while it is forwarded without Python
        self.steady = 0  # packets since it was last offered
        self.layer: Layer[Sink] | None = None  # which layer of a simulcast picture it is
        self.ring: list[tuple[int, bytes] | None] | None = [None] * RING if inlet.kind == "video" else None

    @property
    def expected(self) -> int:
        return self.cycles + self.top - self.base + 1

    @property
    def lost(self) -> int:
        return self.expected - self.packets

    def receive(self, buffer: PacketBuffer, size: int, mark: int, sequence: int, timestamp: int) -> None:
        """One authentic packet: count it and hand it to the sinks."""
        if self.flow is not None:
            self.flow.recall()
        now = monotonic()
        inlet = self.inlet
        step = (sequence - self.top) & 0xFFFF
        if step < AHEAD:
            if sequence < self.top:
                self.cycles += 65536
            self.top = sequence
            if step > 1 and self.ring is not None:
                self._gap(sequence, step, now)
        elif self.missing and self.missing.pop(sequence, None) is not None:
            self.recovered += 1
        elif not self._out_of_order(sequence, step):
            return
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
        if mark & 0x7F in inlet.noticed:
            if mark & 0x7F in inlet.redundant:
                self._unwrap(buffer, size, mark, sequence, timestamp, now)
                return
            inlet.event(self, buffer.view, size, mark, timestamp)
        if self.arrivals is not None and not self.arrivals.is_new(sequence):
            return  # a block brought it already
        inlet.deliver(self, buffer, size, mark, sequence, timestamp, now)

    def _unwrap(
        self, buffer: PacketBuffer, size: int, mark: int, sequence: int, timestamp: int, now: float
    ) -> None:
        """Hand on what a redundant packet carries: lost packets that its blocks bring, then itself."""
        view, inlet = buffer.view, self.inlet
        at = payload_offset(view, size)
        came = self.arrivals
        if came is not None and at is not None and came.is_next(sequence):
            if view[0] & 0x20:
                size = payload_end(view, size)
                view[0] &= 0xDF
            pt, first = primary(view, at, size)
            if pt in inlet.carried:
                end = at + size - first
                view[at:end] = view[first:size].tobytes()
                inlet.deliver(self, buffer, end, mark & 0x80 | pt, sequence, timestamp, now)
            return
        found = blocks(view[at : payload_end(view, size)]) if at is not None else None
        if found is None or at is None or any(block.pt not in inlet.carried for block in found):
            return
        came = self.arrivals = self.arrivals or Arrivals()
        data = bytes(view[:size])
        for age, block in came.fresh(found, sequence, opus_samples(data[at + found[-1].start :])):
            number, stamp = (sequence - age) & 0xFFFF, (timestamp - block.offset) & 0xFFFFFFFF
            own = block.pt | (0 if age else mark & 0x80)
            end = at + block.end - block.start
            view[:at] = data[:at]
            view[0] &= 0xDF  # the padding was behind the blocks
            view[at:end] = data[at + block.start : at + block.end]
            FIELDS.pack_into(view, FIELDS_AT, own, number, stamp, self.ssrc)
            self.recovered += age > 0
            inlet.deliver(self, buffer, end, own, number, stamp, now)

    def _out_of_order(self, sequence: int, step: int) -> bool:
        """Whether a late packet, or one after a jump, is to be used."""
        restarts = self.restarts = self.restarts or Restarts()
        found = restarts.judge(step, sequence, self.packets)
        if found is Order.RESTART:
            self.inlet.renew()
            self.base = sequence - self.expected  # what was expected and lost until now stays counted
            self.cycles, self.top = 0, sequence
            self.arrivals = None
            self.missing.clear()
            if self.ring is not None:
                self.ring = [None] * RING
        return found is not Order.SUSPECT

    def keep(self, packets: list[tuple[int, bytes]]) -> None:
        """Take packets into the ring that the forwarding loop had in its own."""
        if self.ring is not None:
            for packet in packets:
                self.ring[packet[0] & (RING - 1)] = packet

    def lend(self, flow: Lent) -> bool:
        """Write our numbers into `flow` (struct media_flow, calling/media/loop); whether that may be: of a
        picture nothing is missing."""
        flow.ssrc, flow.clock, flow.top, flow.cycles = self.ssrc, self.clock, self.top, self.cycles
        flow.packets, flow.octets = self.packets, self.octets
        flow.jitter, flow.transit, flow.last_at, flow.last_ts = (
            self.jitter, self.transit, self.last_at, self.last_ts,
        )  # fmt: skip
        flow.picture, later = self.ring is not None, self.inlet.later
        flow.keeps = RING if self.ring is not None else max((tap.keeps for tap in later), default=0)
        flow.level_id = self.inlet.level_id if any(tap.by_level for tap in later) else 0
        flow.arrivals = self.arrivals is not None
        if self.arrivals is not None:
            flow.arrivals_top, flow.seen = self.arrivals.state
        return not self.missing

    def restore(self, flow: Lent) -> None:
        """Take the numbers of `flow`."""
        self.top, self.cycles, self.packets, self.octets = flow.top, flow.cycles, flow.packets, flow.octets
        self.jitter, self.transit, self.last_at, self.last_ts = (
            flow.jitter, flow.transit, flow.last_at, flow.last_ts,
        )  # fmt: skip
        if self.arrivals is not None:
            self.arrivals.state = flow.arrivals_top, flow.seen

    def kept(self, sequence: int) -> bytes | None:
        """The packet with that number if it is still in the ring."""
        found = self.flow.kept(sequence) if self.flow is not None else None
        if found is not None:
            return found
        entry = self.ring[sequence & (RING - 1)] if self.ring is not None else None
        return entry[1] if entry is not None and entry[0] == sequence else None

    def _gap(self, sequence: int, step: int, now: float) -> None:
        if not self.inlet.nacks or (self.layer is not None and not self.layer.viewers):
            return
        if step > NACK_MAX:
            self.missing.clear()
            self.inlet.request_keyframe(self)
            return
        for back in range(1, step):
            self.missing[(sequence - back) & 0xFFFF] = (0, 0.0)
        while len(self.missing) > NACK_MAX:
            self.missing.pop(next(iter(self.missing)))
        self.inlet.send_nack(self, now)

    def nacks_due(self, now: float) -> list[int]:
        """Sequence numbers to ask for now; gives up after a few tries."""
        wanted: list[int] = []
        pause = min(NACK_MOST, max(NACK_FIRST, 1.5 * self.inlet.rtt()))
        for sequence, (tries, at) in list(self.missing.items()):
            if tries >= NACK_TRIES or (self.top - sequence) & 0xFFFF > RING:
                del self.missing[sequence]
            elif now - at >= pause:
                self.missing[sequence] = (tries + 1, now)
                wanted.append(sequence)
        return wanted


class RtpReceiver:
    """One kind of media that comes in from one leg."""

    def __init__(self, kind: str, on_digit: Callable[[str, int], None] | None = None) -> None:
        self.kind = kind
        self.muted = False
        self.sinks: tuple[Sink, ...] = ()
        self.taps: tuple[Tap, ...] = ()
        self.later: tuple[LaterTap, ...] = ()  # those of them for which packets may be kept
        self.filter: Filter | None = None
        self.line: Transceiver | None = None
        self.transport: Feedback | None = None
        self.streams: dict[int, RtpReceiveStream] = {}
        self.event_clocks: dict[int, int] = {}
        # payload types that are not handed on as they come: events, comfort noise, redundant sound
        self.noticed: frozenset[int] = frozenset()
        self.redundant: frozenset[int] = frozenset()  # those of RED
        self.carried: frozenset[int] = frozenset()  # what may be in it
        self.pauses = False  # comfort noise or discontinuous sound (DTX) was seen
        self.quiet_lost: int | None = None  # packets lost when the pause began that goes on now
        self.level_id = 0
        self.nacks = False
        self.serial = 0  # grows with each agreed line, so that outlets forget their maps
        self.bitrate_limits: dict[object, tuple[int, float]] = {}  # sink -> (REMB, when)
        self.limit = BitrateLimit()
        self.rate = 0.0  # bits per second of what came before the last report
        self.simulcast: Simulcast[Sink] | None = None  # of a picture that comes in several layers
        self._rids: dict[int, str] = {}  # SSRC -> rid, also of former associations
        self.counted = (0, 0, 0)  # octets, expected, packets at the last report
        self._past = (0, 0, 0)  # the same of streams that were forgotten
        self.watched = 0  # packets at the last beat
        self._codecs: dict[int, Codec] = {}
        self._key_at = 0.0
        self._on_digit = on_digit
        self.digit_taps: tuple[Callable[[str, int], None], ...] = ()

    def source(self, kind: str) -> RtpReceiver | None:
        """Sources are asked for the kind they give; see MediaPort.set_audio_source."""
        return self if kind == self.kind else None

    def bind(self, line: Transceiver | None, transport: Feedback | None) -> None:
        """Take the agreed line (None: this kind is not spoken)."""
        self.take_back()
        if transport is not self.transport:
            self.streams = {}  # another association: its numbers begin anew
            self.counted = self._past = (0, 0, 0)
            self.simulcast = None
        layers = line.layers if line is not None else ()
        if layers != (self.simulcast.rids if self.simulcast is not None else ()):
            self._set_layers(layers)
        self.line, self.transport = line, transport
        self.serial += 1
        self._codecs = {codec.pt: codec for codec in line.codecs} if line else {}
        self.event_clocks = {pt: clock for clock, pt in line.events.items()} if line else {}
        red = line.red if line else {}
        self.redundant, self.carried = frozenset(red.values()), frozenset(red)
        noticed = (*self.event_clocks, COMFORT_NOISE, *self.redundant)
        self.noticed = frozenset(noticed) - frozenset(self._codecs)
        self.level_id = line.extensions.get(AUDIO_LEVEL, 0) if line else 0
        self.nacks = bool(line) and any("nack" in codec.feedback for codec in line.codecs) if line else False

    def _set_layers(self, rids: tuple[str, ...]) -> None:
        """Other layers were agreed, or none; streams under way stay what they are, as far as they can."""
        self.simulcast = Simulcast(rids) if rids else None
        for stream in self.streams.values():
            rid = self._rids.get(stream.ssrc)
            known = self.simulcast is not None and rid in rids
            stream.layer = self.simulcast.begin(rid, stream) if self.simulcast and rid and known else None

    def codec(self, pt: int) -> Codec | None:
        return self._codecs.get(pt)

    def stream(self, ssrc: int, sequence: int, pt: int, rid: str | None = None) -> RtpReceiveStream | None:
        """The stream of that SSRC, made at its first packet. Of a picture in layers, None while it is not
        known which it is."""
        if self.simulcast is not None and ssrc not in self.streams:
            rid = rid or self._rids.get(ssrc)
            if rid not in self.simulcast.rids:
                return None
            self._rids[ssrc] = rid
            if len(self._rids) > RIDS:
                del self._rids[next(iter(self._rids))]
            stream = self._stream(ssrc, sequence, pt)
            stream.layer = self.simulcast.begin(rid, stream)
            return stream
        return self._stream(ssrc, sequence, pt)

    def _stream(self, ssrc: int, sequence: int, pt: int) -> RtpReceiveStream:
        found = self.streams.get(ssrc)
        if found is None:
            codec = self._codecs.get(pt)
            clock = codec.clock if codec else self.event_clocks.get(pt, 48000)
            found = self.streams[ssrc] = RtpReceiveStream(ssrc, self, sequence, clock)
        return found

    def forget(self, stream: RtpReceiveStream) -> None:
        """Drop a stream that fell silent; what it brought stays counted."""
        if stream.flow is not None:
            stream.flow.recall()
        if self.streams.get(stream.ssrc) is stream:
            del self.streams[stream.ssrc]
            octets, expected, packets = self._past
            self._past = octets + stream.octets, expected + stream.expected, packets + stream.packets
            if self.simulcast is not None and stream.layer is not None:
                self.simulcast.end(stream.layer)

    def totals(self) -> tuple[int, int, int]:
        """(octets, packets expected, packets received) of all streams since the association began."""
        octets, expected, packets = self._past
        for stream in self.streams.values():
            octets += stream.octets
            expected += stream.expected
            packets += stream.packets
        return octets, expected, packets

    def of_layer(self, rid: str) -> RtpReceiveStream | None:
        """The stream of that layer."""
        found = (each for each in self.streams.values() if each.layer is not None and each.layer.rid == rid)
        return next(found, None)

    def current(self) -> RtpReceiveStream | None:
        """The stream that sent last."""
        return max(self.streams.values(), key=lambda stream: stream.last_at, default=None)

    # --- who gets it

    def take_back(self) -> None:
        """Something else is to be done with packets: none is forwarded without Python any more."""
        for stream in self.streams.values():
            if stream.flow is not None:
                stream.flow.recall()

    @property
    def formats(self) -> frozenset[int]:
        """Payload types that are handed on."""
        return frozenset((*self._codecs, *self.event_clocks))

    @property
    def only_relays(self) -> bool:
        """Whether packets are handed to the sinks, kept and their levels noted, and nothing else is done."""
        if self.muted or self.filter is not None or self.simulcast is not None:
            return False
        if len(self.later) < len(self.taps) or not (self.taps or self.sinks):
            return False
        return all(tap.takes_later and (self.level_id or not tap.by_level) for tap in self.later)

    def attach(self, sink: Sink) -> None:
        self.take_back()
        if sink not in self.sinks:
            self.sinks = (*self.sinks, sink)
        if self.simulcast is not None:
            sink.layers_changed(monotonic())
        elif self.kind == "video":
            self.request_keyframe()

    def detach(self, sink: Sink) -> None:
        self.take_back()
        self.sinks = tuple(one for one in self.sinks if one is not sink)
        self.bitrate_limits.pop(sink, None)
        if self.simulcast is not None:
            self.simulcast.leave(sink)

    def show_layer(self, sink: Sink, layer: Layer[Sink], pause: bool = False) -> None:
        """That sink gets that layer from its next key frame on. pause: and nothing until then."""
        if self.simulcast is not None and self.simulcast.want(sink, layer):
            if pause:
                self.simulcast.let_go(sink)
            self._ask_layer(layer)

    def _layered(
        self, stream: RtpReceiveStream, layer: Layer[Sink], view: memoryview, size: int, mark: int, now: float
    ) -> tuple[Sink, ...]:
        """A packet of a layer came: who gets it."""
        simulcast = self.simulcast
        if simulcast is None:
            return ()
        if stream.last_ts != layer.timestamp:  # a picture begins
            simulcast.picture(layer, stream.last_ts)
            codec, at = self._codecs.get(mark & 0x7F), payload_offset(view, size)
            if codec is not None and at is not None and codec.name.lower() == "vp8":
                layer.width = vp8_width(view, at, payload_end(view, size)) or layer.width
            if simulcast.look(now):
                for sink in self.sinks:
                    sink.layers_changed(now)
        return layer.viewers

    def tap(self, tap: Tap) -> None:
        self.untap(tap)
        self.taps = (*self.taps, tap)

    def tap_later(self, tap: LaterTap) -> None:
        """The same, and packets may be kept for it."""
        self.tap(tap)
        self.later = (*self.later, tap)

    def untap(self, tap: Tap) -> None:
        self.take_back()
        self.taps = tuple(one for one in self.taps if one is not tap)
        self.later = tuple(one for one in self.later if one is not tap)

    def set_filter(self, chosen: Filter | None) -> None:
        """Each packet goes through that one from now on, or through none."""
        self.take_back()
        self.filter = chosen

    def mute(self, muted: bool) -> None:
        """Forward nothing while muted; digits are still noticed."""
        self.take_back()
        if self.muted and not muted:
            self.renew()
            if self.kind == "video":
                self.request_keyframe()
        self.muted = muted

    def renew(self) -> None:
        """What comes next follows nothing."""
        self.take_back()
        if self.filter is not None:
            self.filter.renew()
        for sink in self.sinks:
            sink.renew()

    def deliver(
        self,
        stream: RtpReceiveStream,
        buffer: PacketBuffer,
        size: int,
        mark: int,
        sequence: int,
        timestamp: int,
        now: float,
    ) -> None:
        """One packet to all that hear this leg. What lies in `buffer` may be overwritten."""
        if self.muted:
            return
        if self.filter is not None and self.filter.take(
            stream, buffer.view, size, mark, sequence, timestamp, now
        ):
            return
        if self.taps:
            self.tap_packet(buffer.view, size, mark, sequence, timestamp)
        sinks = self.sinks
        if stream.layer is not None:
            sinks = self._layered(stream, stream.layer, buffer.view, size, mark, now)
        if len(sinks) == 1:
            sinks[0].relay(stream, buffer, size, mark, sequence, timestamp, now)
        elif sinks:
            data = bytes(buffer.view[:size])
            for sink in sinks:
                sink.buffer.view[:size] = data
                sink.relay(stream, sink.buffer, size, mark, sequence, timestamp, now)
        stream.steady += 1
        if stream.steady >= STEADY:
            stream.steady = 0
            forwarder = self.transport.forwarder if self.transport is not None else None
            if forwarder is not None:
                forwarder.offer(stream)

    def tap_packet(self, view: memoryview, size: int, mark: int, sequence: int, timestamp: int) -> None:
        codec = self._codecs.get(mark & 0x7F)
        at = payload_offset(view, size)
        if codec is None or at is None:
            return
        payload = view[at : payload_end(view, size)]
        level = audio_level(view, size, self.level_id)
        for tap in self.taps:
            tap.packet(payload, codec, sequence, timestamp, mark > 127, level)

    def tap_kept(self, packet: bytes, at: float) -> None:
        """A packet that the forwarding loop had kept since `at`."""
        view, size = memoryview(packet), len(packet)
        codec, start = self._codecs.get(view[1] & 0x7F), payload_offset(view, size)
        if codec is None or start is None:
            return
        payload, level = view[start : payload_end(view, size)], audio_level(view, size, self.level_id)
        for tap in self.later:
            tap.kept(payload, codec, view[2] << 8 | view[3], level, at)

    # --- digits

    def event(self, stream: RtpReceiveStream, view: memoryview, size: int, mark: int, timestamp: int) -> None:
        """A telephone-event. Each stream has a listener: their timestamps have nothing in common."""
        if mark & 0x7F not in self.event_clocks:
            self.pauses = True
            return
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

    def notice_pauses(self, rate: int, lost: int) -> None:
        """Once a second. rate: packets since the last time; lost: until now. A pause loses nothing."""
        if rate < PAUSED:
            if self.quiet_lost is None and self.streams:
                self.quiet_lost = lost
        elif self.quiet_lost is not None:
            self.pauses = self.pauses or lost == self.quiet_lost
            self.quiet_lost = None

    # --- feedback to the device

    def rtt(self) -> float:
        """The round trip to the device in seconds, 0 while it is not known."""
        return self.transport.rtt() if self.transport is not None else 0.0

    def request_keyframe(self, stream: RtpReceiveStream | None = None) -> None:
        """Ask the source for a key frame (of that stream), at most once a second; of a picture in layers, of
        each that somebody sees."""
        if self.simulcast is not None:
            for layer in self.simulcast.layers.values():
                if layer.viewers and (stream is None or layer.stream is stream):
                    self._ask_layer(layer)
            return
        now = monotonic()
        stream = stream or self.current()
        if self.transport is None or self.line is None or stream is None or now - self._key_at < KEY_EVERY:
            return
        self._key_at = now
        self.transport.request_keyframe(self.line, stream.ssrc)

    def request_keyframe_for(self, sink: Sink) -> None:
        """Ask for a key frame of what that sink sees, or is to see."""
        layer = self.simulcast.wanted(sink) if self.simulcast is not None else None
        if layer is not None:
            self._ask_layer(layer)
        else:
            self.request_keyframe()

    def _ask_layer(self, layer: Layer[Sink]) -> None:
        if self.transport is not None and self.line is not None and layer.may_ask(monotonic()):
            self.transport.request_keyframe(self.line, layer.stream.ssrc)

    def send_nack(self, stream: RtpReceiveStream, now: float) -> None:
        if self.transport is not None and self.line is not None:
            self.transport.send_nack(self.line, stream, now)

    def on_second(self) -> None:
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
