"""What a leg sends: one kind (audio, video) of one MediaPort, and who gets each packet of it.

It knows what was agreed on, has the streams by SSRC, and gives their packets to taps and sinks. Lost packets
and key frames are asked for once per source (RFC 4585), whoever watches or listens. What must not live here:
the order and the counters of one SSRC (`receive_stream`), and how a packet is sent on (`sender`). Who gets a
packet, and what is asked of the device for it, follow from the same lists: they are one file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from calling.media.rtp.bitrate import BitrateLimit
from calling.media.rtp.dtx import Dtx
from calling.media.rtp.forwarding import FIRST, STEADY, Feed, Pushes
from calling.media.rtp.header import audio_level, payload_end, payload_offset, vp8_width
from calling.media.rtp.receive_stream import Filter, RtpReceiveStream, Sink, monotonic
from calling.media.rtp.simulcast import Layer, Simulcast
from calling.media.rtp.tap import LaterTap, Tap
from calling.media.rtp.telephone_event import DigitListener
from calling.media.rtp.wide_numbers import WideNumbers
from calling.sdp.model import AUDIO_LEVEL, Codec
from calling.sdp.negotiation import Transceiver

if TYPE_CHECKING:
    from calling.media.aiortc_private.srtp import PacketBuffer

COMFORT_NOISE = 13  # RFC 3389; passed over, but it says that its sender pauses
RIDS = 64  # SSRCs whose layer is remembered; a device may bring new ones for ever
KEY_EVERY = 1.0  # seconds between two requests for a key frame to one source


class Offers(Pushes, Protocol):
    """What may handle packets in place of Python (calling/media/loop)."""

    def offer(self, receiver: RtpReceiver, stream: RtpReceiveStream) -> None:
        """Python handles a stream of that receiver, and has done so for some packets: take it over, if that
        can be."""

    def numbers(self) -> WideNumbers:
        """The transport-wide numbers of a leg whose packets are its and Python's."""

    def offer_pushes(self, sender: Sink, pt: int, feed: Feed) -> None:
        """The same of a sender to which that is pushed."""


class Feedback(Protocol):
    """What goes back to the device that sends: its transport."""

    forwarder: Offers | None  # who may take over what comes from there

    def request_keyframe(self, line: Transceiver, ssrc: int) -> None:
        """Ask for a key frame of this SSRC, where the line's codecs have a way to."""

    def send_nack(self, line: Transceiver, stream: RtpReceiveStream, now: float) -> None:
        """Ask for the packets that this stream misses."""


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
        self.dtx = Dtx()
        self.level_id = 0
        self.nacks = False
        self.serial = 0  # grows with each agreed line, so that senders forget their maps
        self.bitrate_limits: dict[object, tuple[int, float]] = {}  # sink -> (REMB, when)
        self.limit = BitrateLimit()
        self.rate = 0.0  # bits per second of what came before the last report
        self.simulcast: Simulcast[Sink] | None = None  # of a picture that comes in several layers
        self._rids: dict[int, str] = {}  # SSRC -> rid, also of former associations
        self.counted = (0, 0, 0)  # octets, expected, packets at the last report
        self._past = (0, 0, 0)  # the same of streams that were forgotten
        self.watched = 0  # packets a second ago
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
        self.nacks = any("nack" in codec.feedback for codec in line.codecs) if line else False

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
            stream.steady = STEADY - FIRST
            if stream.flow is not None:
                stream.flow.recall()

    @property
    def formats(self) -> frozenset[int]:
        """Payload types that are handed on."""
        return frozenset((*self._codecs, *self.event_clocks))

    @property
    def only_relays(self) -> bool:
        """Whether packets are handed to the sinks, kept and their levels noted, and nothing else is done.

        Where nobody listens, as while the other side rings, they are counted and dropped: that too is done
        without Python.
        """
        if self.muted or self.filter is not None or self.simulcast is not None:
            return False
        if len(self.later) < len(self.taps):
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
        if muted == self.muted:
            return  # each step of a plan says it anew
        self.take_back()
        if self.muted and not muted:
            self.renew()
            if self.kind == "video":
                self.request_keyframe()
        self.muted = muted

    def renew(self) -> None:
        """The next packet does not continue the last one."""
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
        if stream.history is not None and self.kind == "audio":
            # As it is sent: under one number, SRTP must see one payload.
            stream.history[sequence & stream.history.mask] = (sequence, bytes(buffer.view[:size]))
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
                forwarder.offer(self, stream)

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
            self.dtx.seen = True
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
                sink.replay_digit(digit, self.event_clocks)

    # --- feedback to the device

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
