"""Whisper that says the same again and again is given the utterance once more, with all silence it knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from calling.speech.frames import RATE
from calling.speech.recogniser import MOST_FRAMES, REPEATED, Whisper, frames_for, repeats

SECONDS = 3


@dataclass
class Segment:
    text: str
    compression_ratio: float
    no_speech_prob: float = 0.0
    avg_logprob: float = -0.1


class Model:
    """Repeats itself where the encoder is given fewer frames than it `needs`."""

    def __init__(self, needs: int) -> None:
        self.needs, self.given = needs, list[int]()

    def transcribe(self, pcm: Any, **_: Any) -> tuple[list[Segment], None]:
        frames = self.encoded()
        self.given.append(frames)
        return [Segment("once", 1.0) if frames >= self.needs else Segment("again " * 50, 20.0)], None


def whisper(model: Model) -> Whisper:
    made = Whisper.__new__(Whisper)  # its weights are another test's
    made._english, made._beam, made._model = True, 1, model
    model.encoded = lambda: made._frames  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize(
    ("needs", "given", "text"),
    [
        (0, [frames_for(SECONDS)], "once"),
        (MOST_FRAMES, [frames_for(SECONDS), MOST_FRAMES], "once"),
        (MOST_FRAMES + 1, [frames_for(SECONDS), MOST_FRAMES], "again " * 49 + "again"),
    ],
)
def test_it_is_asked_once_more_at_most(needs: int, given: list[int], text: str) -> None:
    model = Model(needs)
    found = whisper(model).recognise(np.zeros(SECONDS * RATE, np.int16), "en", ())
    assert (model.given, found.text) == (given, text)


@pytest.mark.parametrize(("ratio", "again"), [(1.1, False), (REPEATED, False), (REPEATED + 0.1, True)])
def test_only_what_compresses_well_is_a_repetition(ratio: float, again: bool) -> None:
    assert repeats([Segment("a", 1.0), Segment("b", ratio)]) is again
    assert not repeats([])
