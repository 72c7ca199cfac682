"""One face for every audio codec the platform decodes or encodes: name in, 20 ms frames of PCM.

`decoder(codec)` and `encoder(codec, rate)` pick libopus, the G.711 tables or PyAV's G.722. Rates are
8000, 16000 or 48000 Hz; G.711 is 8 kHz and G.722 16 kHz by nature and are resampled where asked.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from calling.media.codecs import g711
from calling.media.codecs.opus import OpusDecoder, OpusEncoder, Pcm


class Decoder(Protocol):
    def decode(self, payload: bytes | memoryview) -> Pcm:
        """Samples at the rate asked for; ValueError for a payload that cannot be decoded."""

    def conceal(self, samples: int, following: bytes | memoryview | None = None) -> Pcm:
        """Samples for a lost frame; following: the payload after it, where that is there."""


class Encoder(Protocol):
    def encode(self, pcm: Pcm) -> bytes:
        """One payload of one 20 ms frame at the rate asked for."""

    def expect_loss(self, share: float) -> None:
        """The listener loses this share of the packets; only Opus can do something about it."""


def resample(pcm: Pcm, source: int, target: int) -> Pcm:
    """Linear interpolation between whole-number related rates: cheap, and enough for telephone sound."""
    if source == target or not len(pcm):
        return pcm
    if source > target:
        step = source // target
        size = len(pcm) // step * step
        fewer: Pcm = pcm[:size].reshape(-1, step).mean(axis=1).astype(np.int16)
        return fewer
    step = target // source
    at = np.arange(len(pcm) * step) / step
    return np.interp(at, np.arange(len(pcm)), pcm).astype(np.int16)


class _Law:
    def __init__(self, name: str, rate: int) -> None:
        self.name, self.rate = name, rate
        self._last = np.zeros(0, np.int16)
        self._fade = 0.5

    def decode(self, payload: bytes | memoryview) -> Pcm:
        self._last = resample(g711.decode(self.name, payload), 8000, self.rate)
        self._fade = 0.5
        return self._last

    def conceal(self, samples: int, following: bytes | memoryview | None = None) -> Pcm:
        if len(self._last) < samples:
            return np.zeros(samples, np.int16)
        out = (self._last[-samples:] * self._fade).astype(np.int16)
        self._fade *= 0.5
        return out

    def expect_loss(self, share: float) -> None:
        """Each payload stands alone."""

    def encode(self, pcm: Pcm) -> bytes:
        return g711.encode(self.name, resample(pcm, self.rate, 8000))


class _G722Decoder:
    def __init__(self, rate: int) -> None:
        import av

        self.rate = rate
        self._codec: Any = av.CodecContext.create("g722", "r")
        self._codec.sample_rate = 16000
        self._codec.layout = "mono"

    def decode(self, payload: bytes | memoryview) -> Pcm:
        import av

        try:
            frames = self._codec.decode(av.Packet(bytes(payload)))
        except av.FFmpegError as error:
            raise ValueError("not G.722") from error
        parts = [frame.to_ndarray().reshape(-1) for frame in frames]
        return resample(np.concatenate(parts) if parts else np.zeros(0, np.int16), 16000, self.rate)

    def conceal(self, samples: int, following: bytes | memoryview | None = None) -> Pcm:
        return np.zeros(samples, np.int16)


class _G722Encoder:
    def __init__(self, rate: int) -> None:
        import av

        self.rate = rate
        self._codec: Any = av.CodecContext.create("g722", "w")
        self._codec.sample_rate, self._codec.format, self._codec.layout = 16000, "s16", "mono"

    def expect_loss(self, share: float) -> None:
        """Each payload stands alone."""

    def encode(self, pcm: Pcm) -> bytes:
        import av

        wide = resample(pcm, self.rate, 16000)
        frame = av.AudioFrame.from_ndarray(wide.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 16000
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


def decoder(name: str, rate: int) -> Decoder:
    """name: opus pcmu pcma g722 (lower case). ValueError for another."""
    if name == "opus":
        return OpusDecoder(rate)
    if name in ("pcmu", "pcma"):
        return _Law(name, rate)
    if name == "g722":
        return _G722Decoder(rate)
    raise ValueError(f"no decoder for {name}")


def encoder(name: str, rate: int, complexity: int = 3) -> Encoder:
    """name: opus pcmu pcma g722 (lower case); complexity: of Opus, 0-10. ValueError for another name."""
    if name == "opus":
        return OpusEncoder(rate, 32000 if rate > 8000 else 20000, complexity)
    if name in ("pcmu", "pcma"):
        return _Law(name, rate)
    if name == "g722":
        return _G722Encoder(rate)
    raise ValueError(f"no encoder for {name}")
