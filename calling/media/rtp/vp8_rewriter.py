"""Pictures in an outgoing stream: where one may begin, and VP8 numbers that go on at a switch. Pure.

RFC 7741 section 4.2: the picture ID and TL0PICIDX of a stream grow by one; a receiver that sees them
jump may wait for a key frame it already has.
"""

from __future__ import annotations

import secrets

from calling.media.rtp.header import av1_key, h264_key, payload_end, payload_offset, vp8, vp9_key
from calling.sdp.model import Codec


def is_key(codec: Codec | None, view: memoryview, size: int) -> bool:
    """Whether a picture that can be decoded by itself begins with this packet."""
    at = payload_offset(view, size)
    if at is None or codec is None:
        return False
    end = payload_end(view, size)
    match codec.name.lower():
        case "vp8":
            found = vp8(view, at, end)
            return found is not None and found.key
        case "vp9":
            return vp9_key(view, at, end)
        case "av1":
            return av1_key(view, at, end)
    return h264_key(view, at, end)


class Vp8Rewriter:
    """Offsets from the current source's numbers to those of the outgoing stream.

    `needed` says whether packets must be changed at all: an attribute, so that the path of each packet asks
    without a call of Python.
    """

    __slots__ = ("base_off", "needed", "off")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.off = self.base_off = 0
        self.needed = False

    def follow(self, last: bytes | None, codec: Codec | None, view: memoryview, size: int) -> None:
        """A new source begins with the packet in `view`; last: the former source's last packet."""
        off, base_off = self.off, self.base_off
        self.reset()
        if last is None or codec is None or codec.name.lower() != "vp8":
            return
        before = memoryview(last)
        old_at, new_at = payload_offset(before, len(last)), payload_offset(view, size)
        if old_at is None or new_at is None:
            return
        old, new = vp8(before, old_at, len(last)), vp8(view, new_at, size)
        if old is None or new is None:
            return
        if old.picture >= 0 and new.picture >= 0:
            self.off = (old.picture + off + 1 - new.picture) & 0x7FFF
        if old.tl0 >= 0 and new.tl0 >= 0:
            self.base_off = (old.tl0 + base_off + 1 - new.tl0) & 0xFF
        self.needed = bool(self.off or self.base_off)

    def leave_out(self, pictures: int) -> None:
        """So many pictures of the source were left out, and stay so."""
        self.off = (self.off - pictures) & 0x7FFF
        self.needed = bool(self.off or self.base_off)

    def rewrite(self, view: memoryview, size: int) -> None:
        """Change the numbers of one VP8 packet in place."""
        at = payload_offset(view, size)
        found = vp8(view, at, size) if at is not None else None
        if found is None:
            return
        if found.picture_at >= 0:
            if found.wide:
                number = (found.picture + self.off) & 0x7FFF
                view[found.picture_at], view[found.picture_at + 1] = 0x80 | number >> 8, number & 0xFF
            else:
                view[found.picture_at] = (found.picture + self.off) & 0x7F
        if found.tl0_at >= 0:
            view[found.tl0_at] = (found.tl0 + self.base_off) & 0xFF

    def after(self, last: bytes | None) -> int:
        """The number that a picture of our own should begin with; last: what was forwarded before."""
        if last is not None:
            view = memoryview(last)
            at = payload_offset(view, len(last))
            found = vp8(view, at, len(last)) if at is not None else None
            if found is not None and found.picture >= 0:
                return (found.picture + self.off + 1) & 0x7FFF
        return secrets.randbits(14)
