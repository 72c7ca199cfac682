"""What every transport of a leg has in common, encrypted or not: streams by SSRC, RTCP, repairs.

An RtpTransport reads its sockets itself (subclasses do) and hands authentic packets to their streams.
`protect` is the in-place function that senders call before `send`; on a plain wire it does nothing.
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from calling.media.aiortc_private.srtp import SRTP, PacketBuffer, Srtp
from calling.media.rtp import rtcp, rtx
from calling.media.rtp.events import Flood, PeerFailed, Signal
from calling.media.rtp.forwarding import Forwarded
from calling.media.rtp.header import FIELDS, FIELDS_AT, extension
from calling.media.rtp.receive_stream import RtpReceiveStream, monotonic
from calling.media.rtp.receiver import Offers, RtpReceiver
from calling.media.rtp.timer_wheel import wheel
from calling.media.rtp.transport_wide import TransportWide
from calling.media.rtp.wide_numbers import PythonNumbers
from calling.sdp.model import MID, REPAIRED_STREAM_ID, STREAM_ID, TRANSPORT_WIDE
from calling.sdp.negotiation import Transceiver

# SSRCs of one transport at once (docs/security.md#r21); one that fell silent makes room for a new one
MAX_STREAMS = 16
IDLE_SECONDS = 0.1  # silence after which a stream may be forgotten for another
CHURN = 100  # SSRCs that come and go, or find no room, within a second
unpack_fields = FIELDS.unpack_from


class PortEvents(Protocol):
    """The port of a transport, as the transport sees it."""

    fir_number: int
    unsent: int
    expects_media: bool
    hears_no_events: bool

    def rtt(self) -> float | None:
        """The round trip in seconds as RTCP measured it, None while it is not known."""

    def receiver_of(self, line: Transceiver) -> RtpReceiver | None:
        """The receiver that was bound to an agreed line."""

    def first_packet(self, receiver: RtpReceiver) -> None:
        """The first packet of a stream came."""

    def feedback(self, transport: RtpTransport, data: bytes) -> None:
        """One authentic compound RTCP packet came."""

    def signal(self, signal: Signal) -> None:
        """Something happened that the session wants to know."""

    def send_digits(self, digits: str) -> bool:
        """Send digits to this leg; False: there is no way."""

    def choose_layers(self, now: float) -> None:
        """Pictures that this leg sees come in other layers than before."""

    def connected(self) -> None:
        """A transport is ready."""

    def failed(self, why: PeerFailed) -> None:
        """A transport is over, and so is its peer."""


class Hop(NamedTuple):
    """A pair of addresses on a port that legs share. `owner`: who gets what comes from the far one."""

    sock: socket.socket
    place: int
    address: tuple[Any, ...]
    owner: object


class RtpTransport(ABC):
    """Streams and feedback of one transport."""

    def __init__(self, port: PortEvents) -> None:
        self.port = port
        self.buffer = PacketBuffer()
        self.out = PacketBuffer(1500)
        self.rx: object = None  # opaque: the sessions of libsrtp
        self.tx: object = None
        self.srtp: Srtp = SRTP
        self.protect: Callable[[Any, Any, Any], int] = SRTP.protect
        self.forwarder: Offers | None = None  # who may take over what is sent here
        self.flows: set[Forwarded] = set()  # what is forwarded from or to here without Python
        self.streams: dict[int, RtpReceiveStream] = {}
        self.lines: list[Transceiver] = []
        self.rtx_map: dict[int, int] = {}  # RTX SSRC -> SSRC
        self.wide: TransportWide | None = None  # once a picture is under transport-wide control
        self.refused = 0
        self.closed = False
        self._churn = 0
        self._churn_until = 0.0
        self._wheel = wheel()

    @property
    def ready(self) -> bool:
        return self.tx is not None

    def rtt(self) -> float:
        """The round trip to the far end in seconds, 0 while it is not known."""
        return self.port.rtt() or 0.0

    @property
    def stun_rtt(self) -> float | None:
        """The same as STUN measured it, where there is ICE."""
        return None

    def consents(self, since: float, *, ask: bool) -> bool:
        """Whether the far end has agreed since then to be sent to (RFC 7675); `ask`: ask it again now."""
        return True

    @abstractmethod
    def send(self, data: memoryview | bytes) -> None:
        """One protected datagram to the far end."""

    def send_control(self, data: bytes) -> None:
        """Protect and send one compound RTCP packet."""
        size = len(data)
        if self.tx is None or size > 1400:
            return
        out = self.out
        out.view[:size] = data
        out.length[0] = size
        if self.srtp.protect_rtcp(self.tx, out.c, out.length) == 0:
            self.send(out.view[: out.length[0]])

    def forwarded_by(self, forwarder: Offers, srtp: Srtp) -> None:
        """Let that one forward what is sent here; our sessions are used with its functions then."""
        self.forwarder, self.srtp, self.protect = forwarder, srtp, srtp.protect

    def hop(self) -> Hop | None:
        """Where packets come in and go out just now, None where only Python can take and send them."""
        return None

    def take_back(self) -> None:
        """Sessions or addresses change: what is forwarded from or to here is Python's again."""
        for flow in list(self.flows):
            flow.recall()

    def moved(self) -> None:
        """The far end is at another address than before."""
        self.take_back()

    def take_lines(self, lines: list[Transceiver]) -> None:
        """Take the agreed lines of this transport."""
        self.lines = lines
        self.rtx_map = {rtx: main for line in lines for rtx, main in line.remote_rtx.items()}
        if self.wide is None and any(TRANSPORT_WIDE in line.extensions for line in lines):
            numbers = self.forwarder.numbers() if self.forwarder is not None else PythonNumbers()
            self.wide = TransportWide(self, numbers)
        if self.wide is not None:
            self.wide.agree(lines)

    def picture_ssrc(self) -> int:
        """One of the streams of pictures that come, 0 where none does."""
        return next((s.ssrc for s in self.streams.values() if s.receiver.kind == "video"), 0)

    # --- datagrams in

    def new_stream(self, ssrc: int, pt: int, sequence: int, size: int) -> RtpReceiveStream | None:
        """Find whose stream an unknown SSRC is: by MID, signalled SSRC, then payload type."""
        if ssrc in self.rtx_map or any(pt in line.rtx.values() for line in self.lines):
            self._recover_rtx(ssrc, size)
            return None
        if len(self.streams) >= MAX_STREAMS and not self._made_room():
            return None
        line = self._line_of(ssrc, pt, size)
        receiver = self.port.receiver_of(line) if line is not None else None
        if receiver is None or line is None:
            return None
        stream = receiver.stream(ssrc, sequence, pt, self._rid(line, STREAM_ID, size))
        if stream is None:
            return None
        self.streams[ssrc] = stream
        self.port.first_packet(receiver)
        return stream

    def _made_room(self) -> bool:
        """Forget the stream that has been silent longest, if one is; too many of them are a flood."""
        now = monotonic()
        if now >= self._churn_until:
            self._churn, self._churn_until = 0, now + 1.0
        self._churn += 1
        if self._churn == CHURN:
            self.port.signal(Flood("audio"))
        for flow in self.flows:
            flow.sync()
        oldest = min(self.streams.values(), key=lambda stream: stream.last_at)
        if now - oldest.last_at < IDLE_SECONDS:
            return False
        del self.streams[oldest.ssrc]
        oldest.receiver.forget(oldest)
        return True

    def _rid(self, line: Transceiver, uri: str, size: int) -> str | None:
        """The layer that the packet in the buffer says it belongs to."""
        number = line.extensions.get(uri) if line.layers else None
        found = extension(self.buffer.view, size, number) if number else None
        return bytes(found).decode(errors="replace") if found is not None else None

    def _line_of(self, ssrc: int, pt: int, size: int) -> Transceiver | None:
        lines = [line for line in self.lines if line.receives]
        for line in lines:
            number = line.extensions.get(MID)
            found = extension(self.buffer.view, size, number) if number else None
            if found is not None:
                value = bytes(found)
                return next((one for one in lines if one.mid is not None and one.mid.encode() == value), None)
        for line in lines:
            if ssrc in line.remote_ssrcs:
                return line
        speakers = [
            line
            for line in lines
            if line.codec(pt) is not None or pt in line.events.values() or pt in line.red.values()
        ]
        return speakers[0] if speakers else None

    def _recover_rtx(self, ssrc: int, size: int) -> None:
        """Turn an RTX packet (RFC 4588) back into the one that was lost."""
        view = self.buffer.view
        mark, _, timestamp, _ = unpack_fields(view, FIELDS_AT)
        for line in self.lines:
            original = next((pt for pt, own in line.rtx.items() if own == mark & 0x7F), None)
            if original is None:
                continue
            receiver = self.port.receiver_of(line)
            main = self.rtx_map.get(ssrc) or line.remote_rtx.get(ssrc)
            rid = self._rid(line, REPAIRED_STREAM_ID, size) if line.layers else None
            if receiver is None:
                stream = None
            elif rid is not None:
                stream = receiver.of_layer(rid)
            elif main:
                stream = receiver.streams.get(main)
            else:
                stream = receiver.current() if not line.layers else None
            found = rtx.unwrap(view, size) if stream is not None else None
            if stream is None or found is None or found[0] not in stream.missing:
                return
            sequence, size = found
            FIELDS.pack_into(view, FIELDS_AT, original | mark & 0x80, sequence, timestamp, stream.ssrc)
            stream.receive(self.buffer, size, original | mark & 0x80, sequence, timestamp)
            return

    def control(self, size: int) -> None:
        """One SRTCP datagram in the buffer."""
        buffer = self.buffer
        buffer.length[0] = size
        if self.srtp.unprotect_rtcp(self.rx, buffer.c, buffer.length):
            self.refused += 1
            return
        self.port.feedback(self, bytes(buffer.view[: buffer.length[0]]))

    # --- feedback that a receiver wants sent

    def request_keyframe(self, line: Transceiver, ssrc: int) -> None:
        if any("nack pli" in codec.feedback for codec in line.codecs):
            message = rtcp.pli(line.ssrc, ssrc)
        elif any("ccm fir" in codec.feedback for codec in line.codecs):
            self.port.fir_number += 1
            message = rtcp.fir(line.ssrc, ssrc, self.port.fir_number)
        else:
            return
        self.send_control(rtcp.receiver_report(line.ssrc, []) + message)

    def send_nack(self, line: Transceiver, stream: RtpReceiveStream, now: float) -> None:
        wanted = stream.missing.due(stream.top, now, self.rtt())
        if wanted:
            self.send_control(rtcp.receiver_report(line.ssrc, []) + rtcp.nack(line.ssrc, stream.ssrc, wanted))
        if stream.missing:
            self._wheel.add_fast_tick(self)

    def on_fast_tick(self, now: float) -> bool:
        if self.closed:
            return False
        waiting = False
        for stream in self.streams.values():
            line = stream.receiver.line
            if stream.missing and line is not None:
                self.send_nack(line, stream, now)
                waiting = waiting or bool(stream.missing)
        return waiting
