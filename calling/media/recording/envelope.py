"""How loud a recording is from its begin to its end, made while it is recorded: a waveform is drawn from it.

At most `MOST` peaks per channel, however long it becomes: where there would be more, each two become one.
Must not live here: files and rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST: Final = 600
FULL: Final = 32767
CREST: Final = 1.5  # a peak of speech above its power, where the power alone is known
SILENT: Final = 127  # dBov below full scale, as RFC 6464 counts


PEAKS: Final = (*(min(FULL, round(FULL * CREST * 10 ** (-level / 20))) for level in range(SILENT)), 0)


def peak_of(level: int) -> int:
    """The peak of a sound whose level alone is known, in -dBov."""
    return PEAKS[min(level, SILENT)]


class Envelope:
    """`add` takes 20 ms of samples, `add_level` as much whose level alone is known."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._peaks = np.zeros((MOST, channels), np.int32)
        self._count = 0  # peaks that are whole
        self._each = 1  # frames of one peak
        self._frames = 0  # of the next one

    def add(self, pcm: NDArray[np.int16]) -> None:
        """Samples of shape (samples, channels)."""
        if len(pcm):
            self.add_peaks(np.maximum(pcm.max(axis=0).astype(np.int32), -pcm.min(axis=0).astype(np.int32)))

    def add_level(self, level: int, frames: int = 1) -> None:
        """`level`: -dBov of one channel, 127 for silence."""
        for _ in range(frames):
            self.add_peaks([peak_of(level)] * self._channels)

    def add_peaks(self, peak: NDArray[np.int32] | Sequence[int]) -> None:
        """20 ms of which each channel's peak is known."""
        if self._count == MOST:
            self._peaks[: MOST // 2] = np.maximum(self._peaks[0::2], self._peaks[1::2])
            self._peaks[MOST // 2 :] = 0
            self._count, self._each = MOST // 2, 2 * self._each
        now = self._peaks[self._count]
        np.maximum(now, peak, out=now)
        self._frames += 1
        if self._frames == self._each:
            self._count, self._frames = self._count + 1, 0

    def stored(self) -> bytes | None:
        """An octet of each peak, 255 for full scale, channel beside channel; None if nothing was heard."""
        found = self._peaks[: self._count + (self._frames > 0)]
        if not found.any():
            return None
        octets = np.clip(np.ceil(found * 255 / FULL), 0, 255)
        return octets.astype(np.uint8).tobytes()
