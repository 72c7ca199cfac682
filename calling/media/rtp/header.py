"""Bytes of RTP headers and video payload descriptors, read and rewritten in place. Pure.

RFC 3550 section 5.1, RFC 8285 (one-byte extensions), RFC 7741 (VP8), RFC 9628 (VP9), RFC 6184 (H.264), and
AOMedia's payload format of AV1. Functions take a
writable view and the packet length; a malformed packet yields None or is left as it is, never an error.
"""

from __future__ import annotations

from struct import Struct

# marker+payload type, sequence number, timestamp, SSRC: the fields behind the first byte
FIELDS = Struct("!BHII")
FIELDS_AT = 1
ONE_BYTE_PROFILE = 0xBEDE
ROOM = 1400  # bytes of a packet to which an extension is still added


def payload_offset(view: memoryview, size: int) -> int | None:
    """Where the payload starts, None if the header does not fit."""
    first = view[0]
    offset = 12 + 4 * (first & 15)
    if first & 0x10:
        if offset + 4 > size:
            return None
        offset += 4 + 4 * ((view[offset + 2] << 8) | view[offset + 3])
    return offset if offset <= size else None


def payload_end(view: memoryview, size: int) -> int:
    """Where the payload ends, without padding."""
    if view[0] & 0x20 and size:
        return max(0, size - view[size - 1])
    return size


def extension(view: memoryview, size: int, number: int) -> memoryview | None:
    """The data of one-byte extension `number`, or None."""
    if not view[0] & 0x10:
        return None
    at = 12 + 4 * (view[0] & 15)
    if at + 4 > size or (view[at] << 8) | view[at + 1] != ONE_BYTE_PROFILE:
        return None
    end = min(size, at + 4 + 4 * ((view[at + 2] << 8) | view[at + 3]))
    at += 4
    while at < end:
        head = view[at]
        if head == 0:
            at += 1
            continue
        if head >> 4 == 15:
            return None
        if head >> 4 == number:
            stop = at + 2 + (head & 15)
            return view[at + 1 : stop] if stop <= end else None
        at += 2 + (head & 15)
    return None


def audio_level(view: memoryview, size: int, number: int) -> int | None:
    """RFC 6464 level of a packet in -dBov, None without the extension. Fast for the usual first place."""
    if not number or not view[0] & 0x10:
        return None
    at = 12 + 4 * (view[0] & 15)
    if at + 6 <= size and view[at] == 0xBE and view[at + 4] == number << 4:
        return view[at + 5] & 0x7F
    found = extension(view, size, number)
    return found[0] & 0x7F if found else None


def renumber_extensions(view: memoryview, size: int, numbers: dict[int, int]) -> None:
    """Give each one-byte extension its new number; one that is not in `numbers` becomes padding."""
    at = 12 + 4 * (view[0] & 15)
    if at + 4 > size or view[at] != 0xBE or view[at + 1] != 0xDE:
        if at + 4 <= size:
            # two-byte headers are never negotiated: hide them as an empty one-byte block of padding
            end = min(size, at + 4 + 4 * ((view[at + 2] << 8) | view[at + 3]))
            view[at], view[at + 1] = 0xBE, 0xDE
            view[at + 4 : end] = bytes(max(0, end - at - 4))
        return
    end = min(size, at + 4 + 4 * ((view[at + 2] << 8) | view[at + 3]))
    at += 4
    while at < end:
        head = view[at]
        if head == 0:
            at += 1
            continue
        stop = at + 2 + (head & 15)
        if head >> 4 == 15 or stop > end:
            view[at:end] = bytes(end - at)
            return
        new = numbers.get(head >> 4)
        if new is None:
            view[at:stop] = bytes(stop - at)
        else:
            view[at] = (new << 4) | (head & 15)
        at = stop


MAX_ELEMENT = 16
"""Bytes of data that an element of a one-byte header block holds (RFC 8285 section 4.2)."""


