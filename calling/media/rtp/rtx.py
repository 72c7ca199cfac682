"""The retransmission payload format (RFC 4588): a packet that is sent again on a stream of its own. Pure.

Its payload begins with the sequence number under which the packet was lost. What must not live here: which
packets are sent again, and whose they are.
"""

from __future__ import annotations

from calling.media.rtp.header import payload_end, payload_offset

MAX_SIZE = 1800  # bytes of a packet that is still sent


def wrap(view: memoryview, size: int, sequence: int) -> int | None:
    """Put the number before the payload, in place; the packet's size then, None if it is malformed or too
    large. The fields of the header are the caller's."""
    at = payload_offset(view, size)
    if at is None or size + 2 > MAX_SIZE:
        return None
    view[at + 2 : size + 2] = bytes(view[at:size])
    view[at], view[at + 1] = sequence >> 8, sequence & 0xFF
    return size + 2


def unwrap(view: memoryview, size: int) -> tuple[int, int] | None:
    """Take the number off the payload, in place, and the padding with it: (number, the packet's size then).
    None for a malformed packet, and for one without a payload: it probes the bandwidth."""
    at, end = payload_offset(view, size), payload_end(view, size)
    if at is None or end - at < 3:
        return None
    sequence = view[at] << 8 | view[at + 1]
    view[at : end - 2] = bytes(view[at + 2 : end])
    view[0] &= 0xDF
    return sequence, end - 2
