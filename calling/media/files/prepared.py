"""Prepared media: encoded packets with their times, in a file that is read by mapping it. Pure.

One file serves any number of listeners and loops: Opus packets of 20 ms (mono, 48 kHz) and whole VP8 or H.264
frames (Annex B). Layout: magic, then payloads back to back, then the index (one entry a packet, by time),
then JSON about the whole, then a trailer that says where both begin. Only `Writer` makes such files, in the
decoder's process; what is read is checked against the file's size all the same.
"""

from __future__ import annotations

import bisect
import json
import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple

MAGIC: Final = b"CWPREP1\n"
_ENTRY: Final = struct.Struct("<BQQI")  # kind and key bit, microseconds, offset, size
_TRAILER: Final = struct.Struct("<QQI8s")  # offset of the index, of the JSON, entries, magic
KEY: Final = 0x80
OPUS_STEP_US: Final = 20_000

Kind = Literal["audio", "video"]


class Packet(NamedTuple):
    """One packet. `timestamp`: microseconds since the beginning; `keyframe`: decoding can begin here."""

    kind: Kind
    timestamp: int
    payload: bytes
    keyframe: bool


class NotPrepared(ValueError):
    """The file is not a whole prepared file."""


@dataclass(frozen=True)
class About:
    """What a prepared file holds. `video` is None, 'vp8' or 'h264'; sizes in pixels."""

    duration_ms: int
    audio: bool
    video: str | None = None
    width: int = 0
    height: int = 0


class Writer:
    """Writes packets to an open binary file; `finish` makes it whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._entries: list[tuple[int, int, int, int]] = []
        self._at = len(MAGIC)
        file.write(MAGIC)

    def add(self, kind: Kind, timestamp: int, payload: bytes, *, keyframe: bool = True) -> None:
        flags = (1 if kind == "video" else 0) | (KEY if keyframe else 0)
        self._entries.append((timestamp, flags, self._at, len(payload)))
        self._file.write(payload)
        self._at += len(payload)

    def finish(self, *, video: str | None = None, width: int = 0, height: int = 0) -> About:
        """Write index and trailer. The duration is the end of the last packet."""
        self._entries.sort(key=lambda entry: entry[0])
        last = max((entry[0] for entry in self._entries), default=0)
        sound = any(not entry[1] & 1 for entry in self._entries)
        about = About((last + OPUS_STEP_US) // 1000 if self._entries else 0, sound, video, width, height)
        index_at = self._at
        for timestamp, flags, offset, size in self._entries:
            self._file.write(_ENTRY.pack(flags, timestamp, offset, size))
        json_at = index_at + len(self._entries) * _ENTRY.size
        self._file.write(json.dumps(about.__dict__).encode())
        self._file.write(_TRAILER.pack(index_at, json_at, len(self._entries), MAGIC))
        self._file.flush()
        return about


class Prepared:
    """A prepared file, mapped. Positions count packets; one object may be read by many players at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < len(MAGIC) + _TRAILER.size:
                raise NotPrepared(str(path.name))
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        index_at, json_at, count, magic = _TRAILER.unpack_from(self._map, size - _TRAILER.size)
        whole = json_at == index_at + count * _ENTRY.size and json_at <= size - _TRAILER.size
        if magic != MAGIC or self._map[: len(MAGIC)] != MAGIC or not whole:
            raise NotPrepared(str(path.name))
        self.about = About(**json.loads(self._map[json_at : size - _TRAILER.size]))
        self._entries = list(_ENTRY.iter_unpack(self._map[index_at:json_at]))
        self.times = [entry[1] for entry in self._entries]
        if any(offset + length > index_at for _, _, offset, length in self._entries):
            raise NotPrepared(str(path.name))

    def __len__(self) -> int:
        return len(self._entries)

    def packet(self, position: int) -> Packet:
        flags, timestamp, offset, size = self._entries[position]
        payload = self._map[offset : offset + size]
        return Packet("video" if flags & 1 else "audio", timestamp, payload, bool(flags & KEY))

    def seek(self, timestamp: int, *, kind: Kind | None = None) -> int:
        """The position to play from at `timestamp` (microseconds): of `kind`, the last key packet not later
        (video) or the first not earlier (audio)."""
        at = bisect.bisect_left(self.times, timestamp)
        if kind != "video":
            return at
        at = min(at, len(self._entries) - 1)
        for position in range(at, -1, -1):
            if self._entries[position][0] == 1 | KEY and self.times[position] <= timestamp:
                return position
        return 0

    def packets(self, kind: Kind | None = None, start: int = 0, *, loops: int = 1) -> Iterator[Packet]:
        """Packets from a position on, `loops` times over (0 = for ever); times go on rising over the
        loops."""
        turn = 0
        while loops == 0 or turn < loops:
            shift = turn * self.about.duration_ms * 1000
            for position in range(start if turn == 0 else 0, len(self._entries)):
                if kind is None or (self._entries[position][0] & 1) == (kind == "video"):
                    packet = self.packet(position)
                    yield packet._replace(timestamp=packet.timestamp + shift)
            turn += 1
            if not self._entries:
                return

    def close(self) -> None:
        self._map.close()


def open_prepared(path: Path) -> Prepared:
    """Raises NotPrepared or OSError."""
    try:
        return Prepared(path)
    except (ValueError, TypeError, struct.error) as problem:
        raise NotPrepared(str(path.name)) from problem
