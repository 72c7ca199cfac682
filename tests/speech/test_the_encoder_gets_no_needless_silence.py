"""Whisper's encoder is given an utterance and enough silence behind it, not 30 s whatever was said."""

from __future__ import annotations

import pytest

from calling.speech.recogniser import MOST_FRAMES, frames_for
from calling.speech.utterances import LONGEST_MS


@pytest.mark.parametrize(("seconds", "frames"), [(0.4, 1200), (7, 1200), (10, 1500), (20, 2500), (28, 3000)])
def test_a_short_utterance_costs_half_of_a_long_one(seconds: float, frames: int) -> None:
    assert frames_for(seconds) == frames


def test_an_utterance_is_given_whole_at_any_length() -> None:
    for hundredths in range(LONGEST_MS // 10):
        frames = frames_for(hundredths / 100)
        assert hundredths <= frames <= MOST_FRAMES and frames % 2 == 0
