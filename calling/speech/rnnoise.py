"""RNNoise by ctypes: 10 ms of sound at 48 kHz in, the same without noise out, 20 ms later.

https://gitlab.xiph.org/xiph/rnnoise (BSD). The library comes in the wheel `pyrnnoise`, whose own Python is
not imported: it wants a plotting library.
"""

from __future__ import annotations

import ctypes
import math
from collections import deque
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calling.speech import weights

Floats = NDArray[np.float32]
RATE: Final = 48000
FRAME: Final = 480
LIBRARY: Final = "librnnoise.so"


def load(own: Path) -> ctypes.CDLL:
    """The library, its hash compared. Blocks. Raises weights.NoWeights."""
    try:
        lib = ctypes.CDLL(str(weights.directory("denoise", own) / LIBRARY))
    except OSError:
        raise weights.NoWeights("rnnoise cannot be loaded on this machine") from None
    lib.rnnoise_create.argtypes = [ctypes.c_void_p]
    lib.rnnoise_create.restype = ctypes.c_void_p
    lib.rnnoise_destroy.argtypes = [ctypes.c_void_p]
    lib.rnnoise_destroy.restype = None
    lib.rnnoise_process_frame.argtypes = [ctypes.c_void_p] * 3
    lib.rnnoise_process_frame.restype = ctypes.c_float
    return lib


class RnNoise:
    """One party's state in the library."""

    def __init__(self, lib: ctypes.CDLL) -> None:
        self.narrow = False  # whether the sound is a telephone's
        self._lib = lib
        self._state = lib.rnnoise_create(None)
        self._frame = np.zeros(FRAME, np.float32)
        self._at = self._frame.ctypes.data
        self._keepers = {narrow: VoiceKeeper(narrow) for narrow in (False, True)}

    def clean(self, samples: Floats) -> Floats:
        """FRAME samples in the range of 16 bits."""
        self._frame[:] = samples
        voice = float(self._lib.rnnoise_process_frame(self._state, self._at, self._at))
        return self._keepers[self.narrow].keep(samples, self._frame.copy(), voice)

    def close(self) -> None:
        state, self._state = self._state, None
        if state:
            self._lib.rnnoise_destroy(state)

    def __del__(self) -> None:
        self.close()


class VoiceKeeper:
    """Gives back what RNNoise takes from a voice: it takes some vowels for noise, and most of them where a
    telephone left nothing of their overtones. Pure.

    Of a frame with a voice, KEPT of the power beyond the noise stays; what is missing is mixed in from the
    sound as it came. A voice is what the library is sure of, or, at a telephone's rate, what is LOUD above
    the noise. The noise is the quietest sound of the last 1.5 s.
    """

    DELAY: Final = 2 * FRAME  # of the library
    SURE: Final = 0.4  # probability of a voice
    LOUD: Final = 8.0  # 9 dB
    KEPT: Final = 0.9  # of the power: -0.5 dB
    BLOCK, BLOCKS = 25, 6  # frames of which the quietest is kept, and how many of these

    def __init__(self, narrow: bool) -> None:
        self._narrow = narrow
        self._dry = np.zeros(self.DELAY, np.float32)
        self._quietest: deque[float] = deque(maxlen=self.BLOCKS)
        self._block: list[float] = []
        self._smooth = 0.0
        self._share = self._voice = 0.0

    def keep(self, dry: Floats, clean: Floats, voice: float) -> Floats:
        """What is to be heard of one frame. `dry`: as it came in now; `clean`: as it came out."""
        whole = np.concatenate((self._dry, dry))
        self._dry = whole[FRAME:]
        came = whole[:FRAME]
        power = float(np.dot(came, came))
        noise = self._noise(power)
        spoken = max(voice, self._voice) > self.SURE or (self._narrow and power > self.LOUD * noise)
        self._voice = voice
        before, self._share = self._share, self._missing(came, clean, power - noise) if spoken else 0.0
        if not before and not self._share:
            return clean
        return clean + np.linspace(before, self._share, FRAME, dtype=np.float32) * (came - clean)

    def _noise(self, power: float) -> float:
        self._smooth += 0.2 * (power - self._smooth)
        self._block.append(self._smooth)
        if len(self._block) == self.BLOCK:
            self._quietest.append(min(self._block))
            self._block.clear()
        return 1.3 * min((*self._quietest, self._smooth))

    def _missing(self, came: Floats, clean: Floats, power: float) -> float:
        """The share of the sound as it came, from 0 to 1, that brings back that power of the voice."""
        wanted = self.KEPT * power - float(np.dot(clean, clean))
        rest = came - clean
        square, half = float(np.dot(rest, rest)), float(np.dot(rest, clean))
        if wanted <= 0 or square <= 0:
            return 0.0
        return min(1.0, max(0.0, (math.sqrt(half * half + square * wanted) - half) / square))
