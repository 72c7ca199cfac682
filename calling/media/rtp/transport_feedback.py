"""The message that tells when packets came, by their transport-wide numbers (RTPFB, FMT 15). Pure.

draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1. What must not live here: which packets are
told of and when (`arrivals`), and what follows from it (`send_estimate`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

FORMAT: Final = 15
MOST: Final = 1000  # numbers that one message may cover; browsers cover a tenth of a second
TICKS: Final = 4000  # of an arrival, in a second
EPOCH: Final = 256  # ticks of the unit in which a message's time is told
LONGEST: Final = 800  # bytes of arrivals in a message of ours
NOT, NEAR, FAR = 0, 1, 2  # it has not come; it came within 255 ticks; its time takes two bytes
VECTOR, PAIRS = 0x8000, 0xC000  # a chunk of 14 symbols of one bit, or of 7 of two
RUN: Final = 0x1FFF


class Feedback(NamedTuple):
    """came: when the number `base` and those that follow came, in seconds of the far end's own clock; None
    for one that has not."""

    base: int
    came: tuple[float | None, ...]


def read(body: bytes) -> Feedback | None:
    """What stands behind the first word; None for what covers too much or is malformed."""
    try:
        return _read(body)
    except (struct.error, IndexError):
        return None


def _read(body: bytes) -> Feedback | None:
    base, count = struct.unpack_from("!HH", body, 8)
    if count > MOST:
        return None
    ticks = int.from_bytes(body[12:15], "big") * EPOCH
    symbols: list[int] = []
    at = 16
    while len(symbols) < count:
        (chunk,) = struct.unpack_from("!H", body, at)
        at += 2
        if not chunk & VECTOR:
            symbols += [chunk >> 13] * min(chunk & RUN, count - len(symbols))
            if not chunk & RUN:
                raise IndexError("a run of nothing")
        elif chunk & PAIRS == VECTOR:
            symbols += [chunk >> bit & 1 for bit in range(13, -1, -1)]
        else:
            symbols += [chunk >> bit & 3 for bit in range(12, -1, -2)]
    came: list[float | None] = []
    for symbol in symbols[:count]:
        if symbol == NEAR:
            ticks += body[at]
        elif symbol == FAR:
            ticks += struct.unpack_from("!h", body, at)[0]
        at += symbol if symbol in (NEAR, FAR) else 0
        came.append(ticks / TICKS if symbol in (NEAR, FAR) else None)
    return Feedback(base, tuple(came))


def written(
    sender: int, media: int, turn: int, base: int, arrivals: Sequence[tuple[int, float]]
) -> tuple[bytes, int]:
    """(what stands behind the first word, how many of the arrivals are in it), the latter at least one.

    arrivals: (number, when), by number, of which the first is `base` or fewer than MOST behind it. The
    numbers go on without a wrap.
    """
    epoch = int(arrivals[0][1] * TICKS) // EPOCH
    symbols: list[int] = []
    deltas = bytearray()
    before, used = epoch * EPOCH, 0
    for number, at in arrivals:
        ticks = round(at * TICKS)
        delta = ticks - before
        if number - base >= MOST or not -0x8000 <= delta <= 0x7FFF or len(deltas) > LONGEST:
            break
        symbols += [NOT] * (number - base - len(symbols))
        if 0 <= delta <= 255:
            symbols.append(NEAR)
            deltas.append(delta)
        else:
            symbols.append(FAR)
            deltas += struct.pack("!h", delta)
        before, used = ticks, used + 1
    head = struct.pack("!IIHH", sender, media, base & 0xFFFF, len(symbols))
    data = head + (epoch & 0xFFFFFF).to_bytes(3, "big") + bytes([turn & 255]) + _chunks(symbols) + deltas
    return data + bytes(-len(data) % 4), used


def _chunks(symbols: list[int]) -> bytes:
    data = bytearray()
    at = 0
    while at < len(symbols):
        run = next((n for n in range(at, len(symbols)) if symbols[n] != symbols[at]), len(symbols)) - at
        if run > 14 or at + run == len(symbols):
            chunk, step = symbols[at] << 13 | min(run, RUN), min(run, RUN)
        elif FAR not in symbols[at : at + 14]:
            chunk, step = VECTOR, 14
            for place, symbol in enumerate(symbols[at : at + 14]):
                chunk |= symbol << 13 - place
        else:
            chunk, step = PAIRS, 7
            for place, symbol in enumerate(symbols[at : at + 7]):
                chunk |= symbol << 12 - 2 * place
        data += struct.pack("!H", chunk)
        at += step
    return bytes(data)
