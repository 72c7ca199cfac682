"""libopus through ctypes, mono, at 8, 16 or 48 kHz. No PyAV, no executor: 35-100 µs per 20 ms frame.

The library is the copy that PyAV's wheel carries, else the system's. PCM is int16 in numpy arrays.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import pathlib

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

APPLICATION_AUDIO = 2049
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_PACKET_LOSS_PERC = 4002, 4010, 4012, 4014
MAX_MS = 120
MAX_PAYLOAD = 1275


class OpusError(ValueError):
    """libopus refused a payload or a parameter; the text is its own."""


@functools.cache
def library() -> ctypes.PyDLL:
    """The loaded library. PyDLL keeps the GIL: a call is shorter than handing it over twice."""
    import av

    bundled = sorted((pathlib.Path(av.__file__).parent.parent / "av.libs").glob("libopus-*.so*"))
    found = str(bundled[0]) if bundled else ctypes.util.find_library("opus")
    if found is None:
        raise RuntimeError("libopus was found neither in PyAV's wheel nor on the system.")
    lib = ctypes.PyDLL(found)
    pointer, number = ctypes.c_void_p, ctypes.c_int
    lib.opus_decoder_create.restype = lib.opus_encoder_create.restype = pointer
    lib.opus_decoder_create.argtypes = [ctypes.c_int32, number, pointer]
    lib.opus_encoder_create.argtypes = [ctypes.c_int32, number, number, pointer]
    lib.opus_decode.argtypes = [pointer, pointer, ctypes.c_int32, pointer, number, number]
    lib.opus_encode.argtypes = [pointer, pointer, number, pointer, ctypes.c_int32]
    lib.opus_decoder_destroy.argtypes = lib.opus_encoder_destroy.argtypes = [pointer]
    lib.opus_encoder_destroy.restype = lib.opus_decoder_destroy.restype = None
    lib.opus_strerror.restype = ctypes.c_char_p
    return lib


def _check(result: int) -> int:
    if result < 0:
        raise OpusError(library().opus_strerror(result).decode())
    return result


class OpusDecoder:
    """Decodes one stream to mono int16 at `rate` Hz."""

    def __init__(self, rate: int = 48000) -> None:
        self.rate = rate
        self._lib = library()
        error = ctypes.c_int()
        self._state = self._lib.opus_decoder_create(rate, 1, ctypes.byref(error))
        _check(error.value)
        self._out = np.zeros(rate * MAX_MS // 1000, np.int16)
        self._at = self._out.ctypes.data

    def decode(self, payload: bytes | memoryview) -> Pcm:
        """The samples of one payload; the array is reused by the next call. Raises OpusError."""
        data = bytes(payload)
        size = self._lib.opus_decode(self._state, data, len(data), self._at, len(self._out), 0)
        return self._out[: _check(size)]

    def conceal(self, samples: int, following: bytes | memoryview | None = None) -> Pcm:
        """What was in a lost frame of `samples` samples (a multiple of 2.5 ms): as the packet after it tells
        (in-band FEC), or what is probable."""
        data = bytes(following or b"") or None
        size = self._lib.opus_decode(
            self._state, data, len(data or b""), self._at, samples, int(data is not None)
        )
        if size < 0 and data is not None:  # not even its head can be read
            size = self._lib.opus_decode(self._state, None, 0, self._at, samples, 0)
        return self._out[: _check(size)]

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_decoder_destroy(self._state)
            self._state = None


class OpusEncoder:
    """Encodes mono int16 at `rate` Hz. application AUDIO: mixes and music are noise-like to SILK."""

    def __init__(
        self,
        rate: int = 48000,
        bitrate: int = 32000,
        complexity: int = 5,
        application: int = APPLICATION_AUDIO,
    ) -> None:
        self.rate = rate
        self._lib = library()
        error = ctypes.c_int()
        self._state = self._lib.opus_encoder_create(rate, 1, application, ctypes.byref(error))
        _check(error.value)
        self._lib.opus_encoder_ctl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int32]
        _check(self._lib.opus_encoder_ctl(self._state, _SET_BITRATE, bitrate))
        _check(self._lib.opus_encoder_ctl(self._state, _SET_COMPLEXITY, complexity))
        _check(self._lib.opus_encoder_ctl(self._state, _SET_INBAND_FEC, 0))
        self._out = ctypes.create_string_buffer(MAX_PAYLOAD)

    def expect_loss(self, share: float) -> None:
        """Put as much of each frame into the next one as this share of lost packets asks for; 0: nothing."""
        _check(self._lib.opus_encoder_ctl(self._state, _SET_INBAND_FEC, int(share > 0)))
        _check(self._lib.opus_encoder_ctl(self._state, _SET_PACKET_LOSS_PERC, min(100, round(share * 100))))

    def encode(self, pcm: Pcm) -> bytes:
        """One frame: 2.5, 5, 10, 20, 40 or 60 ms of samples. Raises OpusError for another length."""
        pcm = np.ascontiguousarray(pcm, np.int16)
        size = self._lib.opus_encode(self._state, pcm.ctypes.data, len(pcm), self._out, MAX_PAYLOAD)
        return self._out.raw[: _check(size)]

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_encoder_destroy(self._state)
            self._state = None


def opus_samples(payload: bytes | memoryview) -> int:
    """How long an Opus packet is, in samples of 48 kHz (RFC 6716 section 3.1)."""
    if not payload:
        return 0
    config, code = payload[0] >> 3, payload[0] & 3
    if config < 12:
        size = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        size = (480, 960)[config & 1]
    else:
        size = (120, 240, 480, 960)[config & 3]
    frames = 1 if code == 0 else 2 if code < 3 else (payload[1] & 0x3F if len(payload) > 1 else 1)
    return size * frames
