"""One SSRC that goes out: its numbers, its counters, and packets that are built here.

Numbers and timestamps go on without a break, so that the receiver and SRTP see one stream: no number is ever
used for two different packets. What must not live here: whose packets go out, and how those of another stream
are rewritten (`sender`, `rewriter`).
"""

from __future__ import annotations

import secrets

from calling.media.aiortc_private.srtp import PacketBuffer
from calling.media.rtp.header import FIELDS, FIELDS_AT, ROOM, add_extension, element
from calling.media.rtp.lent import LentSender
from calling.media.rtp.transport import RtpTransport
from calling.media.rtp.wide_numbers import WideNumbers
from calling.sdp.model import MID, TRANSPORT_WIDE
from calling.sdp.negotiation import Transceiver

pack_fields = FIELDS.pack_into


class RtpSendStream:
    """`last_seq`, `last_ts`, `last_at`: of the newest packet. The path of each relayed packet writes them and
    the counters itself, without a call of Python."""

    __slots__ = (
        "_octets_before", "buffer", "known", "last_at", "last_seq", "last_ts", "mid", "octets", "packets",
        "rate", "ssrc", "transport", "wide", "wide_id",
    )  # fmt: skip

    def __init__(self) -> None:
        self.buffer = PacketBuffer()
        self.transport: RtpTransport | None = None
        # whose numbers the packets get besides, and in which extension; None: they get none
        self.wide: WideNumbers | None = None
        self.wide_id = 0
        self.ssrc = secrets.randbits(31) | 1
        self.packets = self.octets = 0
        self.rate = 0.0  # bits per second of the last second
        self._octets_before = 0
        self.last_at = 0.0
        self.last_seq = secrets.randbits(15)
        self.last_ts = secrets.randbits(31)
        # The MID of every packet, until the far end reports on this SSRC (RFC 8843 section 15): the answer
        # that tells it the SSRC travels on another way than the packets, and may come after them.
        self.mid = b""
        self.known: tuple[int, str | None] | None = None  # the SSRC and MID that it has reported on

    def bind(self, line: Transceiver | None, transport: RtpTransport | None) -> None:
        """Take the agreed line; the SSRC is the line's."""
        self.transport = transport
        if line is not None:
            self.ssrc = line.ssrc
        self.wide_id = line.extensions.get(TRANSPORT_WIDE, 0) if line is not None else 0
        self.wide = None
        if self.wide_id and transport is not None and transport.wide is not None:
            self.wide = transport.wide.numbers
        self.mid = b""
        if line is not None and line.mid and MID in line.extensions and self.known != (line.ssrc, line.mid):
            self.mid = element(line.extensions[MID], line.mid.encode())

    def reported(self, line: Transceiver | None) -> None:
        """The far end knows whose this SSRC is."""
        self.mid, self.known = b"", (self.ssrc, line.mid if line is not None else None)

    def pause(self, now: float, clock: int) -> int:
        """Clock units from the newest packet until now, one at least."""
        return max(1, int((now - self.last_at) * clock))

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
        if self.mid and size < ROOM:
            size = add_extension(view, size, self.mid)
        if self.wide is not None:
            size = self.wide.went(view, size, self.wide_id, now)
        self.last_seq, self.last_ts, self.last_at = number, stamp, now
        self.packets += 1
        self.octets += size
        buffer.length[0] = size
        if transport.protect(transport.tx, buffer.c, buffer.length) == 0:
            transport.send(view[: buffer.length[0]])

    def lend(self, lent: LentSender) -> None:
        """Write our numbers into `lent` (struct media_sender, calling/media/loop)."""
        lent.out_ssrc = self.ssrc
        if self.wide is not None and self.wide.memory is not None:
            lent.wide, lent.wide_id = self.wide.memory, self.wide_id
        lent.sent_packets, lent.sent_octets = self.packets, self.octets
        lent.out_seq, lent.out_ts, lent.sent_at = self.last_seq, self.last_ts, self.last_at
        lent.mid_size = len(self.mid)
        lent.mid[0 : len(self.mid)] = self.mid

    def restore(self, lent: LentSender) -> None:
        """Take the numbers of `lent`."""
        self.packets, self.octets = lent.sent_packets, lent.sent_octets
        self.last_seq, self.last_ts, self.last_at = lent.out_seq, lent.out_ts, lent.sent_at

    def on_second(self) -> None:
        self.rate = 8.0 * (self.octets - self._octets_before)
        self._octets_before = self.octets
