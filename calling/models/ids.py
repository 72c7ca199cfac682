"""Time-ordered ids (UUIDv7, RFC 9562 section 5.7), so that new rows lie together in their indexes."""

from __future__ import annotations

import uuid

import clock


def uuid7() -> uuid.UUID:
    """Rows made one after the other sort that way: the 12 bits of rand_a hold the millisecond's fraction
    (RFC 9562 section 6.2, method 3), a quarter of a microsecond each."""
    milliseconds, rest = divmod(clock.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    value = (milliseconds & (2**48 - 1)) << 80 | 7 << 76 | fraction << 64 | 2 << 62
    return uuid.UUID(int=value | clock.dice.getrandbits(62))
