"""G.711 µ-law and A-law by table (ITU-T G.711). PCM is mono int16 at 8 kHz in numpy arrays."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from calling.media.codecs.opus import Pcm

BIAS = 0x84


@functools.cache
def _ulaw_decode() -> Pcm:
    codes = ~np.arange(256, dtype=np.int32) & 0xFF
    values = (((codes & 0x0F) << 3) + BIAS << ((codes >> 4) & 7)) - BIAS
    return np.where(codes & 0x80, -values, values).astype(np.int16)


@functools.cache
def _alaw_decode() -> Pcm:
    codes = np.arange(256, dtype=np.int32) ^ 0x55
    segment, mantissa = (codes >> 4) & 7, codes & 0x0F
    values = np.where(
        segment == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(segment - 1, 0)
    )
    return np.where(codes & 0x80, values, -values).astype(np.int16)


def _nearest(table: Pcm) -> NDArray[np.uint8]:
    """For each int16 (as uint16 index) the code whose value is nearest."""
    order = np.argsort(table, kind="stable")
    values = table[order].astype(np.int32)
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    right = np.clip(np.searchsorted(values, samples), 1, 255)
    left_is_nearer = samples - values[right - 1] <= values[right] - samples
    return order[np.where(left_is_nearer, right - 1, right)].astype(np.uint8)


@functools.cache
def _ulaw_encode() -> NDArray[np.uint8]:
    return _nearest(_ulaw_decode())


@functools.cache
def _alaw_encode() -> NDArray[np.uint8]:
    return _nearest(_alaw_decode())


def decode(name: str, payload: bytes | memoryview) -> Pcm:
    """Samples of a payload. name: `pcmu` or `pcma`."""
    table = _ulaw_decode() if name == "pcmu" else _alaw_decode()
    return table[np.frombuffer(payload, np.uint8)]


def encode(name: str, pcm: Pcm) -> bytes:
    """Payload of samples. name: `pcmu` or `pcma`."""
    table = _ulaw_encode() if name == "pcmu" else _alaw_encode()
    return table[np.ascontiguousarray(pcm, np.int16).view(np.uint16)].tobytes()
