"""Who answered, as a listener of the speech worker: sound in, `result`, `beep` and `message_over` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import numpy as np

from calling.speech import tones
from calling.speech.answering import Answering, Finding, Thresholds
from calling.speech.frames import FRAME, Pcm, Sound

MOST_GAP: Final = 250
_SILENT: Final = np.zeros(FRAME, np.int16)


class Detector:
    """One party's sound, frame by frame; lost frames count as silence."""

    takes: ClassVar[type[Sound]] = Sound

    def __init__(self, ask: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]) -> None:
        self.dropped = 0
        self._tell = tell
        self._answering = Answering(thresholds_of(ask))
        self._before: Pcm = _SILENT
        self._next = 0

    def hear(self, sound: Sound) -> None:
        gap = sound.number - self._next
        if gap < 0:
            return
        self.dropped += gap
        self._next = sound.number + 1
        for pcm in (*[_SILENT] * min(gap, MOST_GAP), sound.pcm):
            for found in self.frame(pcm):
                self._tell(told(found))

    def frame(self, pcm: Pcm) -> list[Finding]:
        judged = tones.judge(self._before, pcm, self._answering.quiet)
        self._before = pcm
        return self._answering.frame(judged)

    async def finish(self) -> None:
        """Nothing is left to say."""

    def close(self) -> None:
        """Nothing is held."""


def thresholds_of(ask: Mapping[str, Any]) -> Thresholds:
    """From the params of a `detect`: seconds, each where it is given."""
    usual = Thresholds()
    return Thresholds(
        milliseconds(ask.get("initial_timeout"), usual.initial_ms),
        milliseconds(ask.get("end_silence_timeout"), usual.end_silence_ms),
        milliseconds(ask.get("machine_voice_threshold"), usual.machine_voice_ms),
        int(ask.get("machine_words_threshold") or usual.machine_words),
        milliseconds(ask.get("machine_ready_timeout"), usual.ready_ms),
    )


def milliseconds(seconds: float | None, usual: int) -> int:
    return usual if seconds is None else round(float(seconds) * 1000)


def told(found: Finding) -> dict[str, Any]:
    words: dict[str, Any] = {"say": found.kind, "at_ms": found.at_ms}
    if found.kind == "result":
        words["result"] = found.verdict
    if found.kind == "beep":
        words |= {"start_ms": found.start_ms, "end_ms": found.at_ms, "hertz": found.hertz}
    return words
