"""What a leg gets: one outgoing stream with its own SSRC, fed by whichever source is attached.

Packets of another leg are rewritten in place and sent (`relay`); payloads that the platform makes are
pushed (`push`). Sequence numbers and timestamps go on without a break when the source changes, so the
receiver and SRTP see one stream (no number is ever used for two different packets).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Protocol, TypeAlias

from calling.media.aiortc_private import PacketBuffer
from calling.media.codecs.transcoder import Transcoder
from calling.media.rtp.events import UndecodableVideo
from calling.media.rtp.header import (
    FIELDS,
    FIELDS_AT,
    add_extension,
    element,
    payload_end,
    payload_offset,
    renumber_extensions,
    stamp_send_time,
)
from calling.media.rtp.lent import LentOutlet
from calling.media.rtp.receiver import STEADY, Feed, Forwarded, RtpReceiver, RtpReceiveStream, monotonic
from calling.media.rtp.red import Redundancy
from calling.media.rtp.telephone_event import event_packets
from calling.media.rtp.temporal_layers import ALL, Thinning, temporal_layer
from calling.media.rtp.transport import RtpTransport
from calling.media.rtp.vp8_rewriter import Vp8Rewriter, is_key
from calling.sdp.model import ABS_SEND_TIME, MID, Codec
from calling.sdp.negotiation import Transceiver, translation

# seconds of silence of a newer stream of the same device after which an older one counts again
RETURNS = {"audio": 0.1, "video": 2.0}
AHEAD = 90  # clock units that a picture of another layer comes after the last one at least: 1 ms
YOUNG = 2000  # packets after a switch among which one from before it could still come late
RESENDS_PER_SECOND = 600
ROOM = 1400  # bytes of a packet to which an extension is still added
pack_fields = FIELDS.pack_into


# 20 ms of a digit: an event's payload with its offset and marker, a payload of sound, or a pause
DigitStep: TypeAlias = tuple[bytes, int, bool] | bytes | None


class Listener(Protocol):
    """Where a producer's payloads go: an RtpSender, or what stands in its place."""

    @property
    def line(self) -> Transceiver | None: ...
    @property
    def codec(self) -> Codec | None: ...
    @property
    def ready(self) -> bool: ...
    def push(self, feeder: object, payload: bytes, pt: int, step: int, marker: bool = False) -> None: ...
    def lent(self, feeder: object) -> Forwarded | None: ...
    def offer(self, feeder: object, codec: Codec) -> None: ...
    def next_picture(self) -> int: ...


class Producer(Protocol):
    """What the platform itself lets a leg hear or see: pushes payloads to all that are attached."""

    def attach(self, outlet: Listener) -> None: ...
    def detach(self, outlet: Listener) -> None: ...
    def request_keyframe(self) -> None: ...


class Source(Protocol):
    """Anything that can be heard or seen."""

    def source(self, kind: str) -> RtpReceiver | Producer | None:
        """Who gives packets of that kind."""


