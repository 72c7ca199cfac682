"""Recordings of samples on disk: WAV and MP3. Each file stays playable when its writer is killed.

A WAV's header is brought up to date once a second. A writer takes 20 ms at a time; what cannot be written (a
full disk) raises OSError at once. Ogg, which takes packets, is `ogg`'s.
"""

from __future__ import annotations

import struct
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


class Writer(Protocol):
    """Where 20 ms pieces of samples go."""

    def add(self, pcm: Sound) -> None: ...

    def close(self) -> None: ...


class WavWriter:
    """RIFF/WAVE, PCM 16 bit, 48 kHz; the header is right up to the last second."""

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
