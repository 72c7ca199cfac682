"""STUN consent checks as bytes (RFC 7675, RFC 8489): a request every few seconds per leg, its answer. Pure.

aioice speaks STUN for everything else; this is what it would cost hundreds of legs all the time.
"""

from __future__ import annotations

import hmac
import struct
import zlib

COOKIE = 0x2112A442
REQUEST, SUCCESS, ERROR = 0x0001, 0x0101, 0x0111
USERNAME, INTEGRITY, PRIORITY, FINGERPRINT = 0x0006, 0x0008, 0x0024, 0x8028
CONTROLLED, CONTROLLING = 0x8029, 0x802A
FINGERPRINT_XOR = 0x5354554E
HEADER = 20
MOST_ATTRIBUTES = 16  # looked at before the name; no agent sends more than a few
Octets = bytes | memoryview


def consent_request(
    transaction: bytes, username: str, priority: int, controlling: bool, tie_breaker: int, key: bytes
) -> bytes:
    """A binding request with integrity and fingerprint. transaction: 12 bytes; key: the far password."""
    name = username.encode()
    role = CONTROLLING if controlling else CONTROLLED
    body = (
        struct.pack("!HH", USERNAME, len(name)) + name + bytes(-len(name) % 4)
        + struct.pack("!HHI", PRIORITY, 4, priority)
        + struct.pack("!HHQ", role, 8, tie_breaker)
    )  # fmt: skip
    start = struct.pack("!HHI", REQUEST, len(body) + 24, COOKIE) + transaction + body
    signed = start + struct.pack("!HH", INTEGRITY, 20) + hmac.digest(key, start, "sha1")
    # The length covers whatever comes next when a checksum is made, so it grows with each.
    whole = signed[:2] + struct.pack("!H", len(body) + 32) + signed[4:]
    return whole + struct.pack("!HHI", FINGERPRINT, 4, zlib.crc32(whole) ^ FINGERPRINT_XOR)


def transaction_of(data: bytes) -> bytes | None:
    """The transaction of a binding success, None for anything else."""
    if len(data) < HEADER or data[0] != 1 or data[1] != 1:
        return None
    return data[8:HEADER]


def addressee(data: Octets, size: int) -> bytes | None:
    """The user fragment a binding request of `size` bytes is for: its USERNAME up to the colon (RFC 8445
    section 7.1). None for all that is not such a request."""
    if size < HEADER or data[0] != 0 or data[1] != 1 or not _is_whole(data, size):
        return None
    at = HEADER
    for _ in range(MOST_ATTRIBUTES):
        if at + 4 > size:
            return None
        kind, length = struct.unpack_from("!HH", data, at)
        if kind == USERNAME:
            name = bytes(data[at + 4 : min(at + 4 + length, size)])
            return name[: name.find(b":")] if b":" in name else None
        at += 4 + length + (-length % 4)
    return None


def answered(data: Octets, size: int) -> bytes | None:
    """The transaction that a binding success or error of `size` bytes answers, None for anything else."""
    if size < HEADER or data[0] != 1 or data[1] not in (SUCCESS & 0xFF, ERROR & 0xFF):
        return None
    return bytes(data[8:HEADER]) if _is_whole(data, size) else None


def _is_whole(data: Octets, size: int) -> bool:
    length, cookie = struct.unpack_from("!HI", data, 2)
    return bool(cookie == COOKIE and length == size - HEADER)


def authentic(data: bytes, key: bytes) -> bool:
    """Whether a message carries a MESSAGE-INTEGRITY of `key` over all that stands before it."""
    at = HEADER
    while at + 4 <= len(data):
        kind, size = struct.unpack_from("!HH", data, at)
        if kind == INTEGRITY:
            if size != 20 or at + 24 > len(data):
                return False
            covered = data[:2] + struct.pack("!H", at + 4) + data[4:at]  # up to and with this attribute
            return hmac.compare_digest(hmac.digest(key, covered, "sha1"), data[at + 4 : at + 24])
        at += 4 + size + (-size % 4)
    return False
