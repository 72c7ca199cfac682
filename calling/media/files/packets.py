"""Whole encoded pictures to RTP payloads: VP8 (RFC 7741) and H.264 Annex B (RFC 6184, mode 1). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MAX_PAYLOAD: Final = 1180
_START = re.compile(b"\x00\x00\x00\x01|\x00\x00\x01")


def vp8_payloads(frame: bytes, picture: int) -> Iterator[bytes]:
    """One VP8 frame: a descriptor with a 15 bit picture number before each piece."""
    number = bytes((0x80 | picture >> 8 & 0x7F, picture & 0xFF))
    for at in range(0, max(1, len(frame)), MAX_PAYLOAD):
        yield bytes((0x80 | (0x10 if at == 0 else 0), 0x80)) + number + frame[at : at + MAX_PAYLOAD]


def h264_payloads(frame: bytes) -> Iterator[bytes]:
    """One H.264 access unit: each NAL unit alone, or in FU-A pieces."""
    for unit in (piece for piece in _START.split(frame) if piece):
        if len(unit) <= MAX_PAYLOAD:
            yield unit
            continue
        indicator, kind, body = unit[0] & 0xE0 | 28, unit[0] & 0x1F, unit[1:]
        for at in range(0, len(body), MAX_PAYLOAD):
            first, last = at == 0, at + MAX_PAYLOAD >= len(body)
            yield (
                bytes((indicator, kind | (0x80 if first else 0) | (0x40 if last else 0)))
                + body[at : at + MAX_PAYLOAD]
            )
