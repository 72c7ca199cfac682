"""Leaving out pictures that no other needs, for a viewer whose link is too small (RFC 7741, RFC 9628).

The payload descriptor of VP8 and VP9 may tell each picture's temporal layer. Pictures of the upper ones are
left out whole; the numbers of the others close up, so that the viewer misses nothing. Pure.
"""

from __future__ import annotations

from collections import deque

from calling.media.rtp.header import payload_end, payload_offset, vp8, vp9_layer
from calling.sdp.model import Codec

KEPT = 512  # numbers left out that are remembered, for packets that come late or are asked for again
ALL = 7  # no layer is left out: the highest number of one that a descriptor can tell


class Gaps:
    """Numbers of a circle of `size` that are left out, in their order."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left_out: deque[int] = deque(maxlen=KEPT)
        self.total = 0

    def leave_out(self, number: int) -> None:
        if not self._left_out or self._left_out[-1] != number:
            self._left_out.append(number)
            self.total += 1

    def before(self, number: int) -> int:
        """How many are left out before that one."""
        half, later = self._size >> 1, 0
        for each in reversed(self._left_out):
            if 0 < (number - each) % self._size < half:
                break
            later += 1
        return self.total - later

    def original(self, number: int) -> int:
        """The number that `number` was before the gaps were closed."""
        found = (number + self.total) % self._size
        half = self._size >> 1
        for each in reversed(self._left_out):
            if 0 < (found - each) % self._size < half:
                break
            found = (found - 1) % self._size
        return found


def temporal_layer(codec: Codec | None, view: memoryview, size: int) -> tuple[int, bool, bool, int] | None:
    """(layer, whether it may be entered here, whether a picture begins, picture id or -1) of a packet, None
    where it does not tell."""
    at = payload_offset(view, size)
    if codec is None or at is None:
        return None
    end, name = payload_end(view, size), codec.name.lower()
    if name == "vp8":
        found = vp8(view, at, end)
        if found is None or found.layer < 0:
            return None
        return found.layer, found.sync, found.start, found.picture if found.wide else -1
    read = vp9_layer(view, at, end) if name == "vp9" else None
    return (*read, -1) if read is not None else None


class Thinning:
    """The upper temporal layers of one outgoing stream are left out. `limit`: the highest that is wanted."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.packets, self.pictures = Gaps(0x10000), Gaps(0x8000)
        self._now = ALL  # the highest that is let through
        self._seen = 0
        self._top: int | None = None  # the newest packet

    @property
    def over(self) -> bool:
        """Whether every layer is wanted, and let through."""
        return self.limit == ALL and self._now >= self._seen

    def takes(self, codec: Codec | None, view: memoryview, size: int, sequence: int) -> bool:
        """Whether that packet goes out; the picture id of a VP8 packet that does is brought into line."""
        late = self._top is not None and (sequence - self._top) & 0xFFFF >= 0x8000
        if not late:
            self._top = sequence
        found = temporal_layer(codec, view, size)
        if found is None or late:
            self.line_up(codec, view, size)
            return True
        layer, up, begins, picture = found
        self._seen = max(self._seen, layer)
        if begins:
            if self._now > self.limit:
                self._now = self.limit
            elif self._now < layer <= self.limit and (up or layer == 0):
                self._now = layer
        if layer > self._now:
            self.packets.leave_out(sequence)
            if picture >= 0:
                self.pictures.leave_out(picture)
            return False
        self.line_up(codec, view, size)
        return True

    def line_up(self, codec: Codec | None, view: memoryview, size: int) -> None:
        """Give a VP8 packet the picture id that follows without a gap. VP9's refer to each other."""
        at = payload_offset(view, size)
        if codec is None or at is None or codec.name.lower() != "vp8":
            return
        found = vp8(view, at, size)
        if found is not None and found.wide:
            number = (found.picture - self.pictures.before(found.picture)) & 0x7FFF
            view[found.picture_at], view[found.picture_at + 1] = 0x80 | number >> 8, number & 0xFF
