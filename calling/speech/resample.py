"""From a telephone's rate to 48 kHz and back, piece by piece, without images and aliases. Pure.

Linear-phase FIR filters (Kaiser window, 60 dB), 1.5 ms of delay each way at 8 kHz. What the filter needs of
the sound before is kept, so pieces join without a seam. `Hold` leaves the images in: RNNoise knows voices by
their overtones, and of a telephone's it finds none.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

TAPS: Final = 24  # of the low rate that each sample of the high one is made of
KAISER: Final = 5.65
LIFT: Final = 0.08


def lowpass(factor: int) -> NDArray[np.float64]:
    """The filter at the high rate: it ends at half of the low rate; its sum is 1."""
    size = TAPS * factor
    at = np.arange(size) - (size - 1) / 2
    taps = np.sinc(at / factor) * np.kaiser(size, KAISER)
    return np.asarray(taps / taps.sum(), np.float64)


class Up:
    """`factor` samples out for each that comes in."""

    def __init__(self, factor: int) -> None:
        taps = lowpass(factor) * factor
        # phases[k] makes the k-th sample of each group; the newest sample comes last
        self._phases = np.stack([taps[phase::factor][::-1] for phase in range(factor)], axis=1)
        self._phases = self._phases.astype(np.float32)
        self._before: Floats = np.zeros(TAPS - 1, np.float32)

    def take(self, samples: Floats) -> Floats:
        whole = np.concatenate((self._before, samples))
        self._before = whole[len(whole) - (TAPS - 1) :]
        windows = np.lib.stride_tricks.sliding_window_view(whole, TAPS)
        return np.asarray(windows @ self._phases, np.float32).reshape(-1)


class Hold:
    """Each sample `factor` times: a staircase, whose images lie above half of the low rate."""

    def __init__(self, factor: int) -> None:
        self._factor = factor

    def take(self, samples: Floats) -> Floats:
        return np.repeat(samples, self._factor)


class Down:
    """One sample out for `factor` that come in; a piece is a multiple of it. `held`: of a Hold, whose
    staircase took 2.7 dB at 3.4 kHz, which are given back."""

    def __init__(self, factor: int, held: bool = False) -> None:
        self._factor = factor
        taps = lowpass(factor)
        if held:
            lift = np.zeros(2 * factor + 1)
            lift[[0, factor, 2 * factor]] = -LIFT, 1 + 2 * LIFT, -LIFT
            taps = np.convolve(taps, lift)
        self._taps = taps[::-1].astype(np.float32)
        self._before: Floats = np.zeros(len(taps) - 1, np.float32)

    def take(self, samples: Floats) -> Floats:
        whole = np.concatenate((self._before, samples))
        self._before = whole[len(whole) - len(self._before) :]
        windows = np.lib.stride_tricks.sliding_window_view(whole, len(self._taps))
        return np.asarray(windows[self._factor - 1 :: self._factor] @ self._taps, np.float32)
