"""Telephone sound goes to 48 kHz and back piece by piece, whole, without seams and without images."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calling.speech.resample import TAPS, Down, Hold, Up

Floats = NDArray[np.float32]


def tone(hertz: float, rate: int, seconds: float = 0.5) -> Floats:
    return (np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate) * 8000).astype(np.float32)


def decibels(sound: Floats) -> float:
    return float(10 * np.log10(np.mean(np.square(sound.astype(np.float64))) + 1e-9))


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("hertz", [300, 1000, 3000, 3300])
def test_a_voice_comes_back_as_loud_as_it_went(rate: int, hertz: float) -> None:
    factor = 48000 // rate
    there = Up(factor).take(tone(hertz, rate))
    back = Down(factor).take(there)
    steady = slice(4 * TAPS, None)
    assert len(there) == rate // 2 * factor and len(back) == rate // 2
    assert abs(decibels(back[steady]) - decibels(tone(hertz, rate)[steady])) < 0.6
    spectrum = np.abs(np.fft.rfft(there[-9600:] * np.hanning(9600)))
    beyond = round(0.58 * rate) * 9600 // 48000
    assert spectrum[beyond:].max() < spectrum.max() / 300  # images are 50 dB below


@pytest.mark.parametrize("sizes", [(160,), (80, 240), (7, 153), (1,)])
def test_pieces_join_without_a_seam(sizes: tuple[int, ...]) -> None:
    sound, at, up, down = tone(700, 8000, 0.1), 0, Up(6), Down(6)
    pieces = []
    while at < len(sound):
        for size in sizes:
            pieces.append(down.take(up.take(sound[at : at + size])))
            at += size
    whole = Down(6).take(Up(6).take(sound))
    joined = np.concatenate(pieces)[: len(whole)]
    assert np.allclose(joined, whole[: len(joined)], atol=0.01)


def test_what_a_telephone_cannot_carry_does_not_come_back_as_something_else() -> None:
    heard = Down(6).take(tone(5500, 48000))
    assert decibels(heard[200:]) < decibels(tone(5500, 48000)) - 50


@pytest.mark.parametrize("hertz", [300, 1000, 2000, 3000, 3300])
def test_a_staircase_comes_back_as_loud_as_it_went(hertz: float) -> None:
    back = Down(6, held=True).take(Hold(6).take(tone(hertz, 8000)))
    assert abs(decibels(back[4 * TAPS :]) - decibels(tone(hertz, 8000)[4 * TAPS :])) < 1.0
