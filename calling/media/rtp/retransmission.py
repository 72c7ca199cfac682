"""Sending packets again that the far end asks for (RFC 4585), by RTX where it was agreed (RFC 4588).

What must not live here: which packets are kept, and how RTX is written (`packet_history`, `rtx`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from calling.media.rtp import rtx
from calling.media.rtp.header import FIELDS, FIELDS_AT, ROOM, add_extension
from calling.media.rtp.receive_stream import RtpReceiveStream, monotonic
from calling.media.rtp.rewriter import RtpRewriter
from calling.media.rtp.send_stream import RtpSendStream
from calling.media.rtp.transport import RtpTransport
from calling.sdp.negotiation import Transceiver

RESENDS_PER_SECOND = {"audio": 100, "video": 600}
ASKS = 4  # times as many may be asked for in a second: each is looked for, and mostly is not kept any more


class Retransmission:
    """What was sent by one RtpSender is sent again."""

    def __init__(self, kind: str, outgoing: RtpSendStream, rewriter: RtpRewriter) -> None:
        self.resent = 0
        self._most = RESENDS_PER_SECOND[kind]
        self._lately = self._asked = 0
        self._outgoing, self._rewriter = outgoing, rewriter
        self._rtx_seq = secrets.randbits(15)

    def resend(self, numbers: Iterable[int], stream: RtpReceiveStream, line: Transceiver) -> None:
        """Send these again, as far as the source's are kept."""
        transport, rewriter = self._outgoing.transport, self._rewriter
        if transport is None or transport.tx is None:
            return
        for number in numbers:
            if self._asked >= ASKS * self._most:
                return
            self._asked += 1
            if self._lately >= self._most or rewriter.too_old(number):
                continue
            data = stream.kept(rewriter.original(number))
            if data is not None:
                self._lately += 1
                self.resent += 1
                self._send(data, number, line, transport)

    def _send(self, data: bytes, number: int, line: Transceiver, transport: RtpTransport) -> None:
        outgoing, rewriter = self._outgoing, self._rewriter
        buffer, size = outgoing.buffer, len(data)
        view = buffer.view
        view[:size] = data
        mark, _, timestamp, _ = FIELDS.unpack_from(view, FIELDS_AT)
        pt = rewriter.pts.get(mark & 0x7F)
        if pt is None:
            return
        own = line.rtx.get(pt)
        if own is None and rewriter.stamps:
            return  # another header under the same number tells the key of AES-GCM (RFC 7714 section 8.1)
        now = monotonic()
        rewriter.rewrite_again(line.codec(pt), view, size, now)
        if outgoing.mid and size < ROOM:
            size = add_extension(view, size, outgoing.mid)
        stamp = (timestamp + rewriter.ts_off) & 0xFFFFFFFF
        if own is None:
            FIELDS.pack_into(view, FIELDS_AT, pt | mark & 0x80, number, stamp, outgoing.ssrc)
        else:
            wrapped = rtx.wrap(view, size, number)
            if wrapped is None:
                return
            size = wrapped
            self._rtx_seq = (self._rtx_seq + 1) & 0xFFFF
            FIELDS.pack_into(view, FIELDS_AT, own | mark & 0x80, self._rtx_seq, stamp, line.rtx_ssrc)
        if outgoing.wide is not None:
            size = outgoing.wide.went(view, size, outgoing.wide_id, now)
        buffer.length[0] = size
        if transport.protect(transport.tx, buffer.c, buffer.length) == 0:
            transport.send(view[: buffer.length[0]])

    def on_second(self) -> None:
        self._lately = self._asked = 0
