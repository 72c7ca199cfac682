"""What a leg gets: one kind (audio, video) of one MediaPort, fed by whichever source is attached.

Packets of another leg are rewritten in place and sent (`relay`); payloads that the platform makes are
pushed (`push`). What must not live here: the numbers of the stream that goes out (`send_stream`), how those
of a source become them (`rewriter`), and packets that are sent again (`retransmission`).

Relaying, transcoding, pushing and digits stand together: one of them at a time has the stream
(`active_source`), and each takes it from the others.
"""

from __future__ import annotations

from collections.abc import Collection

from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.codecs.transcoder import Transcoder
from calling.media.rtp.digit_plan import event_clock
from calling.media.rtp.events import UndecodableVideo
from calling.media.rtp.forwarding import STEADY, Feed, Forwarded
from calling.media.rtp.header import (
    FIELDS_AT,
    ROOM,
    add_extension,
    payload_end,
    payload_offset,
    renumber_extensions,
    stamp_send_time,
)
from calling.media.rtp.lent import LentSender
from calling.media.rtp.pacer import Pacer
from calling.media.rtp.receive_stream import Receiver, RtpReceiveStream, monotonic
from calling.media.rtp.receiver import RtpReceiver
from calling.media.rtp.red import Redundancy
from calling.media.rtp.retransmission import Retransmission
from calling.media.rtp.rewriter import RtpRewriter
from calling.media.rtp.send_stream import RtpSendStream, pack_fields
from calling.media.rtp.source import Producer
from calling.media.rtp.temporal_layers import ALL, Thinning, temporal_layer
from calling.media.rtp.transport import RtpTransport
from calling.media.rtp.vp8_rewriter import is_key
from calling.sdp.model import ABS_SEND_TIME, Codec
from calling.sdp.negotiation import Transceiver

# seconds of silence of a newer stream of the same device after which an older one counts again
RETURNS = {"audio": 0.1, "video": 2.0}


