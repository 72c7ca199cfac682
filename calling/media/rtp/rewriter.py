"""From the packets of a source to those of the stream that goes out: payload types, extensions and numbers.

At a switch of sources the offsets are set anew, so that numbers and timestamps go on. A packet is rewritten
by `sender`, whose path makes no call of Python for it; one that is sent again, here. What must not live here:
which source is sent, and when it is switched.
"""

from __future__ import annotations

from calling.media.rtp.header import renumber_extensions, stamp_send_time
from calling.media.rtp.lent import LentSender
from calling.media.rtp.receive_stream import RtpReceiveStream
from calling.media.rtp.temporal_layers import Thinning
from calling.media.rtp.vp8_rewriter import Vp8Rewriter
from calling.sdp.model import Codec
from calling.sdp.negotiation import Transceiver, translation

AHEAD = 90  # clock units that a picture of another layer comes after the last one at least: 1 ms
YOUNG = 2000  # packets after a switch among which one from before it could still come late


class RtpRewriter:
    """`seq_off`, `ts_off`: what is added to the source's numbers and timestamps."""

    __slots__ = (
        "extensions", "first", "guard", "pictures", "pts", "seq_off", "stamps", "thinning", "ts_off",
    )  # fmt: skip

    def __init__(self) -> None:
        self.seq_off = self.ts_off = 0
        self.pts: dict[int, int] = {}
        self.extensions: dict[int, int] | None = None  # None: they have the same numbers
        self.first = 0  # the number sent first after the switch; while packets are on `guard`,
        self.guard = 0  # of so many that follow those before it are dropped
        self.pictures = Vp8Rewriter()
        self.thinning: Thinning | None = None  # while pictures are left out
        # the number of the extension that gets our own send time, while the far end's estimate is to cover
        # the way from here alone; 0: the source's goes through
        self.stamps = 0

    def translate(self, theirs: Transceiver | None, mine: Transceiver | None) -> None:
        """Payload types and extension numbers from the source's line to this one's."""
        self.pts, self.extensions = {}, None
        if mine is not None and theirs is not None and mine.sends:
            self.pts, self.extensions = translation(theirs, mine)

    def begin(self, sequence: int, timestamp: int, number: int, stamp: int) -> None:
        """The packet with that sequence number and timestamp goes out as `number` and `stamp`."""
        self.seq_off = (number - sequence) & 0xFFFF
        self.ts_off = (stamp - timestamp) & 0xFFFFFFFF
        self.guard_from(number)

    def guard_from(self, first: int) -> None:
        """Older packets than that one are not sent any more."""
        self.first, self.guard = first, YOUNG

    def too_old(self, number: int) -> bool:
        return bool(self.guard) and (number - self.first) & 0xFFFF >= 0x8000

    def ahead(self, before: object, stream: RtpReceiveStream, timestamp: int, last: int) -> int | None:
        """How far behind the last timestamp sent another layer of the same picture goes on, by what both
        sender reports say of one clock; None where they do not."""
        if not isinstance(before, RtpReceiveStream) or before.receiver is not stream.receiver:
            return None
        if stream.layer is None or not before.sr_at or not stream.sr_at:
            return None
        between = ((stream.sr_ntp - before.sr_ntp) * stream.clock) >> 32
        change = stream.sr_rtp - before.sr_rtp - between
        ahead = (timestamp - change + self.ts_off - last) & 0xFFFFFFFF
        if ahead >= 0x80000000:
            ahead -= 0x100000000
        return max(AHEAD, ahead) if abs(ahead) < 2 * stream.clock else None

    def end_thinning(self, last: int) -> None:
        """What was left out stays so; older packets than the one after `last` are not sent any more."""
        thinning, self.thinning = self.thinning, None
        if thinning is not None:
            self.seq_off = (self.seq_off - thinning.packets.total) & 0xFFFF
            self.pictures.leave_out(thinning.pictures.total)
            self.guard_from((last + 1) & 0xFFFF)

    def original(self, number: int) -> int:
        """Which sequence number of the source was sent as `number`."""
        found = (number - self.seq_off) & 0xFFFF
        return self.thinning.packets.original(found) if self.thinning is not None else found

    def rewrite_again(self, codec: Codec | None, view: memoryview, size: int, now: float) -> None:
        """All but the fields of the header, in a packet that was sent before."""
        if self.thinning is not None:
            self.thinning.line_up(codec, view, size)
        if self.pictures.needed:
            self.pictures.rewrite(view, size)
        if self.extensions is not None and view[0] & 0x10:
            renumber_extensions(view, size, self.extensions)
        if self.stamps:
            stamp_send_time(view, size, self.stamps, now)

    def lend(self, lent: LentSender) -> bool:
        """Write offsets and maps into `lent` (struct media_sender, calling/media/loop); whether the loop
        can do all that is done here."""
        if self.pictures.needed or self.stamps or self.thinning is not None:
            return False
        lent.seq_off, lent.ts_off = self.seq_off, self.ts_off
        lent.guard, lent.switch_sequence = self.guard, self.first
        lent.renumbers = self.extensions is not None
        for number, new in (self.extensions or {}).items():
            lent.extensions[number] = new
        for pt, own in self.pts.items():
            lent.pts[pt] = own
        return True
