"""Accidents: what a careless or hostile sender makes of a good input. Deterministic from its `Random`."""

from __future__ import annotations

import random

TOKENS = [
    b"\r\n", b"\r\n ", b"\x00", b'"', b"<", b">", b";", b",", b"?", b"%", b"=", b"\\", b":", b"@", b"[::1]",
    b"\xff\xfe", b"\xed\xa0\x80", "٣".encode(), b"9" * 30, b"\t", b"(", b"%00", b"\xe2\x80\xa8", b"Via: ",
    b"\r\n\r\n", b"{", b"}", b"[", b"]", b"null", b"true", b"-1", b"1e999", b"0.1", b'"":', b"\\ud800", b"${",
    b"%{", b"a=", b"m=", b"- ", b"../", b"+1",
]  # fmt: skip


def mutated(chance: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """One to eight accidents: bits, cuts, doubled and swapped pieces, odd octets, halves of another."""
    octets = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(octets) + 1)
        size = chance.randint(1, 40)
        kind = chance.randrange(8)
        if kind == 0 and at < len(octets):
            octets[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del octets[at : at + size]
        elif kind == 2:
            octets[at:at] = octets[at : at + size] * chance.randint(1, 4)
        elif kind == 3:
            octets[at:at] = chance.choice(TOKENS)
        elif kind == 4:
            lines = bytes(octets).split(b"\r\n")
            one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[one], lines[two] = lines[two], lines[one]
            octets = bytearray(b"\r\n".join(lines))
        elif kind == 5:
            lines = bytes(octets).split(b"\r\n")
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            octets = bytearray(b"\r\n".join(lines))
        elif kind == 6:
            other = chance.choice(others)
            octets = octets[:at] + other[chance.randrange(len(other)) :]
        else:
            octets[at : at + size] = chance.randbytes(size)
    return bytes(octets)
