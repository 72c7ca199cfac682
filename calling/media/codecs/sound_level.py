"""How loud samples are, as RFC 6464 counts it. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def level_of(pcm: NDArray[np.int16]) -> int:
    """The level in -dBov: 0 is the loudest sound, 127 silence."""
    power = float(np.dot(pcm.astype(np.float32), pcm.astype(np.float32))) / max(1, len(pcm))
    if power < 1:
        return 127
    return max(0, min(127, round(-10 * math.log10(power / 32768.0**2))))
