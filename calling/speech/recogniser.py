"""Sound to words: the interface, and Whisper behind it. One recogniser of a kind per process, made when first
asked for.

Who speaks, when, and who wants to know it is `transcriber`'s.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from calling.speech import installed, weights
from calling.speech.frames import RATE, Pcm

LEAST_SECONDS: Final = 12.0  # of sound and silence that the encoder is given; with less it repeats itself
SILENCE_SECONDS: Final = 5.0  # at the end of that
REPEATED: Final = (
    2.4  # how much a text can be compressed that says the same again and again, as Whisper has it
)
MOST_FRAMES: Final = 3000  # 10 ms each: what Whisper was trained with


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said. `confidence`: 0 to 1, the model's own opinion."""

    text: str
    confidence: float


class Recogniser(Protocol):
    def recognise(self, pcm: Pcm, language: str, hints: Sequence[str]) -> Heard:
        """The words of one utterance of at most 30 s at 16 kHz. Blocks; called from one thread at a time."""


class NoRecogniser(Exception):
    """It cannot be made here; the text says what to add."""


class Whisper:
    """Whisper by CTranslate2, on one core, with 8 bit weights."""

    def __init__(self, directory: Path, english: bool, beam: int) -> None:
        from faster_whisper import WhisperModel

        logging.getLogger("faster_whisper").setLevel(logging.WARNING)
        self._english, self._beam = english, beam
        self._frames = MOST_FRAMES
        self._model = WhisperModel(
            str(directory), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
        )
        self._whole = self._model.encode
        self._model.encode = self._encode

    def _encode(self, features: NDArray[np.float32]) -> object:
        """Without most of the silence that fills up 30 s, on which most of the time is spent."""
        return self._whole(np.ascontiguousarray(features[..., : self._frames]))

    def recognise(self, pcm: Pcm, language: str, hints: Sequence[str]) -> Heard:
        said = self._segments(pcm, language, hints, frames_for(len(pcm) / RATE))
        if repeats(said):
            said = self._segments(pcm, language, hints, MOST_FRAMES)
        return heard(said)

    def _segments(self, pcm: Pcm, language: str, hints: Sequence[str], frames: int) -> list[Any]:
        self._frames = frames
        segments, _ = self._model.transcribe(
            pcm.astype(np.float32) / 32768,
            language="en" if self._english else language,
            beam_size=self._beam,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            hotwords=", ".join(hints) or None,
        )
        return list(segments)


def frames_for(seconds: float) -> int:
    """How much the encoder is given of an utterance and the silence behind it; even, for it halves them."""
    return min(MOST_FRAMES, round(max(LEAST_SECONDS, seconds + SILENCE_SECONDS) * 50) * 2)


def repeats(segments: Sequence[Any]) -> bool:
    """Whether the model has not found an end, which more silence behind the utterance gives it."""
    return any(each.compression_ratio > REPEATED for each in segments)


def heard(segments: Sequence[Any]) -> Heard:
    """Whisper's segments as one; what it takes for silence itself is left out."""
    said = [each for each in segments if not (each.no_speech_prob > 0.6 and each.avg_logprob < -1)]
    if not said:
        return Heard("", 0.0)
    text = " ".join(" ".join(each.text for each in said).split())
    return Heard(text, round(math.exp(sum(each.avg_logprob for each in said) / len(said)), 3))


class Recognisers:
    """Those of a process, by the name of their model."""

    def __init__(self, own: Path) -> None:
        self._own = own
        self._made: dict[str, Recogniser] = {}

    def get(self, model: str) -> Recogniser:
        """Blocks for seconds the first time. Raises NoRecogniser."""
        if model not in self._made:
            if model not in installed.recognisers(self._own):
                raise NoRecogniser(f"the model {model} is not installed: {installed.ADVICE}")
            quick = model == installed.QUICK
            try:
                place = weights.directory(model, self._own)
                self._made[model] = Whisper(place, english=quick, beam=1 if quick else 5)
            except weights.NoWeights as why:
                raise NoRecogniser(str(why)) from None
        return self._made[model]
