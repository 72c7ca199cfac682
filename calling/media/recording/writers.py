"""Recordings on disk: Ogg/Opus packet by packet, WAV, MP3. Each stays playable when its writer is killed.

Ogg pages are written whole, once a second (RFC 3533, 7845). A WAV's header is brought up to date as often. A
writer takes 20 ms at a time; what cannot be written (a full disk) raises OSError at once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any, Final, Protocol

import av
import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.int16]  # shape (samples, channels), 48 kHz
RATE: Final = 48000
FRAME: Final = 960
PAGE_PACKETS: Final = 50
SILENCE: Final = b"\xf8\xff\xfe"  # 20 ms of Opus silence, mono or stereo


class Writer(Protocol):
    """Where 20 ms pieces go. `add` takes PCM; writers that can (`takes_opus`) also take encoded packets."""

    takes_opus: bool

    def add(self, pcm: Sound) -> None: ...

    def add_opus(self, payload: bytes, samples: int) -> None: ...

    def close(self) -> None: ...


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return tuple(table)


_CRC: Final = _crc_table()


def ogg_checksum(page: bytes | bytearray) -> int:
    """RFC 3533's CRC-32: not reflected, no final xor."""
    value = 0
    for byte in page:
        value = (value << 8) & 0xFFFFFFFF ^ _CRC[value >> 24 ^ byte]
    return value


class OggWriter:
    """Ogg/Opus. Encoded packets pass as they are; PCM is encoded, stereo where there are two channels."""

    takes_opus = True

    def __init__(self, path: Path, channels: int = 1) -> None:
        self._file = path.open("wb", buffering=0)
        self._serial = int.from_bytes(path.name.encode()[-4:], "little")
        self._number = self._granule = 0
        self._packets: list[bytes] = []
        self._channels = channels
        self._encoder: Any = None
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, 0, RATE, 0, 0)
        tags = b"OpusTags" + struct.pack("<I", 10) + b"Callwright" + struct.pack("<I", 0)
        self._page([head], 0, flags=2)
        self._page([tags], 0)

    def add(self, pcm: Sound) -> None:
        if self._encoder is None:
            self._encoder = av.CodecContext.create("libopus", "w")
            self._encoder.sample_rate = RATE
            self._encoder.layout = "stereo" if self._channels == 2 else "mono"
            self._encoder.format = "s16"
            self._encoder.bit_rate = 32000 * self._channels
            self._encoder.options = {"application": "audio", "compression_level": "5"}
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(pcm).reshape(1, -1), format="s16", layout=self._encoder.layout.name
        )
        frame.sample_rate = RATE
        for packet in self._encoder.encode(frame):
            self.add_opus(bytes(packet), FRAME)

    def add_opus(self, payload: bytes, samples: int) -> None:
        self._packets.append(payload)
        self._granule += samples
        if len(self._packets) >= PAGE_PACKETS or sum(map(len, self._packets)) > 40_000:
            self._flush()

    def _flush(self, *, last: bool = False) -> None:
        if self._packets or last:
            packets, self._packets = self._packets, []
            self._page(packets, self._granule, flags=4 if last else 0)

    def _page(self, packets: list[bytes], granule: int, flags: int = 0) -> None:
        lacing = bytearray()
        for packet in packets:
            lacing += b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,))
        head = struct.pack("<4sBBqIII", b"OggS", 0, flags, granule, self._serial, self._number, 0)
        page = bytearray(head + bytes((len(lacing),)) + lacing + b"".join(packets))
        page[22:26] = ogg_checksum(page).to_bytes(4, "little")
        self._number += 1
        write_all(self._file, bytes(page))

    def close(self) -> None:
        try:
            self._flush(last=True)
        finally:
            self._file.close()


class WavWriter:
    """RIFF/WAVE, PCM 16 bit, 48 kHz; the header is right up to the last second."""

    takes_opus = False

    def __init__(self, path: Path, channels: int = 1) -> None:
        self._file = path.open("w+b", buffering=0)
        self._channels = channels
        self._size = 0
        self._pending = bytearray()
        self._head()

    def _head(self) -> None:
        width = 2 * self._channels
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, self._channels, RATE, RATE * width, width, 16)
        head = struct.pack("<4sI4s", b"RIFF", 36 + self._size, b"WAVE") + form
        self._file.seek(0)
        write_all(self._file, head + struct.pack("<4sI", b"data", self._size))
        self._file.seek(0, 2)

    def add(self, pcm: Sound) -> None:
        self._pending += np.ascontiguousarray(pcm, "<i2").tobytes()
        if len(self._pending) >= PAGE_PACKETS * FRAME * 2 * self._channels:
            self._flush()

    def add_opus(self, payload: bytes, samples: int) -> None:
        raise TypeError("a WAV takes samples")

    def _flush(self) -> None:
        pending, self._pending = bytes(self._pending), bytearray()
        write_all(self._file, pending)
        self._size += len(pending)
        self._head()

    def close(self) -> None:
        try:
            self._flush()
        finally:
            self._file.close()


class Mp3Writer:
    """MP3 frames one after the other: any piece of the file plays."""

    takes_opus = False

    def __init__(self, path: Path, channels: int = 1) -> None:
        self._file = path.open("wb", buffering=0)
        self._encoder: Any = av.CodecContext.create("libmp3lame", "w")
        self._encoder.sample_rate, self._encoder.format = RATE, "s16p"
        self._encoder.layout = "stereo" if channels == 2 else "mono"
        self._encoder.bit_rate = 48000 * channels
        self._fifo = av.AudioFifo()
        self._pts = 0

    def add(self, pcm: Sound) -> None:
        planes = np.ascontiguousarray(pcm.T)
        frame = av.AudioFrame.from_ndarray(planes, format="s16p", layout=self._encoder.layout.name)
        frame.sample_rate, frame.pts = RATE, self._pts
        self._pts += pcm.shape[0]
        self._fifo.write(frame)
        for whole in self._fifo.read_many(1152):
            self._put(self._encoder.encode(whole))

    def _put(self, packets: list[Any]) -> None:
        for packet in packets:
            write_all(self._file, bytes(packet))

    def add_opus(self, payload: bytes, samples: int) -> None:
        raise TypeError("an MP3 takes samples")

    def close(self) -> None:
        try:
            rest = self._fifo.read(0, partial=True)
            if rest is not None:
                self._put(self._encoder.encode(rest))
            self._put(self._encoder.encode(None))
        finally:
            self._file.close()


def write_all(file: FileIO, data: bytes) -> None:
    """Raw files may take less than asked when the disk fills up: then the rest is tried, which raises."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


WRITERS: Final[dict[str, Callable[[Path, int], Writer]]] = {
    "ogg": OggWriter,
    "wav": WavWriter,
    "mp3": Mp3Writer,
}


def open_writer(path: Path, format: str, channels: int) -> Writer:
    """A writer for `ogg`, `wav` or `mp3`. Raises OSError, KeyError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return WRITERS[format](path, channels)
