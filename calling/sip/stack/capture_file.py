"""SIP messages as a pcapng file (draft-ietf-opsawg-pcapng) that Wireshark, tshark and sngrep read.

Pure. Each message stands in a UDP datagram between the true addresses and ports with the true time, whatever
carried it: a capture of TLS or of a WebSocket would show nothing, and segments of TCP would be made up. Its
comment says the transport. What must not live here: rows, and what is secret.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

RAW_IP = 101  # LINKTYPE_RAW: packets begin with an IPv4 or IPv6 header
UDP = 17
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_END, _COMMENT, _RESOLUTION = 0, 1, 9
MICROSECONDS = 6
LONGEST = 0xFFFF - 40 - 8  # what a datagram can hold of a message


@dataclass(frozen=True)
class Captured:
    """`at`: microseconds of Unix time. `size`: the length that the message had, where `data` is cut."""

    at: int
    source: tuple[str, int]
    target: tuple[str, int]
    data: bytes
    size: int
    comment: str = ""


def pcapng(messages: Iterable[Captured], application: str) -> Iterator[bytes]:
    """The file, block by block."""
    options = _option(4, application.encode()) + _option(_END, b"")
    yield _block(_SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options)
    options = _option(_RESOLUTION, bytes([MICROSECONDS])) + _option(_END, b"")
    yield _block(_INTERFACE, struct.pack("<HHI", RAW_IP, 0, 0) + options)
    for message in messages:
        yield _packet(message)


def _packet(message: Captured) -> bytes:
    whole = min(max(message.size, len(message.data)), LONGEST)
    head = headers(message.source, message.target, message.data[:LONGEST], whole)
    data = head + message.data[:LONGEST]
    fixed = struct.pack("<IIIII", 0, message.at >> 32, message.at & 0xFFFFFFFF, len(data), len(head) + whole)
    options = _option(_COMMENT, message.comment.encode()) if message.comment else b""
    return _block(_PACKET, fixed + _padded(data) + options + _option(_END, b""))


def headers(source: tuple[str, int], target: tuple[str, int], data: bytes, size: int) -> bytes:
    """IP and UDP headers for a message of `size` octets. An IPv4 address beside an IPv6 one is mapped."""
    one, other = ip_address(source[0]), ip_address(target[0])
    if one.version != other.version:
        one, other = (
            each if isinstance(each, IPv6Address) else IPv6Address(f"::ffff:{each}") for each in (one, other)
        )
    length = 8 + size
    udp = struct.pack("!HHHH", source[1], target[1], length, 0)
    if one.version == 4:
        bare = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, UDP, 0) + one.packed + other.packed
        ip = bare[:10] + struct.pack("!H", checksum(bare)) + bare[12:]
        return ip + udp  # a checksum of 0 says that there is none (RFC 768)
    pseudo = one.packed + other.packed + struct.pack("!II", length, UDP)
    # Over IPv6 there must be one (RFC 8200 8.1); of a cut message it cannot be known.
    summed = (checksum(pseudo + udp + data) or 0xFFFF) if len(data) == size else 0
    udp = udp[:6] + struct.pack("!H", summed)
    return struct.pack("!IHBB", 6 << 28, length, UDP, 64) + one.packed + other.packed + udp


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _block(kind: int, body: bytes) -> bytes:
    body = _padded(body)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
