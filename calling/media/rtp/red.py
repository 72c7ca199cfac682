"""Redundant audio data (RFC 2198): each packet carries the sound of the packets before it once more. Pure.

Reading the blocks of a payload, writing them, which of them bring a packet that was lost, and how much
redundancy a listener's loss calls for. No packet is received or sent here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from calling.media.rtp.packet_history import PICTURES_KEPT

MAX_BLOCKS: Final = 8  # of one payload; libwebrtc sends two, at most nine
MAX_OFFSET, MAX_LENGTH = 1 << 14, 1 << 10  # what the fields of a block header hold
MAX_PAYLOAD: Final = 1100  # bytes, so that the packet passes any path
WINDOW: Final = 64  # packets of which is known whether they came
FULL: Final = (1 << WINDOW) - 1
RECENT: Final = (1 << MAX_BLOCKS) - 1
LEVELS: Final = ((0.20, 4), (0.10, 2), (0.02, 1))  # share of lost packets, earlier payloads in one packet
MOST: Final = 4
NONE: Final = 0.01
NEAR: Final = 0.08  # seconds of round trip up to which sound that is asked for again comes in time
CALM_REPORTS: Final = 5  # reports without loss until redundancy ends


class Block(NamedTuple):
    """One block of a payload: its format, how much older than the packet (timestamp units), its bytes."""

    pt: int
    offset: int
    start: int
    end: int


def blocks(payload: memoryview) -> list[Block] | None:
    """The blocks, the oldest first and the packet's own last; None for a malformed payload."""
    heads: list[tuple[int, int, int]] = []
    at, size = 0, len(payload)
    while at < size and payload[at] & 0x80:
        if at + 4 > size or len(heads) == MAX_BLOCKS:
            return None
        second, third = payload[at + 1], payload[at + 2]
        heads.append(
            (payload[at] & 0x7F, second << 6 | third >> 2, (third & 3) << 8 | payload[at + 3]),
        )
        at += 4
    if at >= size:
        return None
    primary = payload[at] & 0x7F
    at += 1
    found = []
    for pt, offset, length in heads:
        found.append(Block(pt, offset, at, at + length))
        at += length
    if at >= size:
        return None
    return [*found, Block(primary, 0, at, size)]


def primary(view: memoryview, at: int, end: int) -> tuple[int, int]:
    """(format, first byte) of the packet's own sound in a payload from `at` to `end`; (-1, 0): malformed.

    The way of almost every packet, since few are lost: the older blocks are passed over.
    """
    if at + 5 < end and view[at] & 0x80 and not view[at + 4] & 0x80:  # one of them
        first = at + 5 + ((view[at + 2] & 3) << 8 | view[at + 3])
        return (view[at + 4], first) if first < end else (-1, 0)
    most = at + 4 * MAX_BLOCKS
    length = 0
    while at < end and view[at] & 0x80:
        if at == most or at + 4 > end:
            return -1, 0
        length += (view[at + 2] & 3) << 8 | view[at + 3]
        at += 4
    first = at + 1 + length
    return (view[at], first) if first < end else (-1, 0)


def written(pt: int, payload: memoryview | bytes, past: Sequence[tuple[int, bytes]]) -> bytes:
    """A payload of format `pt` behind those of `past`, (offset, bytes) each and the oldest first.

    What does not fit is left out, the oldest first.
    """
    if len(past) == 1 and 0 < past[0][0] < MAX_OFFSET:  # what light loss asks for
        offset, data = past[0]
        length = len(data)
        if length > 0 and length + len(payload) + 4 <= min(MAX_PAYLOAD, MAX_LENGTH):
            head = bytes((0x80 | pt, offset >> 6, (offset & 0x3F) << 2 | length >> 8, length & 0xFF, pt))
            return b"".join((head, data, payload))
    room = MAX_PAYLOAD - len(payload)
    chosen: deque[tuple[int, bytes]] = deque()
    for offset, data in reversed(past):
        room -= len(data) + 4
        if not 0 < offset < MAX_OFFSET or not 0 < len(data) < MAX_LENGTH or room < 0:
            break
        chosen.appendleft((offset, data))
    heads = bytearray()
    for offset, data in chosen:
        length = len(data)
        heads += bytes((0x80 | pt, offset >> 6, (offset & 0x3F) << 2 | length >> 8, length & 0xFF))
    heads.append(pt)
    return b"".join((heads, *(data for _, data in chosen), payload))


