"""What aioice's STUN parser leaves to a server: unknown attributes, repeated peers, ChannelData. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from aioice import stun

PEER_ADDRESS = 0x0012
# Comprehension-required attributes (below 0x8000) this server understands.
_UNDERSTOOD = frozenset(kind for kind in stun.ATTRIBUTES_BY_TYPE if kind < 0x8000)
CHANNELS = range(0x4000, 0x7FFF)


def is_channel_data(datagram: bytes) -> bool:
    return len(datagram) >= 4 and datagram[0] & 0xC0 == 0x40


def frame_size(stream: bytes) -> int | None:
    """Bytes of the message that a stream begins with, without the padding behind ChannelData; None where it
    begins with something else. `stream` has at least four bytes."""
    kind, length = struct.unpack_from("!HH", stream)
    if kind < 0x4000:
        return stun.HEADER_LENGTH + length if length % 4 == 0 else None
    return 4 + length if kind in CHANNELS else None


def read_channel_data(datagram: bytes) -> tuple[int, bytes] | None:
    """(channel, payload) of a ChannelData message (RFC 5766 section 11.4); None where it is cut short."""
    number, length = struct.unpack_from("!HH", datagram)
    if len(datagram) < 4 + length:
        return None
    return number, datagram[4 : 4 + length]


def channel_data(number: int, payload: bytes) -> bytes:
    return struct.pack("!HH", number, len(payload)) + payload


def parse(datagram: bytes) -> stun.Message | None:
    """The STUN message, or None where it is none."""
    if len(datagram) < stun.HEADER_LENGTH or struct.unpack_from("!I", datagram, 4)[0] != stun.COOKIE:
        return None
    try:
        return stun.parse_message(datagram)
    except (ValueError, IndexError, struct.error):
        return None


def unknown_attributes(datagram: bytes) -> list[int]:
    """Types of attributes that must be understood and are not (RFC 8489 section 6.3.1)."""
    return [kind for kind, _ in _attributes(datagram) if kind < 0x8000 and kind not in _UNDERSTOOD]


def peer_addresses(datagram: bytes) -> list[tuple[str, int]]:
    """Every XOR-PEER-ADDRESS; a CreatePermission may carry several. Raises ValueError."""
    transaction_id = datagram[8:20]
    return [
        stun.unpack_xor_address(value, transaction_id)
        for kind, value in _attributes(datagram)
        if kind == PEER_ADDRESS
    ]


def unknown_attribute_error(request: stun.Message, kinds: list[int]) -> bytes:
    """The 420 answer with UNKNOWN-ATTRIBUTES, which aioice cannot write."""
    error = stun.pack_error_code((420, "Unknown Attribute"))
    listed = b"".join(struct.pack("!H", kind) for kind in kinds[:16])
    body = _pack(0x0009, error) + _pack(0x000A, listed)
    kind = request.message_method | stun.Class.ERROR
    return struct.pack("!HHI12s", kind, len(body), stun.COOKIE, request.transaction_id) + body


def _attributes(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    position = stun.HEADER_LENGTH
    while position + 4 <= len(datagram):
        kind, length = struct.unpack_from("!HH", datagram, position)
        yield kind, datagram[position + 4 : position + 4 + length]
        position += 4 + length + stun.padding_length(length)


def _pack(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(stun.padding_length(len(value)))
