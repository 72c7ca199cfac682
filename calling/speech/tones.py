"""What 20 ms of a party are by themselves: silence, a voice (or noise), one pure tone, or two. Pure.

Whether tones mean a beep, a fax or ringing is `answering`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calling.speech.frames import FRAME, RATE, Pcm

SPAN: Final = 2 * FRAME  # each frame is judged together with the one before: 40 ms, bins of 25 Hz
LOW_HZ, HIGH_HZ = 250, 3400
PURE: Final = 0.9  # share of the strength that is in one tone, or in two
_BIN: Final = RATE / SPAN
_WINDOW: Final[NDArray[np.float64]] = np.hanning(SPAN)
_FROM, _TO = round(LOW_HZ / _BIN), round(HIGH_HZ / _BIN)


@dataclass(frozen=True, slots=True)
class Judged:
    """One frame. `level` in dB of full scale; `hertz`: of the strongest, where there are `tones` (1 or 2)."""

    level: float
    tones: int = 0
    hertz: float = 0.0


def level(pcm: Pcm) -> float:
    """dB of full scale; -100 for digital silence."""
    power = float(np.mean(pcm.astype(np.float64) ** 2)) / 32768.0**2
    return 10 * float(np.log10(power)) if power > 1e-10 else -100.0


def judge(before: Pcm, now: Pcm, quiet: float) -> Judged:
    """`quiet`: the level below which nothing is looked at closer."""
    loud = level(now)
    if loud < quiet:
        return Judged(loud)
    spectrum = np.abs(np.fft.rfft(np.concatenate((before, now)) * _WINDOW)) ** 2
    total = float(spectrum[1:].sum()) or 1.0
    band = spectrum[_FROM:_TO].copy()
    first, share = _peak(band)
    if share / total >= PURE:
        return Judged(loud, 1, hertz(spectrum, _FROM + first))
    band[max(0, first - 2) : first + 3] = 0
    _, second = _peak(band)
    if (share + second) / total >= PURE and second / total >= 0.05:
        return Judged(loud, 2, hertz(spectrum, _FROM + first))
    return Judged(loud)


def _peak(band: NDArray[np.float64]) -> tuple[int, float]:
    """The strongest bin, and the strength in it and its four neighbours (the window's main lobe)."""
    at = int(band.argmax())
    return at, float(band[max(0, at - 2) : at + 3].sum())


def hertz(spectrum: NDArray[np.float64], at: int) -> float:
    """The tone's frequency between the bins: the centre of its lobe."""
    lobe = spectrum[max(0, at - 2) : at + 3]
    bins = np.arange(max(0, at - 2), max(0, at - 2) + len(lobe))
    return float((lobe * bins).sum() / (lobe.sum() or 1.0) * _BIN)