class RtpSender:
    """One kind of media that goes out to one leg."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.buffer = PacketBuffer()
        self.line: Transceiver | None = None
        self.transport: RtpTransport | None = None
        self.ssrc = secrets.randbits(31) | 1
        self.packets = self.octets = self.resent = 0
        self.rate = 0.0  # bits per second of the last second
        self._octets_before = 0
        self.last_at = 0.0
        self.last_seq = secrets.randbits(15)
        self.last_ts = secrets.randbits(31)
        self.source: RtpReceiver | Producer | None = None  # what is attached: an RtpReceiver or a producer
        self.active_source: object = None  # the stream or producer whose numbers the offsets belong to
        self.seq_off = self.ts_off = 0
        self._serial = -1
        self._mapped: RtpReceiver | None = None
        self._pts: dict[int, int] = {}
        self._clocks: dict[int, int] = {}  # payload type -> clock, of what is pushed
        self._extensions: dict[int, int] | None = None
        # The MID of every packet, until the far end reports on this SSRC (RFC 8843 section 15): the answer
        # that tells it the SSRC travels on another way than the packets, and may come after them.
        self._mid = b""
        self._known: tuple[int, str | None] | None = None  # the SSRC and MID that it has reported on
        # whose pictures cannot be shown here, once that was said
        self._unseen: RtpReceiveStream | None = None
        self._reorder_guard = 0
        self._switch_sequence = 0
        self._pictures = Vp8Rewriter()
        self._before: bytes | None = None  # the last packet of a source that was left
        self._next_ts = 0
        self._rtx_seq = secrets.randbits(15)
        self._resends = 0
        self._event_until = 0.0
        self.bridge: Transcoder | None = None  # a transcoder while the source's codec is not spoken here
        self.redundancy = Redundancy()  # while the far end reports loss and takes it
        self.far_fraction = self.far_jitter = 0.0  # what the far end reports
        self.far_lost = 0
        self.rtt: float | None = None
        # the number of the extension that gets our own send time, while the far end's estimate is to cover
        # the way from here alone; 0: the source's goes through
        self._stamps = 0
        self._thinning: Thinning | None = None  # while pictures are left out
        self.flow: Forwarded | None = None  # while its packets are forwarded without Python
        self._steady = 0

    # --- agreement and routing

    def bind(self, line: Transceiver | None, transport: RtpTransport | None) -> None:
        """Take the agreed line; the outgoing SSRC is the line's."""
        self.take_back()
        self.line, self.transport = line, transport
        if line is not None:
            self.ssrc = line.ssrc
        self._clocks = {codec.pt: codec.clock for codec in line.codecs} if line is not None else {}
        self._mid = b""
        if line is not None and line.mid and MID in line.extensions and self._known != (line.ssrc, line.mid):
            self._mid = element(line.extensions[MID], line.mid.encode())
        self._serial = -1
        self.drop_bridge()

    @property
    def ready(self) -> bool:
        line, transport = self.line, self.transport
        return line is not None and line.sends and transport is not None and transport.ready

    @property
    def codec(self) -> Codec | None:
        """The preferred format of this leg."""
        return self.line.codecs[0] if self.line is not None and self.line.codecs else None

    def attach_source(self, source: RtpReceiver | Producer | None) -> None:
        """Get packets from `source` (an RtpReceiver, a producer or None) from now on."""
        if source is self.source:
            return
        self.take_back()
        if self.source is not None:
            self.source.detach(self)
        self.source = source
        self.renew()
        self.drop_bridge()
        if source is not None:
            source.attach(self)

    def renew(self) -> None:
        """Take what comes next as new: packets that were held back must not look like lost ones."""
        self.take_back()
        last = self._last_forwarded()
        self._before = last if last is not None else self._before
        if isinstance(self.active_source, RtpReceiveStream):
            self.active_source = None
        if self.bridge is not None:
            self.bridge.renew()

    def take_back(self) -> None:
        """Something else is to be sent, or the numbers are needed: packets are not forwarded without Python
        any more."""
        if self.flow is not None:
            self.flow.recall()

    def drop_bridge(self) -> None:
        if self.bridge is not None:
            self.bridge.close()
            self.bridge = None

    # --- packets of another leg

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
        """Rewrite, protect and send one packet that lies in `buffer`."""
        if self.flow is not None:
            self.flow.recall()
        transport = self.transport
        if transport is None or transport.tx is None or now < self._event_until:
            return  # while digits are sent they replace the sound (RFC 4733 section 2.5.1.2)
        if (
            stream is not self.active_source or stream.inlet.serial != self._serial
        ) and not self._switch_source(stream, buffer.view, size, mark, sequence, timestamp, now):
            return
        pt = self._pts.get(mark & 0x7F)
        if pt is None:
            self._transcode(stream, buffer, size, mark, sequence, timestamp, now)
            return
        number = (sequence + self.seq_off) & 0xFFFF
        if self._thinning is not None:
            if self._thinning.over:
                self._end_thinning(self.last_seq)
                number = (sequence + self.seq_off) & 0xFFFF
            elif not self._thinning.takes(stream.inlet.codec(mark & 0x7F), buffer.view, size, sequence):
                return
            else:
                number = (number - self._thinning.packets.before(sequence)) & 0xFFFF
        if self._reorder_guard:
            self._reorder_guard -= 1
            if (number - self._switch_sequence) & 0xFFFF >= 0x8000:
                return
        view = buffer.view
        if self._pictures:
            self._pictures.rewrite(view, size)
        stamp = (timestamp + self.ts_off) & 0xFFFFFFFF
        pack_fields(view, FIELDS_AT, pt | mark & 0x80, number, stamp, self.ssrc)
        if self._extensions is not None and view[0] & 0x10:
            renumber_extensions(view, size, self._extensions)
        if self._stamps:
            stamp_send_time(view, size, self._stamps, now)
        if self._mid and size < ROOM:
            size = add_extension(view, size, self._mid)
        if self.redundancy.distance and self.line is not None and pt in self.line.red:
            size = self._add_redundancy(view, size, pt, mark, number, stamp)
        self.packets += 1
        self.octets += size
        if (number - self.last_seq) & 0xFFFF < 0x8000:
            self.last_seq = number
            self.last_ts = stamp
            self.last_at = now
        length = buffer.length
        length[0] = size
        if transport.protect(transport.tx, buffer.c, length) == 0:
            transport.send(view[: length[0]])

    def _switch_source(
        self,
        stream: RtpReceiveStream,
        view: memoryview,
        size: int,
        mark: int,
        sequence: int,
        timestamp: int,
        now: float,
    ) -> bool:
        """A new source, or a source whose line changed: set maps and offsets. False: drop this packet."""
        if stream.inlet.serial != self._serial or stream.inlet is not self._mapped:
            self._build_maps(stream.inlet)
        # the same source under a new agreement: older packets are not sent again
        if stream is self.active_source:
            self._switch_sequence, self._reorder_guard = (self.last_seq + 1) & 0xFFFF, YOUNG
            return True
        before = self.active_source
        simulcast = stream.inlet.simulcast
        if simulcast is not None:
            if simulcast.wanted(self) is not stream.layer:
                return False
        elif (
            isinstance(before, RtpReceiveStream)
            and before.inlet is stream.inlet
            and self._older(stream, before, now)
        ):
            return False
        pt = self._pts.get(mark & 0x7F)
        if pt is None:
            return True  # to be transcoded or dropped
        codec = self.line.codec(pt) if self.line else None
        if self.kind == "video" and not is_key(codec, view, size):
            stream.inlet.request_keyframe_for(self)
            return False
        self._end_thinning(self.last_seq)
        started = self.packets > 0
        clock = stream.clock
        self.last_seq = (self.last_seq + 1) & 0xFFFF
        if started:
            ahead = self._ahead(before, stream, timestamp)
            ahead = max(1, int((now - self.last_at) * clock)) if ahead is None else ahead
            self.last_ts = (self.last_ts + ahead) & 0xFFFFFFFF
        self.seq_off = (self.last_seq - sequence) & 0xFFFF
        self.ts_off = (self.last_ts - timestamp) & 0xFFFFFFFF
        self._switch_sequence, self._reorder_guard = self.last_seq, YOUNG
        if self.kind == "video":
            self._pictures.follow(self._last_forwarded(), codec, view, size)
        self.drop_bridge()
        self.active_source = stream
        if simulcast is not None and stream.layer is not None:
            simulcast.shown(self, stream.layer)
        return True

    def _ahead(self, before: object, stream: RtpReceiveStream, timestamp: int) -> int | None:
        """How far behind the last timestamp sent another layer of the same picture goes on, by what both
        sender reports say of one clock; None where they do not."""
        if not isinstance(before, RtpReceiveStream) or before.inlet is not stream.inlet:
            return None
        if stream.layer is None or not before.sr_at or not stream.sr_at:
            return None
        between = ((stream.sr_ntp - before.sr_ntp) * stream.clock) >> 32
        change = stream.sr_rtp - before.sr_rtp - between
        ahead = (timestamp - change + self.ts_off - self.last_ts) & 0xFFFFFFFF
        if ahead >= 0x80000000:
            ahead -= 0x100000000
        return max(AHEAD, ahead) if abs(ahead) < 2 * stream.clock else None

    def _older(self, stream: RtpReceiveStream, before: RtpReceiveStream, now: float) -> bool:
        """A device that changed its SSRC: the newer stream counts, until it falls silent."""
        return stream.born < before.born and now - before.last_at < RETURNS[self.kind]

    def _build_maps(self, inlet: RtpReceiver) -> None:
        """Payload types and extension numbers from the source's line to this one's."""
        mine, theirs = self.line, inlet.line
        self._serial, self._mapped, self._unseen = inlet.serial, inlet, None
        self._pts, self._extensions = {}, None
        if mine is None or theirs is None or not mine.sends:
            return
        self._pts, self._extensions = translation(theirs, mine)

    def _transcode(
        self,
        stream: RtpReceiveStream,
        buffer: PacketBuffer,
        size: int,
        mark: int,
        sequence: int,
        timestamp: int,
        now: float,
    ) -> None:
        """A payload type this leg does not speak: sound is transcoded, a picture cannot be shown."""
        codec = stream.inlet.codec(mark & 0x7F)
        mine = self.codec
        if self.kind == "video" and codec is not None and self.ready and self._unseen is not stream:
            self._unseen = stream
            if self.transport is not None:
                self.transport.port.signal(UndecodableVideo())
        if self.kind != "audio" or codec is None or mine is None or self.line is None or not self.line.sends:
            return
        if self.bridge is None or self.bridge.codec is not codec:
            self.drop_bridge()
            self.bridge = Transcoder(codec, mine, self.push)
        if self.bridge.stream is not stream:
            if isinstance(self.bridge.stream, RtpReceiveStream) and self._older(
                stream, self.bridge.stream, now
            ):
                return
            self.bridge.renew(stream)
        at = payload_offset(buffer.view, size)
        if at is not None:
            payload = buffer.view[at : payload_end(buffer.view, size)]
            self.bridge.packet(payload, sequence, timestamp)

    def _last_forwarded(self) -> bytes | None:
        """The last packet of the current source, as it came."""
        return (
            self.active_source.kept(self.active_source.top)
            if isinstance(self.active_source, RtpReceiveStream)
            else self._before
        )

    def next_picture(self) -> int:
        """The VP8 picture number that a producer of this leg should begin with."""
        return self._pictures.after(self._last_forwarded())

    # --- packets that the loop forwards in place of Python (calling/media/loop)

    def lend(self, stream: RtpReceiveStream, outlet: LentOutlet) -> dict[int, int] | None:
        """Write into `outlet` (struct media_outlet) how `stream` is sent here, and our numbers; the payload
        types from its to ours. None: more is done with its packets than the loop can do."""
        same = stream is self.active_source and stream.inlet.serial == self._serial and self.flow is None
        if not same or self.bridge is not None or self.redundancy.distance or self._pictures:
            return None
        if self._stamps or self._thinning is not None:
            return None
        outlet.seq_off, outlet.ts_off = self.seq_off, self.ts_off
        outlet.guard, outlet.switch_sequence = self._reorder_guard, self._switch_sequence
        outlet.renumbers = self._extensions is not None
        for number, new in (self._extensions or {}).items():
            outlet.extensions[number] = new
        for pt, own in self._pts.items():
            outlet.pts[pt] = own
        self._lend_numbers(outlet)
        return self._pts

    def lend_pushes(self, pt: int, outlet: LentOutlet) -> bool:
        """The same for payloads that are pushed by who does so now; whether that may be."""
        if self.flow is not None or self.redundancy.distance or pt not in self._clocks:
            return False
        outlet.push_pt, outlet.push_clock, outlet.next_ts = pt, self._clocks[pt], self._next_ts & 0xFFFFFFFF
        self._lend_numbers(outlet)
        return True

    def _lend_numbers(self, outlet: LentOutlet) -> None:
        outlet.out_ssrc = self.ssrc
        outlet.sent_packets, outlet.sent_octets = self.packets, self.octets
        outlet.out_seq, outlet.out_ts, outlet.sent_at = self.last_seq, self.last_ts, self.last_at
        outlet.mid_size = len(self._mid)
        outlet.mid[0 : len(self._mid)] = self._mid

    def restore(self, outlet: LentOutlet) -> None:
        """Take the numbers of `outlet`."""
        self.packets, self.octets = outlet.sent_packets, outlet.sent_octets
        self.last_seq, self.last_ts, self.last_at = outlet.out_seq, outlet.out_ts, outlet.sent_at
        if isinstance(self.active_source, RtpReceiveStream):
            self._reorder_guard = outlet.guard
        else:
            self._next_ts = outlet.next_ts

    def lent(self, feeder: object) -> Forwarded | None:
        """What takes the feeder's payloads for this sender and others at once (`Offers.push`).

        None: they are to be pushed here.
        """
        return self.flow if feeder is self.active_source else None

    def offer(self, feeder: object, codec: Codec) -> None:
        """The feeder has pushed something, and the same to others: what comes may be sent without Python."""
        self._steady = self._steady + 1 if feeder is self.active_source else 0
        if self._steady >= STEADY:
            self._steady = 0
            forwarder = self.transport.forwarder if self.transport is not None else None
            if forwarder is not None:
                feed = Feed(forwarder, codec.name.lower(), codec.clock // 50)
                forwarder.offer_pushes(self, codec.pt, feed)

    # --- payloads of the platform's own

    def push(
        self,
        feeder: object,
        payload: bytes | memoryview,
        pt: int,
        step: int,
        marker: bool = False,
    ) -> None:
        """Send one payload. step: its length in clock units (0: more packets of the same picture follow)."""
        transport = self.transport
        if transport is None or transport.tx is None or self.line is None or not self.line.sends:
            return
        if self.flow is not None:
            self.flow.recall()
        now = monotonic()
        if now < self._event_until and feeder is not self:
            return
        if feeder is not self.active_source or now - self.last_at > 1.0:
            clock = self._clocks.get(pt, 48000)
            if feeder is not self.active_source:
                self._pictures.reset()
                self._before = None
            self.active_source = feeder
            self._next_ts = self.last_ts + (max(1, int((now - self.last_at) * clock)) if self.packets else 0)
            marker = marker or self.kind == "audio"
        number = (self.last_seq + 1) & 0xFFFF
        stamp = self._next_ts & 0xFFFFFFFF
        self._next_ts += step
        if self.redundancy.distance and pt in self.line.red:
            payload = self.redundancy.payload(feeder, payload, pt, stamp)
            pt = self.line.red[pt]
        self.transmit(payload, pt | (0x80 if marker else 0), number, stamp, now)

    def transmit(self, payload: bytes | memoryview, mark: int, number: int, stamp: int, now: float) -> None:
        """Build, protect and send one packet without extensions."""
        transport = self.transport
        size = 12 + len(payload)
        buffer = self.buffer
        if transport is None or transport.tx is None or size > 1800:
            return
        view = buffer.view
        view[0] = 0x80
        pack_fields(view, FIELDS_AT, mark, number, stamp, self.ssrc)
        view[12:size] = payload
        if self._mid and size < ROOM:
            size = add_extension(view, size, self._mid)
        self.last_seq, self.last_ts, self.last_at = number, stamp, now
        self.packets += 1
        self.octets += size
        buffer.length[0] = size
        if transport.protect(transport.tx, buffer.c, buffer.length) == 0:
            transport.send(view[: buffer.length[0]])

    # --- redundancy

    def reported(self, fraction: float) -> None:
        """The far end tells which share of the packets it lost."""
        before = self._mid, self.redundancy.distance
        self.far_fraction = fraction
        self._mid, self._known = b"", (self.ssrc, self.line.mid if self.line is not None else None)
        if self.line is not None and self.line.red:
            self.redundancy.reported(fraction)
        elif self.bridge is not None:
            self.bridge.expect_loss(fraction)
        if (self._mid, self.redundancy.distance) != before:
            self.take_back()

    def _add_redundancy(
        self, view: memoryview, size: int, pt: int, mark: int, number: int, stamp: int
    ) -> int:
        """Make a packet that is ready to be sent a redundant one; its size then."""
        at = payload_offset(view, size)
        if at is None or self.line is None:
            return size
        sound = view[at : payload_end(view, size)]
        payload = self.redundancy.payload(self.active_source, sound, pt, stamp)
        view[0] &= 0xDF
        view[at : at + len(payload)] = payload
        pack_fields(view, FIELDS_AT, self.line.red[pt] | mark & 0x80, number, stamp, self.ssrc)
        return at + len(payload)

    # --- digits

    @property
    def digit_way(self) -> str | None:
        """How digits reach this leg: as `events` (RFC 4733) or as `tones`; None: nothing is sent to it."""
        if self.line is None or not self.line.sends or not self.line.codecs:
            return None
        return "events" if self.line.events else "tones"

    def digit_plan(self, digits: str) -> Iterator[DigitStep] | None:
        """The 20 ms steps of `digits` for this leg: events, payloads of sound, or a pause; None: no way."""
        clock, codec = self.event_clock(), self.codec
        if clock is not None:
            return event_packets(digits, clock)
        if codec is None or self.digit_way is None:
            return None
        from calling.media.rtp.dtmf_tones import tone_packets

        return tone_packets(digits, codec.name.lower())

    def send_tone(self, payload: bytes) -> None:
        """20 ms of a digit's sound; it replaces what the leg hears."""
        codec = self.codec
        if codec is not None:
            self._event_until = monotonic() + 0.1
            self.push(self, payload, codec.pt, codec.clock // 50)

    def event_clock(self) -> int | None:
        if self.line is None or not self.line.events:
            return None
        codec = self.codec
        return codec.clock if codec and codec.clock in self.line.events else next(iter(self.line.events))

    def send_event(self, payload: bytes, base: int, offset: int, marker: bool) -> None:
        """One telephone-event packet; base: the timestamp at which the digits began."""
        clock = self.event_clock()
        if clock is None or self.line is None:
            return
        self.take_back()
        now = monotonic()
        self._event_until = now + 0.1
        self.active_source = self  # the source takes over again with fresh offsets
        mark = self.line.events[clock] | (0x80 if marker else 0)
        self.transmit(payload, mark, (self.last_seq + 1) & 0xFFFF, (base + offset) & 0xFFFFFFFF, now)

    def event_base(self) -> int:
        """The timestamp of now in this stream."""
        self.take_back()
        clock = self.event_clock() or 8000
        return (self.last_ts + max(1, int((monotonic() - self.last_at) * clock))) & 0xFFFFFFFF

    def replay_digit(self, inlet: RtpReceiver, digit: str, duration_ms: int) -> None:
        """A digit of a source whose events could not be passed through as they are, or would not be heard."""
        if self.transport is None:
            return
        passed = any(pt in self._pts for pt in inlet.event_clocks)
        if not passed or self.transport.port.hears_no_events:
            self.transport.port.send_digits(digit)

    # --- what the far end asks for

    def layers_changed(self, now: float) -> None:
        """Other layers of the source's picture come than before."""
        if self.transport is not None:
            self.transport.port.choose_layers(now)

    def limit_temporal_layers(self, highest: int) -> None:
        """Leave out what is above that temporal layer, where pictures tell theirs; `ALL`: nothing."""
        if self._thinning is not None:
            self._thinning.limit = highest
        elif highest < ALL and isinstance(self.active_source, RtpReceiveStream):
            self.take_back()
            self._thinning = Thinning(highest)

    def tells_temporal_layers(self) -> bool:
        """Whether the pictures that are sent on say which temporal layer they belong to."""
        data, stream = self._last_forwarded(), self.active_source
        if data is None or not isinstance(stream, RtpReceiveStream):
            return False
        return temporal_layer(stream.inlet.codec(data[1] & 0x7F), memoryview(data), len(data)) is not None

    def _end_thinning(self, last: int) -> None:
        """What was left out stays so; older packets than the one after `last` are not sent any more."""
        thinning, self._thinning = self._thinning, None
        if thinning is not None:
            self.seq_off = (self.seq_off - thinning.packets.total) & 0xFFFF
            self._pictures.off = (self._pictures.off - thinning.pictures.total) & 0x7FFF
            self._switch_sequence, self._reorder_guard = (last + 1) & 0xFFFF, YOUNG

    def stamp_send_times(self, on: bool) -> None:
        """Whether packets carry the time at which they go out here, where they carry one at all."""
        number = self.line.extensions.get(ABS_SEND_TIME, 0) if on and self.line is not None else 0
        if number != self._stamps:
            self.take_back()
            self._stamps = number

    def on_pli(self) -> None:
        if isinstance(self.source, RtpReceiver):
            self.source.request_keyframe_for(self)
        elif self.source is not None:
            self.source.request_keyframe()

    def resend(self, numbers: tuple[int, ...]) -> None:
        """Send lost packets again from the source's ring (RFC 4588 where RTX was agreed)."""
        stream, transport = self.active_source, self.transport
        if (
            not isinstance(stream, RtpReceiveStream)
            or transport is None
            or transport.tx is None
            or self.line is None
        ):
            return
        for number in numbers:
            if self._resends >= RESENDS_PER_SECOND or (
                self._reorder_guard and (number - self._switch_sequence) & 0xFFFF >= 0x8000
            ):
                continue
            original = (number - self.seq_off) & 0xFFFF
            if self._thinning is not None:
                original = self._thinning.packets.original(original)
            data = stream.kept(original)
            if data is not None:
                self._resends += 1
                self.resent += 1
                self._send_again(data, number, transport)

    def _send_again(self, data: bytes, number: int, transport: RtpTransport) -> None:
        buffer, size = self.buffer, len(data)
        view = buffer.view
        view[:size] = data
        mark, _, timestamp, _ = FIELDS.unpack_from(view, FIELDS_AT)
        pt = self._pts.get(mark & 0x7F)
        if pt is None or self.line is None:
            return
        if self._thinning is not None:
            self._thinning.line_up(self.line.codec(pt), view, size)
        if self._pictures:
            self._pictures.rewrite(view, size)
        if self._extensions is not None and view[0] & 0x10:
            renumber_extensions(view, size, self._extensions)
        if self._stamps:
            stamp_send_time(view, size, self._stamps, monotonic())
        if self._mid and size < ROOM:
            size = add_extension(view, size, self._mid)
        stamp = (timestamp + self.ts_off) & 0xFFFFFFFF
        rtx = self.line.rtx.get(pt)
        if rtx is None:
            pack_fields(view, FIELDS_AT, pt | mark & 0x80, number, stamp, self.ssrc)
        else:
            at = payload_offset(view, size)
            if at is None or size + 2 > 1800:
                return
            view[at + 2 : size + 2] = bytes(view[at:size])
            view[at], view[at + 1] = number >> 8, number & 0xFF
            size += 2
            self._rtx_seq = (self._rtx_seq + 1) & 0xFFFF
            pack_fields(view, FIELDS_AT, rtx | mark & 0x80, self._rtx_seq, stamp, self.line.rtx_ssrc)
        buffer.length[0] = size
        if transport.protect(transport.tx, buffer.c, buffer.length) == 0:
            transport.send(view[: buffer.length[0]])

    def on_second(self) -> None:
        """Once a second."""
        self._resends = 0
        self.rate = 8.0 * (self.octets - self._octets_before)
        self._octets_before = self.octets
