"""One SSRC that comes in: its order and its counters, what it lost, and its packets taken out of RED.

Counters follow RFC 3550 appendix A. Packets stay in the reader's buffer; who wants to keep one copies it.
What must not live here: what is agreed on, and which sinks and taps a packet goes to (`receiver`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

import clock
from calling.media.codecs.opus import opus_samples
from calling.media.codecs.order import AHEAD, Order, Restarts
from calling.media.rtp.forwarding import FIRST, STEADY, Forwarded
from calling.media.rtp.header import FIELDS, FIELDS_AT, payload_end, payload_offset
from calling.media.rtp.lent import Lent
from calling.media.rtp.nack import PICTURES, SOUND, Missing
from calling.media.rtp.packet_history import PICTURES_KEPT, SOUND_KEPT, PacketHistory
from calling.media.rtp.red import Arrivals, blocks, primary
from calling.media.rtp.simulcast import Layer, Simulcast
from calling.media.rtp.tap import LaterTap
from calling.media.rtp.telephone_event import DigitListener
from calling.sdp.model import Codec
from calling.sdp.negotiation import Transceiver

if TYPE_CHECKING:
    from calling.media.aiortc_private.srtp import PacketBuffer

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

    def replay_digit(self, digit: str, event_types: Collection[int]) -> None:
        """A digit that came in events of these payload types: send it, unless they were passed through."""

    def attach_source(self, source: None) -> None:
        """The source ends."""


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


class Receiver(Protocol):
    """What a stream needs of its RtpReceiver, and what is asked of that by who gets a packet."""

    kind: str
    line: Transceiver | None
    serial: int
    nacks: bool
    noticed: frozenset[int]
    redundant: frozenset[int]
    carried: frozenset[int]
    level_id: int
    later: tuple[LaterTap, ...]
    sinks: tuple[Sink, ...]
    simulcast: Simulcast[Sink] | None

    def codec(self, pt: int) -> Codec | None:
        """What that payload type means."""

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

    def event(self, stream: RtpReceiveStream, view: memoryview, size: int, mark: int, timestamp: int) -> None:
        """A telephone-event, or comfort noise."""

    def renew(self) -> None:
        """The next packet does not continue the last one."""

    def forget(self, stream: RtpReceiveStream) -> None:
        """Drop a stream that fell silent; what it brought stays counted."""

    def request_keyframe(self, stream: RtpReceiveStream | None = None) -> None:
        """Ask the source for a key frame (of that stream)."""

    def request_keyframe_for(self, sink: Sink) -> None:
        """Ask for a key frame of what that sink sees, or is to see."""

    def send_nack(self, stream: RtpReceiveStream, now: float) -> None:
        """Ask for the packets that this stream misses."""


class RtpReceiveStream:
    """One SSRC that comes in."""

    __slots__ = (
        "arrivals", "base", "born", "clock", "cycles", "digits", "flow", "history", "jitter", "last_at",
        "last_ts", "layer", "missing", "octets", "packets", "prior_expected", "prior_received", "pt",
        "receiver", "recovered", "restarts", "sr_at", "sr_ntp", "sr_rtp", "ssrc", "steady", "top", "transit",
    )  # fmt: skip

    def __init__(self, ssrc: int, receiver: Receiver, sequence: int, clock: int) -> None:
        self.ssrc = ssrc
        self.receiver = receiver
        self.clock = clock
        self.pt = -1  # of the sound or picture that came last
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
        self.missing = Missing(PICTURES if receiver.kind == "video" else SOUND)
        self.restarts: Restarts | None = None  # made at the first packet outside the order
        self.digits: DigitListener | None = None  # made at the first event
        self.arrivals: Arrivals | None = None  # made at the first redundant packet
        self.flow: Forwarded | None = None  # while it is forwarded without Python
        self.steady = STEADY - FIRST  # packets handed on since it was last offered
        self.layer: Layer[Sink] | None = None  # which layer of a simulcast picture it is
        self.history = PacketHistory(PICTURES_KEPT) if receiver.kind == "video" else None

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
            self.steady = STEADY - FIRST  # it may just have waited for Python while the stream was handed on
        now = monotonic()
        receiver = self.receiver
        step = (sequence - self.top) & 0xFFFF
        repaired = False
        if step < AHEAD:
            if sequence < self.top:
                self.cycles += 65536
            self.top = sequence
            if step > 1 and receiver.nacks:
                self._gap(sequence, step, mark & 0x7F in receiver.redundant, now)
        elif self.missing and self.missing.pop(sequence, None) is not None:
            self.recovered += 1
            repaired = True
        elif not self._out_of_order(sequence, step):
            return
        self.packets += 1
        self.octets += size
        transit = now * self.clock - timestamp
        change = transit - self.transit
        self.transit = self.transit if repaired else transit
        if change < 0:
            change = -change
        # a jump of over a second is a new timeline, not jitter, and neither is what was sent twice
        if change < self.clock and not repaired:
            self.jitter += (change - self.jitter) * 0.0625
        self.last_at = now
        self.last_ts = timestamp
        if self.history is not None and receiver.kind == "video":
            self.history[sequence & self.history.mask] = (sequence, bytes(buffer.view[:size]))
        if mark & 0x7F in receiver.noticed:
            if mark & 0x7F in receiver.redundant:
                if self.pt not in receiver.carried:
                    self._speak(next(iter(receiver.carried)), timestamp, now)
                self._unwrap(buffer, size, mark, sequence, timestamp, now)
                if self.missing:
                    receiver.send_nack(self, now)  # for what no block brought
                return
            receiver.event(self, buffer.view, size, mark, timestamp)
        elif mark & 0x7F != self.pt:
            self._speak(mark & 0x7F, timestamp, now)
        if self.arrivals is not None and not self.arrivals.is_new(sequence):
            return  # a block brought it already
        receiver.deliver(self, buffer, size, mark, sequence, timestamp, now)

    def _speak(self, pt: int, timestamp: int, now: float) -> None:
        """Another format than before; a device may change it at any time, and keeps its SSRC."""
        codec = self.receiver.codec(pt)
        if codec is None:
            return
        self.pt = pt
        if codec.clock != self.clock:
            self.clock, self.jitter, self.sr_at = codec.clock, 0.0, 0.0
            self.transit = now * codec.clock - timestamp

    def _unwrap(
        self, buffer: PacketBuffer, size: int, mark: int, sequence: int, timestamp: int, now: float
    ) -> None:
        """Hand on what a redundant packet carries: lost packets that its blocks bring, then itself."""
        view, receiver = buffer.view, self.receiver
        at = payload_offset(view, size)
        came = self.arrivals
        if came is not None and at is not None and came.is_next(sequence):
            if view[0] & 0x20:
                size = payload_end(view, size)
                view[0] &= 0xDF
            pt, first = primary(view, at, size)
            if pt in receiver.carried:
                end = at + size - first
                view[at:end] = view[first:size].tobytes()
                receiver.deliver(self, buffer, end, mark & 0x80 | pt, sequence, timestamp, now)
            return
        found = blocks(view[at : payload_end(view, size)]) if at is not None else None
        if found is None or at is None or any(block.pt not in receiver.carried for block in found):
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
            if age:
                self.recovered += 1
                self.missing.pop(number, None)
            receiver.deliver(self, buffer, end, own, number, stamp, now)

    def _out_of_order(self, sequence: int, step: int) -> bool:
        """Whether a late packet, or one after a jump, is to be used."""
        restarts = self.restarts = self.restarts or Restarts()
        found = restarts.judge(step, sequence, self.packets)
        if found is Order.RESTART:
            self.receiver.renew()
            self.base = sequence - self.expected  # what was expected and lost until now stays counted
            self.cycles, self.top = 0, sequence
            self.arrivals = None
            self.missing.clear()
            if self.history is not None:
                self.history.forget()
        return found is not Order.SUSPECT

    def keep_sound(self) -> None:
        """A listener loses packets and says which: keep the last ones from now on."""
        if self.history is None:
            self.history = PacketHistory(SOUND_KEPT)
            if self.flow is not None:
                self.flow.recall()

    def lend(self, flow: Lent) -> bool:
        """Write our numbers into `flow` (struct media_flow, calling/media/loop); whether that may be: of a
        picture nothing is missing, nor of sound whose sender repairs it, and of redundant sound nothing that
        blocks could bring."""
        flow.ssrc, flow.clock, flow.top, flow.cycles = self.ssrc, self.clock, self.top, self.cycles
        flow.packets, flow.octets = self.packets, self.octets
        flow.jitter, flow.transit, flow.last_at, flow.last_ts = (
            self.jitter, self.transit, self.last_at, self.last_ts,
        )  # fmt: skip
        later = self.receiver.later
        if self.receiver.nacks and self.receiver.redundant and self.arrivals is None:
            self.arrivals = Arrivals()  # with it, the loop notices gaps
            return False
        flow.picture = self.receiver.kind == "video" or (self.receiver.nacks and self.arrivals is None)
        flow.keeps = max((tap.keeps for tap in later), default=0)
        if self.history is not None:
            flow.keeps = max(flow.keeps, len(self.history))
        flow.level_id = self.receiver.level_id if any(tap.by_level for tap in later) else 0
        flow.arrivals = self.arrivals is not None
        if self.arrivals is not None:
            flow.arrivals_top, flow.seen = self.arrivals.state
            if not self.arrivals.complete:
                return False
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
        """The packet with that number if it is still there."""
        found = self.flow.kept(sequence) if self.flow is not None else None
        if found is None and self.history is not None:
            return self.history.packet(sequence)
        return found

    def _gap(self, sequence: int, step: int, redundant: bool, now: float) -> None:
        """Ask for what is missing before that packet; redundant: its blocks may bring some of it."""
        if self.layer is not None and not self.layer.viewers:
            return
        if not self.missing.gap(sequence, step):
            if self.receiver.kind == "video":
                self.receiver.request_keyframe(self)
        elif not redundant:
            self.receiver.send_nack(self, now)
