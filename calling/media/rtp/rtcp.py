"""RTCP packets as bytes: RFC 3550 section 6, RFC 4585, RFC 5104 (FIR), REMB, transport-cc. Pure.

`parse` walks a compound packet and yields small tuples; a malformed rest is dropped without an error.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from calling.media.rtp import transport_feedback

SR, RR, SDES, BYE, RTPFB, PSFB = 200, 201, 202, 203, 205, 206
NTP_EPOCH = 2208988800  # seconds from 1900 to 1970


@dataclass(frozen=True)
class Report:
    """One report block. fraction: 0-1 lost since the last one; lost: total; jitter: timestamp units."""

    ssrc: int
    fraction: float
    lost: int
    highest: int
    jitter: int
    lsr: int
    dlsr: int


@dataclass(frozen=True)
class SenderInfo:
    ssrc: int
    ntp: int  # 64 bits
    rtp: int
    packets: int
    octets: int


@dataclass(frozen=True)
class KeyWanted:
    """A PLI or FIR for one of our streams."""

    media_ssrc: int


@dataclass(frozen=True)
class Nack:
    media_ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True)
class Remb:
    bitrate: int  # bits per second
    ssrcs: tuple[int, ...]


@dataclass(frozen=True)
class Bye:
    ssrcs: tuple[int, ...]


@dataclass(frozen=True)
class Arrivals:
    """Transport-wide feedback, which costs too much to be read for who has not agreed to it or says too
    much of it: `transport_feedback.read` does, of what stands behind the first word."""

    body: bytes


Packet = Report | SenderInfo | KeyWanted | Nack | Remb | Bye | Arrivals


def parse(data: bytes) -> Iterator[Packet]:
    """Yield what the platform uses of a decrypted compound packet, at most 200 items."""
    at, left = 0, 200
    while at + 4 <= len(data) and left > 0:
        first, kind, words = struct.unpack_from("!BBH", data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            return
        body = data[at + 4 : end - data[end - 1] if first & 0x20 and words else end]  # without padding
        at = end
        try:
            for packet in _one(kind, first & 31, body):
                left -= 1
                yield packet
        except (struct.error, IndexError):
            return


def _one(kind: int, count: int, body: bytes) -> Iterator[Packet]:
    if kind == SR:
        ssrc, ntp, rtp, packets, octets = struct.unpack_from("!IQIII", body)
        yield SenderInfo(ssrc, ntp, rtp, packets, octets)
        yield from _blocks(body, 24, count)
    elif kind == RR:
        yield from _blocks(body, 4, count)
    elif kind == BYE:
        yield Bye(struct.unpack_from(f"!{count}I", body))
    elif kind == RTPFB and count == 1:
        media = struct.unpack_from("!I", body, 4)[0]
        sequences: list[int] = []
        for at in range(8, len(body) - 3, 4):
            first, bits = struct.unpack_from("!HH", body, at)
            sequences.append(first)
            sequences += [(first + 1 + bit) & 0xFFFF for bit in range(16) if bits >> bit & 1]
            if len(sequences) > 400:
                break
        yield Nack(media, tuple(sequences))
    elif kind == RTPFB and count == transport_feedback.FORMAT:
        yield Arrivals(body)
    elif kind == PSFB and count == 1:
        yield KeyWanted(struct.unpack_from("!I", body, 4)[0])
    elif kind == PSFB and count == 4:
        for at in range(8, len(body) - 7, 8):
            yield KeyWanted(struct.unpack_from("!I", body, at)[0])
    elif kind == PSFB and count == 15 and body[8:12] == b"REMB":
        number, exponent, mantissa = body[12], body[13] >> 2, (body[13] & 3) << 16 | body[14] << 8 | body[15]
        yield Remb(mantissa << exponent, struct.unpack_from(f"!{number}I", body, 16))


def _blocks(body: bytes, at: int, count: int) -> Iterator[Report]:
    for _ in range(count):
        ssrc, loss, highest, jitter, lsr, dlsr = struct.unpack_from("!IIIIII", body, at)
        lost = loss & 0xFFFFFF
        yield Report(
            ssrc, (loss >> 24) / 256, lost - (1 << 24) if lost >> 23 else lost, highest, jitter, lsr, dlsr
        )
        at += 24


def ntp_time(unix: float) -> int:
    """64-bit NTP time of a unix time in seconds."""
    return int((unix + NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def block(ssrc: int, fraction: int, lost: int, highest: int, jitter: int, lsr: int, dlsr: int) -> bytes:
    """One report block of 24 bytes; fraction 0-255, lost clamped to 24 bits signed."""
    lost = max(-0x800000, min(0x7FFFFF, lost)) & 0xFFFFFF
    return struct.pack(
        "!IIIIII", ssrc, fraction << 24 | lost, highest & 0xFFFFFFFF, min(jitter, 0xFFFFFFFF), lsr, dlsr
    )


def sender_report(ssrc: int, ntp: int, rtp: int, packets: int, octets: int, blocks: list[bytes]) -> bytes:
    body = struct.pack("!IQIII", ssrc, ntp, rtp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return _packet(SR, min(31, len(blocks)), body + b"".join(blocks[:31]))


def receiver_report(ssrc: int, blocks: list[bytes]) -> bytes:
    return _packet(RR, min(31, len(blocks)), struct.pack("!I", ssrc) + b"".join(blocks[:31]))


def description(ssrc: int, cname: str) -> bytes:
    """An SDES packet with the CNAME (at most 255 bytes)."""
    name = cname.encode()[:255]
    chunk = struct.pack("!IBB", ssrc, 1, len(name)) + name + b"\x00"
    return _packet(SDES, 1, chunk + bytes(-len(chunk) % 4))


def bye(ssrcs: list[int]) -> bytes:
    return _packet(BYE, len(ssrcs), struct.pack(f"!{len(ssrcs)}I", *ssrcs))


def pli(sender: int, media: int) -> bytes:
    return _packet(PSFB, 1, struct.pack("!II", sender, media))


def fir(sender: int, media: int, number: int) -> bytes:
    return _packet(PSFB, 4, struct.pack("!IIIB3x", sender, 0, media, number & 255))


def nack(sender: int, media: int, sequences: list[int]) -> bytes:
    """A generic NACK; sequences in any order."""
    body = struct.pack("!II", sender, media)
    left = sorted(sequences)
    while left:
        first, bits, rest = left[0], 0, []
        for sequence in left[1:]:
            distance = (sequence - first) & 0xFFFF
            if 1 <= distance <= 16:
                bits |= 1 << (distance - 1)
            else:
                rest.append(sequence)
        body += struct.pack("!HH", first, bits)
        left = rest
    return _packet(RTPFB, 1, body)


def remb(sender: int, bitrate: int, ssrcs: list[int]) -> bytes:
    """Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb)."""
    exponent = max(0, bitrate.bit_length() - 18)
    mantissa = bitrate >> exponent
    head = struct.pack(
        "!II4sBBH", sender, 0, b"REMB", len(ssrcs), exponent << 2 | mantissa >> 16, mantissa & 0xFFFF
    )
    return _packet(PSFB, 15, head + struct.pack(f"!{len(ssrcs)}I", *ssrcs))


def arrivals(body: bytes) -> bytes:
    """Transport-wide feedback, of what `transport_feedback.written` has made."""
    return _packet(RTPFB, transport_feedback.FORMAT, body)
