"""The local protocol between media worker and speech worker: frames of words (JSON) and of sound. Pure.

A frame is one byte of kind, four bytes of length, and as many bytes. Sound to be heard is 20 ms of 16 bit
samples at 16 kHz behind its number, so that what was dropped on the way is a gap and not a shift in time.
Who leaves the decoding to the other side sends packets: those that came in some steps of 20 ms, behind the
number of the first step. Sound that comes back is a piece: what one packet carried, behind its number and its
rate.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

RATE: Final = 16000
FRAME: Final = RATE // 50
FRAME_MS: Final = 20
MAX_WORDS: Final = 64 * 1024
_HEADER: Final = struct.Struct(">BI")
MAX_PIECE: Final = 5760  # samples: 120 ms at 48 kHz, the longest packet of Opus
_NUMBER: Final = struct.Struct(">I")
_OF_PIECE: Final = struct.Struct(">IH")  # its number, its rate
CODECS: Final = ("opus", "pcmu", "pcma", "g722")
MOST_PACKETS: Final = 64  # of one batch
MOST_STEPS: Final = 50
LONGEST_PAYLOAD: Final = 1500
_OF_PACKETS: Final = struct.Struct(">IB")  # the number of the first step, how many
_OF_PACKET: Final = struct.Struct(">BBHH")  # its step, codec and sequence number, the length of its payload
_WORDS, _SOUND, _PIECE, _PACKETS = 0, 1, 2, 3
_LONGEST: Final = {
    _WORDS: MAX_WORDS,
    _SOUND: _NUMBER.size + FRAME * 2,
    _PIECE: _OF_PIECE.size + MAX_PIECE * 2,
    _PACKETS: _OF_PACKETS.size + MOST_PACKETS * (_OF_PACKET.size + LONGEST_PAYLOAD),
}


class BadFrame(Exception):
    """The other side speaks something else; the connection is closed."""


@dataclass(frozen=True, slots=True)
class Sound:
    """20 ms of a party; `number` counts them from 0."""

    number: int
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class Piece:
    """The sound of one packet at `rate` Hz, and the answer to it, which has the same number and length."""

    number: int
    rate: int
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of a party; step: in which of those of its batch it came."""

    step: int
    codec: str
    sequence: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Packets:
    """What came of a party in `steps` times 20 ms, in the order in which it came; `number` counts as that of
    Sound does, and is that of the first."""

    number: int
    steps: int
    packets: Sequence[Packet]


Frame = dict[str, Any] | Sound | Piece | Packets


def of_words(words: Mapping[str, Any]) -> bytes:
    body = json.dumps(words, ensure_ascii=False).encode()
    if len(body) > MAX_WORDS:
        raise ValueError("too many words for one frame")
    return _HEADER.pack(_WORDS, len(body)) + body


def of_sound(number: int, pcm: Pcm) -> bytes:
    body = _NUMBER.pack(number) + pcm.astype("<i2").tobytes()
    return _HEADER.pack(_SOUND, len(body)) + body


def of_piece(piece: Piece) -> bytes:
    if not 0 < len(piece.pcm) <= MAX_PIECE:
        raise ValueError("no sound, or too much for one packet")
    body = _OF_PIECE.pack(piece.number, piece.rate) + piece.pcm.astype("<i2").tobytes()
    return _HEADER.pack(_PIECE, len(body)) + body


def of_packets(came: Packets) -> bytes:
    if not 0 < came.steps <= MOST_STEPS or len(came.packets) > MOST_PACKETS:
        raise ValueError("no time, or too much for one batch")
    body = bytearray(_OF_PACKETS.pack(came.number, came.steps))
    for each in came.packets:
        body += _OF_PACKET.pack(each.step, CODECS.index(each.codec), each.sequence, len(each.payload))
        body += each.payload
    return _HEADER.pack(_PACKETS, len(body)) + body


class FrameReader:
    """Bytes as they come, cut into frames. `feed` raises BadFrame."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        self._rest += data
        while len(self._rest) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._rest)
            if length > _LONGEST.get(kind, -1):
                raise BadFrame
            end = _HEADER.size + length
            if len(self._rest) < end:
                return
            body = bytes(self._rest[_HEADER.size : end])
            del self._rest[:end]
            yield _READ[kind](body)


def _words(body: bytes) -> dict[str, Any]:
    try:
        words = json.loads(body)
    except (ValueError, RecursionError):
        raise BadFrame from None
    if not isinstance(words, dict):
        raise BadFrame
    return words


def _sound(body: bytes) -> Sound:
    if len(body) != _LONGEST[_SOUND]:
        raise BadFrame
    return Sound(_NUMBER.unpack_from(body)[0], np.frombuffer(body, "<i2", offset=_NUMBER.size))


def _piece(body: bytes) -> Piece:
    size = len(body) - _OF_PIECE.size
    if size < 2 or size % 2:
        raise BadFrame
    number, rate = _OF_PIECE.unpack_from(body)
    return Piece(number, rate, np.frombuffer(body, "<i2", offset=_OF_PIECE.size))


def _packets(body: bytes) -> Packets:
    try:
        number, steps = _OF_PACKETS.unpack_from(body)
        at, found = _OF_PACKETS.size, []
        while at < len(body):
            step, codec, sequence, length = _OF_PACKET.unpack_from(body, at)
            at += _OF_PACKET.size + length
            if step >= steps or at > len(body):
                raise BadFrame
            found.append(Packet(step, CODECS[codec], sequence, body[at - length : at]))
    except (struct.error, IndexError):
        raise BadFrame from None
    if not 0 < steps <= MOST_STEPS or len(found) > MOST_PACKETS:
        raise BadFrame
    return Packets(number, steps, found)


_READ: Final[dict[int, Callable[[bytes], Frame]]] = {
    _WORDS: _words,
    _SOUND: _sound,
    _PIECE: _piece,
    _PACKETS: _packets,
}