class RtpSender:
    """One kind of media that goes out to one leg."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.outgoing = RtpSendStream()
        self.rewriter = RtpRewriter()
        self.retransmission = Retransmission(kind, self.outgoing, self.rewriter)
        self.buffer: PacketBuffer = self.outgoing.buffer
        self.line: Transceiver | None = None
        self.transport: RtpTransport | None = None
        self.source: RtpReceiver | Producer | None = None  # what is attached: an RtpReceiver or a producer
        self.active_source: object = None  # the stream or producer whose numbers the offsets belong to
        self._serial = -1
        self._mapped: Receiver | None = None
        self._clocks: dict[int, int] = {}  # payload type -> clock, of what is pushed
        # whose pictures cannot be shown here, once that was said
        self._unseen: RtpReceiveStream | None = None
        self._before: bytes | None = None  # the last packet of a source that was left
        self._next_ts = 0
        self._event_until = 0.0
        self.bridge: Transcoder | None = None  # a transcoder while the source's codec is not spoken here
        self.redundancy = Redundancy()  # while the far end reports loss and takes it
        self.far_fraction = self.far_jitter = 0.0  # what the far end reports
        self.far_lost = 0
        self.rtt: float | None = None
        self.flow: Forwarded | None = None  # while its packets are forwarded without Python
        self._steady = 0
        self._pacer = Pacer(lambda one: self._push(*one[:5]), self._estimate)

    # --- agreement and routing

    def bind(self, line: Transceiver | None, transport: RtpTransport | None) -> None:
        """Take the agreed line."""
        self.take_back()
        self._pacer.forget()
        self.line, self.transport = line, transport
        self.outgoing.bind(line, transport)
        self._clocks = {codec.pt: codec.clock for codec in line.codecs} if line is not None else {}
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
        self._pacer.forget()
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
            stream is not self.active_source or stream.receiver.serial != self._serial
        ) and not self._switch_source(stream, buffer.view, size, mark, sequence, timestamp, now):
            return
        rewriter, outgoing = self.rewriter, self.outgoing
        pt = rewriter.pts.get(mark & 0x7F)
        if pt is None:
            self._transcode(stream, buffer, size, mark, sequence, timestamp, now)
            return
        number = (sequence + rewriter.seq_off) & 0xFFFF
        thinning = rewriter.thinning
        if thinning is not None:
            if thinning.over:
                rewriter.end_thinning(outgoing.last_seq)
                number = (sequence + rewriter.seq_off) & 0xFFFF
            elif not thinning.takes(stream.receiver.codec(mark & 0x7F), buffer.view, size, sequence):
                return
            else:
                number = (number - thinning.packets.before(sequence)) & 0xFFFF
        if rewriter.guard:
            rewriter.guard -= 1
            if (number - rewriter.first) & 0xFFFF >= 0x8000:
                return
        view = buffer.view
        if rewriter.pictures.needed:
            rewriter.pictures.rewrite(view, size)
        stamp = (timestamp + rewriter.ts_off) & 0xFFFFFFFF
        pack_fields(view, FIELDS_AT, pt | mark & 0x80, number, stamp, outgoing.ssrc)
        if rewriter.extensions is not None and view[0] & 0x10:
            renumber_extensions(view, size, rewriter.extensions)
        if rewriter.stamps:
            stamp_send_time(view, size, rewriter.stamps, now)
        if outgoing.mid and size < ROOM:
            size = add_extension(view, size, outgoing.mid)
        if outgoing.wide is not None:
            size = outgoing.wide.went(view, size, outgoing.wide_id, now)
        if self.redundancy.distance and self.line is not None and pt in self.line.red:
            size = self._add_redundancy(view, size, pt, mark, number, stamp)
        outgoing.packets += 1
        outgoing.octets += size
        if (number - outgoing.last_seq) & 0xFFFF < 0x8000:
            outgoing.last_seq = number
            outgoing.last_ts = stamp
            outgoing.last_at = now
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
        if stream.receiver.serial != self._serial or stream.receiver is not self._mapped:
            self._build_maps(stream.receiver)
        rewriter, outgoing = self.rewriter, self.outgoing
        # the same source under a new agreement: older packets are not sent again
        if stream is self.active_source:
            rewriter.guard_from((outgoing.last_seq + 1) & 0xFFFF)
            return True
        before = self.active_source
        simulcast = stream.receiver.simulcast
        if simulcast is not None:
            if simulcast.wanted(self) is not stream.layer:
                return False
        elif (
            isinstance(before, RtpReceiveStream)
            and before.receiver is stream.receiver
            and self._older(stream, before, now)
        ):
            return False
        pt = rewriter.pts.get(mark & 0x7F)
        if pt is None:
            return True  # to be transcoded or dropped
        codec = self.line.codec(pt) if self.line else None
        if self.kind == "video" and not is_key(codec, view, size):
            stream.receiver.request_keyframe_for(self)
            return False
        rewriter.end_thinning(outgoing.last_seq)
        outgoing.last_seq = (outgoing.last_seq + 1) & 0xFFFF
        if outgoing.packets > 0:
            ahead = rewriter.ahead(before, stream, timestamp, outgoing.last_ts)
            ahead = outgoing.pause(now, stream.clock) if ahead is None else ahead
            outgoing.last_ts = (outgoing.last_ts + ahead) & 0xFFFFFFFF
        rewriter.begin(sequence, timestamp, outgoing.last_seq, outgoing.last_ts)
        if self.kind == "video":
            rewriter.pictures.follow(self._last_forwarded(), codec, view, size)
        self.drop_bridge()
        self.active_source = stream
        if simulcast is not None and stream.layer is not None:
            simulcast.shown(self, stream.layer)
        return True

    def _older(self, stream: RtpReceiveStream, before: RtpReceiveStream, now: float) -> bool:
        """A device that changed its SSRC: the newer stream counts, until it falls silent."""
        return stream.born < before.born and now - before.last_at < RETURNS[self.kind]

    def _build_maps(self, receiver: Receiver) -> None:
        self._serial, self._mapped, self._unseen = receiver.serial, receiver, None
        self.rewriter.translate(receiver.line, self.line)

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
        codec = stream.receiver.codec(mark & 0x7F)
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
        if isinstance(self.active_source, RtpReceiveStream):
            return self.active_source.kept(self.active_source.top)
        return self._before

    def next_picture(self) -> int:
        """The VP8 picture number that a producer of this leg should begin with."""
        return self.rewriter.pictures.after(self._last_forwarded())

    # --- packets that the loop forwards in place of Python (calling/media/loop)

    def lend(self, stream: RtpReceiveStream, lent: LentSender) -> dict[int, int] | None:
        """Write into `lent` (struct media_sender) how `stream` is sent here, and our numbers; the payload
        types from its to ours. None: more is done with its packets than the loop can do."""
        same = stream is self.active_source and stream.receiver.serial == self._serial and self.flow is None
        if not same or self.bridge is not None or self.redundancy.distance:
            return None
        if not self.rewriter.lend(lent):
            return None
        self.outgoing.lend(lent)
        return self.rewriter.pts

    def lend_pushes(self, pt: int, lent: LentSender) -> bool:
        """The same for payloads that are pushed by who does so now; whether that may be."""
        if self.flow is not None or self.redundancy.distance or pt not in self._clocks:
            return False
        lent.push_pt, lent.push_clock, lent.next_ts = pt, self._clocks[pt], self._next_ts & 0xFFFFFFFF
        self.outgoing.lend(lent)
        return True

    def restore(self, lent: LentSender) -> None:
        """Take the numbers of `lent`."""
        self.outgoing.restore(lent)
        if isinstance(self.active_source, RtpReceiveStream):
            self.rewriter.guard = lent.guard
        else:
            self._next_ts = lent.next_ts

    def lent(self, feeder: object) -> Forwarded | None:
        """What takes the feeder's payloads for this sender and others at once (`Pushes.push`).

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
        if self.kind == "video":
            self._pacer.add(feeder, bytes(payload), pt, step, marker)
        else:
            self._push(feeder, payload, pt, step, marker)

    def _push(self, feeder: object, payload: bytes | memoryview, pt: int, step: int, marker: bool) -> None:
        transport = self.transport
        if transport is None or transport.tx is None or self.line is None or not self.line.sends:
            return
        if self.flow is not None:
            self.flow.recall()
        now, outgoing = monotonic(), self.outgoing
        if now < self._event_until and feeder is not self:
            return
        if feeder is not self.active_source or now - outgoing.last_at > 1.0:
            if feeder is not self.active_source:
                self.rewriter.pictures.reset()
                self._before = None
            self.active_source = feeder
            pause = outgoing.pause(now, self._clocks.get(pt, 48000)) if outgoing.packets else 0
            self._next_ts = outgoing.last_ts + pause
            marker = marker or self.kind == "audio"
        number = (outgoing.last_seq + 1) & 0xFFFF
        stamp = self._next_ts & 0xFFFFFFFF
        self._next_ts += step
        if self.redundancy.distance and pt in self.line.red:
            payload = self.redundancy.payload(feeder, payload, pt, stamp, number)
            pt = self.line.red[pt]
        outgoing.transmit(payload, pt | (0x80 if marker else 0), number, stamp, now)

    def _estimate(self) -> float | None:
        """Bits per second that the link to this leg carries, None while that is not known."""
        wide = self.transport.wide if self.transport is not None and self.outgoing.wide is not None else None
        return wide.estimate.bitrate if wide is not None else None

    # --- redundancy

    def reported(self, fraction: float) -> None:
        """The far end tells which share of the packets it lost."""
        before = self.outgoing.mid, self.redundancy.distance
        self.far_fraction = fraction
        self.outgoing.reported(self.line)
        if self.line is not None and self.line.red:
            self.redundancy.reported(fraction, self._repair_rtt)
        elif self.bridge is not None:
            self.bridge.expect_loss(fraction)
        if (self.outgoing.mid, self.redundancy.distance) != before:
            self.take_back()
            if before[0] and self.line is not None and not self.line.rtx:
                # Sent again under its number without the MID, a packet would have another header.
                self.rewriter.guard_from((self.outgoing.last_seq + 1) & 0xFFFF)
            if isinstance(self.active_source, RtpReceiveStream):
                self.active_source.steady = STEADY - 1  # nothing else has changed: the next packet tells

    @property
    def _repair_rtt(self) -> float | None:
        """The round trip after which the far end gets lost sound that it asks for; None: it does not ask, or
        gets nothing, since what is pushed or transcoded is not kept."""
        asks = self.line is not None and any("nack" in codec.feedback for codec in self.line.codecs)
        kept = isinstance(self.active_source, RtpReceiveStream) and self.bridge is None
        return self.rtt if asks and kept else None

    def _add_redundancy(
        self, view: memoryview, size: int, pt: int, mark: int, number: int, stamp: int
    ) -> int:
        """Make a packet that is ready to be sent a redundant one; its size then."""
        at = payload_offset(view, size)
        if at is None or self.line is None:
            return size
        sound = view[at : payload_end(view, size)]
        payload = self.redundancy.payload(self.active_source, sound, pt, stamp, number)
        view[0] &= 0xDF
        view[at : at + len(payload)] = payload
        pack_fields(view, FIELDS_AT, self.line.red[pt] | mark & 0x80, number, stamp, self.outgoing.ssrc)
        return at + len(payload)

    # --- digits

    def send_tone(self, payload: bytes) -> None:
        """20 ms of a digit's sound; it replaces what the leg hears."""
        codec = self.codec
        if codec is not None:
            self._event_until = monotonic() + 0.1
            self.push(self, payload, codec.pt, codec.clock // 50)

    def send_event(self, payload: bytes, base: int, offset: int, marker: bool) -> None:
        """One telephone-event packet; base: the timestamp at which the digits began."""
        clock = event_clock(self.line)
        if clock is None or self.line is None:
            return
        self.take_back()
        now, outgoing = monotonic(), self.outgoing
        self._event_until = now + 0.1
        self.active_source = self  # the source takes over again with fresh offsets
        mark = self.line.events[clock] | (0x80 if marker else 0)
        stamp = (base + offset) & 0xFFFFFFFF
        outgoing.transmit(payload, mark, (outgoing.last_seq + 1) & 0xFFFF, stamp, now)

    def event_base(self) -> int:
        """The timestamp of now in this stream."""
        self.take_back()
        clock = event_clock(self.line) or 8000
        return (self.outgoing.last_ts + self.outgoing.pause(monotonic(), clock)) & 0xFFFFFFFF

    def replay_digit(self, digit: str, event_types: Collection[int]) -> None:
        """A digit of a source whose events could not be passed through as they are, or would not be heard."""
        if self.transport is None:
            return
        passed = any(pt in self.rewriter.pts for pt in event_types)
        if not passed or self.transport.port.hears_no_events:
            self.transport.port.send_digits(digit)

    # --- what the far end asks for

    def layers_changed(self, now: float) -> None:
        """Other layers of the source's picture come than before."""
        if self.transport is not None:
            self.transport.port.choose_layers(now)

    def limit_temporal_layers(self, highest: int) -> None:
        """Leave out what is above that temporal layer, where pictures tell theirs; `ALL`: nothing."""
        if self.rewriter.thinning is not None:
            self.rewriter.thinning.limit = highest
        elif highest < ALL and isinstance(self.active_source, RtpReceiveStream):
            self.take_back()
            self.rewriter.thinning = Thinning(highest)

    def tells_temporal_layers(self) -> bool:
        """Whether the pictures that are sent on say which temporal layer they belong to."""
        data, stream = self._last_forwarded(), self.active_source
        if data is None or not isinstance(stream, RtpReceiveStream):
            return False
        return temporal_layer(stream.receiver.codec(data[1] & 0x7F), memoryview(data), len(data)) is not None

    def stamp_send_times(self, on: bool) -> None:
        """Whether packets carry the time at which they go out here, where they carry one at all."""
        number = self.line.extensions.get(ABS_SEND_TIME, 0) if on and self.line is not None else 0
        if number != self.rewriter.stamps:
            self.take_back()
            self.rewriter.stamps = number

    def on_pli(self) -> None:
        if isinstance(self.source, RtpReceiver):
            self.source.request_keyframe_for(self)
        elif self.source is not None:
            self.source.request_keyframe()

    def resend(self, numbers: tuple[int, ...]) -> None:
        """Send lost packets again, as far as the source's are kept."""
        stream, transport = self.active_source, self.transport
        if (
            not isinstance(stream, RtpReceiveStream)
            or transport is None
            or transport.tx is None
            or self.line is None
        ):
            return
        if self.kind == "audio":
            stream.keep_sound()
        # What is kept is sound alone: another payload under one number ends SRTP's secrecy.
        self.retransmission.resend(self.redundancy.sent_alone(numbers), stream, self.line)

    def on_second(self) -> None:
        self.retransmission.on_second()
        if self.redundancy.last is not None:
            self.redundancy.expire(self.outgoing.last_seq)
        self.outgoing.on_second()
