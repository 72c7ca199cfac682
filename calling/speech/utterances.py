"""Where an utterance begins and ends, from the likelihood of speech in each window. Pure.

No recogniser and no model is known here: whoever asks has a score for every 32 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WINDOW_MS: Final = 32
BEGIN_SCORE: Final = 0.5
STAY_SCORE: Final = 0.35  # a voice that trails off is still a voice
BEGIN_MS: Final = 96  # a click is no word
LEAD_MS: Final = 320  # kept before the first window: soft beginnings
HOLD_MS: Final = 1000  # more silence, where a speaker does not seem to have finished
LONGEST_MS: Final = 28_000  # what Whisper hears at once is 30 s


@dataclass(frozen=True, slots=True)
class Utterance:
    """From when to when somebody spoke, in ms of the leg's sound. `whole`: it has ended."""

    start_ms: int
    end_ms: int
    whole: bool


class Utterances:
    """Follows one party. `window` gives the utterance that goes on or has just ended."""

    def __init__(self, end_silence_ms: int = 700) -> None:
        self.end_silence_ms = end_silence_ms
        self._at = 0
        self._voiced = 0
        self._begun: int | None = None
        self._last_voice = 0
        self._held_at = -1  # the last voice before a pause that is not the end

    @property
    def maybe(self) -> bool:
        """Whether the last window was the first with a voice: an utterance may begin, or it was a click."""
        return self._begun is None and self._voiced == WINDOW_MS

    @property
    def last_voice_ms(self) -> int:
        """The end of the last window with a voice: of the utterance that goes on or has just ended."""
        return self._last_voice

    def hold(self, voice_ms: int) -> None:
        """The speaker has not finished: the pause after `voice_ms`, if it goes on, ends nothing so soon."""
        self._held_at = voice_ms

    def window(self, score: float) -> Utterance | None:
        """One more window: None while nobody speaks."""
        self._at += WINDOW_MS
        speaking = score >= (STAY_SCORE if self._begun is not None else BEGIN_SCORE)
        if speaking:
            self._voiced += WINDOW_MS
            self._last_voice = self._at
        elif self._begun is None:
            self._voiced = 0
        if self._begun is None:
            if self._voiced < BEGIN_MS:
                return None
            self._begun = max(0, self._at - self._voiced - LEAD_MS)
        silent = self._at - self._last_voice
        if silent >= self.end_silence_ms + (HOLD_MS if self._held_at == self._last_voice else 0):
            return self._end(self._last_voice + min(silent, LEAD_MS))
        if self._at - self._begun >= LONGEST_MS:
            return self._end(self._at)
        return Utterance(self._begun, self._at, whole=False)

    def close(self) -> Utterance | None:
        """The sound is over: what was going on has ended."""
        return None if self._begun is None else self._end(self._at)

    def _end(self, end_ms: int) -> Utterance:
        assert self._begun is not None
        found = Utterance(self._begun, end_ms, whole=True)
        self._begun, self._voiced = None, 0
        return found
