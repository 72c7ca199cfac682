"""Sounds of a telephone line, made here: tones, noise, and words that espeak-ng speaks."""

from __future__ import annotations

import io
import subprocess
import wave

import numpy as np

from bench.people import phone_band
from calling.speech.frames import FRAME, RATE, Pcm


def silence(seconds: float) -> Pcm:
    return np.zeros(int(seconds * RATE), np.int16)


def tone(seconds: float, *hertz: float, level: float = 5000) -> Pcm:
    at = np.arange(int(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * each * at) * level for each in hertz).astype(np.int16)


def words(text: str, voice: str = "en-us", speed: int = 160, *, wide: bool = False) -> Pcm:
    """A text as it comes over PCMU, 250 to 3,400 Hz at 8 kHz; `wide`: as Opus would carry it."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text]
    made = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    with wave.open(io.BytesIO(made)) as file:
        rate, sound = file.getframerate(), np.frombuffer(file.readframes(1 << 26), np.int16)
    return wide_band(sound, rate) if wide else phone_band(sound, rate)


def wide_band(sound: Pcm, rate: int) -> Pcm:
    """The same sound at 16 kHz, up to 8 kHz of it."""
    size = int(len(sound) * RATE / rate)
    spectrum = np.fft.rfft(sound)[: size // 2 + 1]
    whole = np.fft.irfft(spectrum, size) * size / len(sound)
    return np.clip(whole, -32768, 32767).astype(np.int16)


def frames(*parts: Pcm) -> list[Pcm]:
    """20 ms each."""
    whole = np.concatenate(parts)
    return [whole[at : at + FRAME] for at in range(0, len(whole) - FRAME + 1, FRAME)]