def element(number: int, data: bytes) -> bytes:
    """A one-byte header element, padded to whole words; empty where `data` has no room in one."""
    if not 0 < len(data) <= MAX_ELEMENT or not 0 < number < 15:
        return b""
    return (bytes([number << 4 | len(data) - 1]) + data).ljust(-(-(len(data) + 1) // 4) * 4, b"\0")


def add_extension(view: memoryview, size: int, added: bytes) -> int:
    """Put what `element` made into a packet, in place; the packet's size then.

    One that has an element of that number, or another kind of block, stays as it is. `view` has room.
    """
    at = 12 + 4 * (view[0] & 15)
    if not view[0] & 0x10:
        if at > size:
            return size
        view[at + 4 + len(added) : size + 4 + len(added)] = bytes(view[at:size])
        view[at : at + 4] = bytes((0xBE, 0xDE, 0, len(added) // 4))
        view[at + 4 : at + 4 + len(added)] = added
        view[0] |= 0x10
        return size + 4 + len(added)
    end = payload_offset(view, size)
    if end is None or view[at] != 0xBE or view[at + 1] != 0xDE or extension(view, size, added[0] >> 4):
        return size
    words = ((view[at + 2] << 8) | view[at + 3]) + len(added) // 4
    view[end + len(added) : size + len(added)] = bytes(view[end:size])
    view[end : end + len(added)] = added
    view[at + 2], view[at + 3] = words >> 8, words & 0xFF
    return size + len(added)


class Vp8Descriptor:
    """Where the changeable fields of a VP8 payload descriptor stand (RFC 7741 section 4.2)."""

    __slots__ = ("at", "key", "layer", "picture", "picture_at", "start", "sync", "tl0", "tl0_at", "wide")

    def __init__(self) -> None:
        self.key = self.start = self.sync = self.wide = False
        self.layer = -1  # the temporal one; sync: it refers to the lowest layer alone
        self.picture = self.picture_at = self.tl0 = self.tl0_at = -1
        self.at = 0  # where the picture itself begins


def vp8(view: memoryview, at: int, end: int) -> Vp8Descriptor | None:
    """Read the descriptor at `at`; `key` is true for the first packet of a key frame."""
    if at >= end:
        return None
    found = Vp8Descriptor()
    first = view[at]
    found.start = bool(first & 0x10) and first & 0x07 == 0
    at += 1
    if first & 0x80:
        if at >= end:
            return None
        flags = view[at]
        at += 1
        if flags & 0x80:
            if at >= end:
                return None
            found.picture_at = at
            found.wide = bool(view[at] & 0x80)
            if found.wide:
                if at + 1 >= end:
                    return None
                found.picture = ((view[at] & 0x7F) << 8) | view[at + 1]
                at += 2
            else:
                found.picture = view[at]
                at += 1
        if flags & 0x40:
            if at >= end:
                return None
            found.tl0_at, found.tl0 = at, view[at]
            at += 1
        if flags & 0x30:
            if flags & 0x20 and at < end:
                found.layer, found.sync = view[at] >> 6, bool(view[at] & 0x20)
            at += 1
    found.key = found.start and at < end and not view[at] & 0x01
    found.at = at
    return found


def vp8_width(view: memoryview, at: int, end: int) -> int:
    """The width in pixels that a VP8 key frame says which begins with the payload at `at` (RFC 6386 section
    9.1), 0 for anything else."""
    found = vp8(view, at, end)
    if found is None or not found.key or found.at + 8 > end:
        return 0
    start = found.at + 3
    whole = view[start] == 0x9D and view[start + 1] == 0x01 and view[start + 2] == 0x2A
    return (view[start + 4] & 0x3F) << 8 | view[start + 3] if whole else 0


def stamp_send_time(view: memoryview, size: int, number: int, now: float) -> None:
    """Write the send time (abs-send-time, seconds as 6.18 bits) into the extension of that number, if it is
    there."""
    found = extension(view, size, number)
    if found is not None and len(found) == 3:
        found[:] = (int(now * 262144) & 0xFFFFFF).to_bytes(3, "big")


def vp9_key(view: memoryview, at: int, end: int) -> bool:
    """Whether this packet starts a picture that refers to none before it (RFC 9628 section 4.2)."""
    if at >= end or view[at] & 0x48 != 0x08:  # the beginning of a frame, not predicted from another picture
        return False
    first = view[at]
    if first & 0x20:  # layers: only the lowest spatial one can be decoded by itself
        at += 1
        if first & 0x80:
            at += 2 if at < end and view[at] & 0x80 else 1
        return at < end and not view[at] & 0x0E
    return True


def vp9_layer(view: memoryview, at: int, end: int) -> tuple[int, bool, bool] | None:
    """(temporal layer, whether that layer may be entered here, whether a picture begins) of a VP9 packet,
    None where it does not tell."""
    if at >= end or not view[at] & 0x20:
        return None
    first = view[at]
    at += 1
    if first & 0x80:
        at += 2 if at < end and view[at] & 0x80 else 1
    if at >= end:
        return None
    return view[at] >> 5, bool(view[at] & 0x10), bool(first & 0x08) and not view[at] & 0x0E


def av1_key(view: memoryview, at: int, end: int) -> bool:
    """Whether this packet is the first of a coded video sequence (the N bit of the aggregation header)."""
    return at < end and view[at] & 0x88 == 0x08


def h264_key(view: memoryview, at: int, end: int) -> bool:
    """Whether this packet starts an IDR picture or carries its parameter sets (RFC 6184 section 5)."""
    if at >= end:
        return False
    kind = view[at] & 0x1F
    if kind in (5, 7):
        return True
    if kind == 24:  # STAP-A
        at += 1
        while at + 2 < end:
            if view[at + 2] & 0x1F in (5, 7):
                return True
            at += 2 + ((view[at] << 8) | view[at + 1])
        return False
    return kind == 28 and at + 1 < end and bool(view[at + 1] & 0x80) and view[at + 1] & 0x1F in (5, 7)