class Arrivals:
    """Which packets of a stream came, so that a block brings back only one that did not."""

    __slots__ = ("_seen", "_top")

    def __init__(self) -> None:
        self._top = -1
        self._seen = 0  # bit n: the packet n before the highest one

    @property
    def state(self) -> tuple[int, int]:
        """(highest packet, -1 before the first; bit n: the packet n before it came)."""
        return self._top, self._seen

    @state.setter
    def state(self, state: tuple[int, int]) -> None:
        self._top, self._seen = state

    @property
    def complete(self) -> bool:
        """Whether all that the blocks of the next packet could bring are there."""
        return self._seen & RECENT == RECENT

    def is_new(self, sequence: int) -> bool:
        """Note a packet, whether it came by itself or in a block; False if it is there already or too old."""
        ahead = (sequence - self._top) & 0xFFFF
        if self._top < 0 or (WINDOW <= ahead < 0x8000):
            self._top, self._seen = sequence, 1
            return True
        if 0 < ahead < 0x8000:
            self._top, self._seen = sequence, (self._seen << ahead | 1) & FULL
            return True
        bit = 1 << (-ahead & 0xFFFF)
        if bit >> WINDOW or self._seen & bit:
            return False
        self._seen |= bit
        return True

    def is_next(self, sequence: int) -> bool:
        """Whether that packet comes next and all that its blocks could bring are there; it is noted then."""
        if (sequence - self._top) & 0xFFFF != 1 or self._seen & RECENT != RECENT:
            return False
        self._top, self._seen = sequence, (self._seen << 1 | 1) & FULL
        return True

    def fresh(self, found: Sequence[Block], sequence: int, step: int) -> Iterator[tuple[int, Block]]:
        """What the blocks of packet `sequence` bring that did not come yet, each with its age in packets.

        step: the packet's length in timestamp units. A block whose place and time disagree (its sender
        paused, or lost something itself) has no certain number and is left alone, as is what was sent before
        the first packet seen. Each packet is noted as it is given.
        """
        begun = self._top >= 0
        for age, block in zip(range(len(found) - 1, -1, -1), found, strict=True):
            number = (sequence - age) & 0xFFFF
            certain = block.offset == age * step and block.end > block.start
            if age and not (begun and certain and self._follows(number)):
                continue
            if self.is_new(number):
                yield age, block

    def _follows(self, sequence: int) -> bool:
        back = (self._top - sequence) & 0xFFFF
        return back >= 0x8000 or back < self._seen.bit_length()


class Redundancy:
    """What a listener is sent again. The loss that it reports says how many earlier payloads a packet has."""

    __slots__ = ("_calm", "_past", "_source", "distance", "last")

    def __init__(self) -> None:
        self.distance = self._calm = 0
        self._past: deque[tuple[int, bytes]] = deque(maxlen=MOST)  # timestamps and payloads sent last
        self._source: object = None  # whose they are
        self.last: int | None = None  # the last sequence number that carried redundancy

    def reported(self, fraction: float, repair_rtt: float | None = None) -> int:
        """One receiver report; fraction: lost of those sent since the last one (before any repair).

        repair_rtt: the round trip after which the listener gets what it asks for, None if it gets nothing.
        What comes in time that way is better than redundancy, and costs nothing for what is not lost.
        """
        if repair_rtt is not None and repair_rtt <= NEAR:
            fraction = 0.0
        asked = next((earlier for share, earlier in LEVELS if fraction >= share), 0)
        if asked:
            self.distance = max(self.distance, asked)
            self._calm = 0
        elif fraction < NONE and self.distance:
            self._calm += 1
            if self._calm >= CALM_REPORTS:
                self.distance = self._calm = 0
        return self.distance

    def payload(self, source: object, payload: bytes | memoryview, pt: int, stamp: int, number: int) -> bytes:
        """The RED payload of packet `number`: what the same source sent last, then its own."""
        if self.last is None or (number - self.last) & 0xFFFF < 0x8000:
            self.last = number
        past = self._past
        if self._source is not source:
            self._source = source
            past.clear()
        if past and (stamp - past[-1][0]) & 0xFFFFFFFF >= 0x80000000:
            return written(pt, payload, ())  # a late packet
        chosen = list(past)[-self.distance :]
        found = written(pt, payload, [((stamp - at) & 0xFFFFFFFF, data) for at, data in chosen])
        past.append((stamp, bytes(payload)))
        return found

    def sent_alone(self, numbers: tuple[int, ...]) -> Sequence[int]:
        """Those of them that went out without redundancy for certain: the ones behind the last with it."""
        last = self.last
        if last is None:
            return numbers
        return [number for number in numbers if (number - last - 1) & 0xFFFF < 0x8000]

    def expire(self, newest: int) -> None:
        """Forget which number was the last when nobody can ask for it any more."""
        if self.last is not None and (newest - self.last) & 0xFFFF > PICTURES_KEPT:
            self.last = None
