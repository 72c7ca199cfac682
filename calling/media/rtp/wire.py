"""What every transport of a leg has in common, encrypted or not: streams by SSRC, RTCP, repairs.

A Wire reads its sockets itself (subclasses do) and hands authentic packets to Streams. `protect` is the
in-place function that outlets call before `send`; on a plain wire it does nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from calling.media.aiortc_private import PacketBuffer, protect, protect_rtcp, unprotect_rtcp
from calling.media.negotiation import Line
from calling.media.rtp import rtcp
from calling.media.rtp.header import FIELDS, FIELDS_AT, extension, payload_end, payload_offset
from calling.media.rtp.inlet import Stream
from calling.media.rtp.wheel import wheel
from calling.media.sdp_model import MID
from calling.media.signals import Flood

if TYPE_CHECKING:
    from calling.media.rtp.port import Port

MAX_STREAMS = 16  # SSRCs of one transport; more is churn (R21)
unpack_fields = FIELDS.unpack_from


class Wire(ABC):
    """Streams and feedback of one transport."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.buffer = PacketBuffer()
        self.out = PacketBuffer(1500)
        self.rx: Any = None
        self.tx: Any = None
        self.protect: Callable[[Any, Any, Any], int] = protect
        self.streams: dict[int, Stream] = {}
        self.lines: list[Line] = []
        self.repairs: dict[int, int] = {}  # RTX SSRC -> SSRC
        self.refused = 0
        self.closed = False
        self._churn = 0
        self._wheel = wheel()

    @property
    def ready(self) -> bool:
        return self.tx is not None

    def trip(self) -> float:
        """The round trip to the far end in seconds, 0 while it is not known."""
        return max((outlet.rtt or 0.0 for outlet in self.port.outlets()), default=0.0)

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
        if protect_rtcp(self.tx, out.c, out.length) == 0:
            self.send(out.view[: out.length[0]])

    # --- datagrams in

    def new_stream(self, ssrc: int, pt: int, sequence: int, size: int) -> Stream | None:
        """Find whose stream an unknown SSRC is: by MID, signalled SSRC, then payload type."""
        if ssrc in self.repairs or any(pt in line.rtx.values() for line in self.lines):
            self._repair(ssrc, size)
            return None
        if len(self.streams) >= MAX_STREAMS:
            self._churn += 1
            if self._churn == 100:
                self.port.signal(Flood("audio", 0))
            return None
        line = self._line_of(ssrc, pt, size)
        inlet = self.port.inlet_of(line) if line is not None else None
        if inlet is None:
            return None
        stream = inlet.stream(ssrc, sequence, pt)
        self.streams[ssrc] = stream
        self.port.first_packet(inlet)
        return stream

    def _line_of(self, ssrc: int, pt: int, size: int) -> Line | None:
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
        speakers = [line for line in lines if line.codec(pt) is not None or pt in line.events.values()]
        return speakers[0] if speakers else None

    def _repair(self, ssrc: int, size: int) -> None:
        """Turn an RTX packet (RFC 4588) back into the one that was lost."""
        view = self.buffer.view
        mark, _, timestamp, _ = unpack_fields(view, FIELDS_AT)
        for line in self.lines:
            original = next((pt for pt, rtx in line.rtx.items() if rtx == mark & 0x7F), None)
            if original is None:
                continue
            inlet = self.port.inlet_of(line)
            at, end = payload_offset(view, size), payload_end(view, size)
            main = self.repairs.get(ssrc) or line.remote_rtx.get(ssrc)
            stream = inlet.streams.get(main) if inlet and main else (inlet.current() if inlet else None)
            if stream is None or at is None or end - at < 3:
                return  # an empty one is bandwidth probing
            sequence = view[at] << 8 | view[at + 1]
            if sequence not in stream.asked:
                return
            view[at : end - 2] = bytes(view[at + 2 : end])
            view[0] &= 0xDF
            FIELDS.pack_into(view, FIELDS_AT, original | mark & 0x80, sequence, timestamp, stream.ssrc)
            stream.receive(self.buffer, end - 2, original | mark & 0x80, sequence, timestamp)
            return

    def control(self, size: int) -> None:
        """One SRTCP datagram in the buffer."""
        buffer = self.buffer
        buffer.length[0] = size
        if unprotect_rtcp(self.rx, buffer.c, buffer.length):
            self.refused += 1
            return
        self.port.feedback(self, bytes(buffer.view[: buffer.length[0]]))

    # --- feedback that an inlet wants sent

    def request_key(self, line: Line, ssrc: int) -> None:
        if any("nack pli" in codec.feedback for codec in line.codecs):
            message = rtcp.pli(line.ssrc, ssrc)
        elif any("ccm fir" in codec.feedback for codec in line.codecs):
            self.port.fir_number += 1
            message = rtcp.fir(line.ssrc, ssrc, self.port.fir_number)
        else:
            return
        self.send_control(rtcp.receiver_report(line.ssrc, []) + message)

    def ask_again(self, line: Line, stream: Stream, now: float) -> None:
        wanted = stream.due(now)
        if wanted:
            self.send_control(rtcp.receiver_report(line.ssrc, []) + rtcp.nack(line.ssrc, stream.ssrc, wanted))
        if stream.asked:
            self._wheel.sprint(self)

    def sprint(self, now: float) -> bool:
        if self.closed:
            return False
        waiting = False
        for stream in self.streams.values():
            if stream.asked and stream.inlet.line is not None:
                wanted = stream.due(now)
                if wanted:
                    line: Line = stream.inlet.line
                    report = rtcp.receiver_report(line.ssrc, [])
                    self.send_control(report + rtcp.nack(line.ssrc, stream.ssrc, wanted))
                waiting = waiting or bool(stream.asked)
        return waiting
