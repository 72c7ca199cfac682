"""A caller of a rehearsal: a software phone that speaks sentences and notes who spoke when.

What it heard stays in memory until the call is judged: 2 MB a minute where words are wanted, else 2 kB.
"""

from __future__ import annotations

import asyncio
import fractions
import time
from collections import deque
from collections.abc import Callable

import av
import numpy as np
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack
from numpy.typing import NDArray

from bench.rehearsal.conversation import LOUD, Level
from bench.rehearsal.scenario import Step
from bench.softphone import FRAME, RATE, SoftPhone

Pcm = NDArray[np.int16]
QUIET: Pcm = np.zeros(FRAME, np.int16)
HEARD_RATE = 16000
LOOK_SECONDS = 0.02
DIGIT_SECONDS = 0.25


class Mouth(AudioStreamTrack):
    """Says what it is given, 20 ms at a time, and silence between; notes what it says and when."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[Level] = []
        self._frames: deque[Pcm] = deque()
        self._at = 0
        self._begun: float | None = None

    @property
    def speaking(self) -> bool:
        return bool(self._frames)

    def say(self, pcm: Pcm) -> None:
        whole = np.concatenate((pcm, np.zeros(-len(pcm) % FRAME, np.int16)))
        self._frames.extend(whole[at : at + FRAME] for at in range(0, len(whole), FRAME))

    async def recv(self) -> av.AudioFrame:
        now = time.monotonic()
        self._begun = now if self._begun is None else self._begun
        await asyncio.sleep(max(0.0, self._begun + self._at / RATE - now))
        pcm = self._frames.popleft() if self._frames else QUIET
        if pcm is not QUIET:
            self.levels.append((time.monotonic(), level(pcm)))
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._at, fractions.Fraction(1, RATE)
        self._at += FRAME
        return frame


class Caller(SoftPhone):
    """One caller. `sentences`: the sound of each text that its scenario says."""

    def __init__(self, name: str, token: str, url: str, sentences: dict[str, Pcm], *, keeps: bool) -> None:
        super().__init__(name, token, url, 0.0)
        self.mouth = Mouth()
        self.levels: list[Level] = []
        self.kept: list[tuple[float, Pcm]] = []
        self._sentences, self._keeps = sentences, keeps

    def speaks(self) -> MediaStreamTrack:
        return self.mouth

    def listens(self, now: float, samples: np.ndarray) -> None:
        self.levels.append((now, level(samples)))
        if self._keeps:
            size = len(samples) // 3 * 3
            self.kept.append((now, samples[:size].reshape(-1, 3).mean(axis=1).astype(np.int16)))

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return any(each["type"] == "call.ended" for each in self.heard)

    @property
    def hears_voice(self) -> bool:
        """Whether the other side speaks now."""
        return any(loud >= LOUD for _, loud in self.levels[-5:])

    async def perform(self, step: Step) -> None:
        """Do one step; ends early with the call."""
        match step.kind:
            case "listen":
                await self._hear_out(step)
            case "say":
                await self._say(self._sentences[step.text])
            case "interrupt":
                await self._wait(lambda: self.hears_voice, step.timeout)
                await self._wait(lambda: False, step.seconds)
                await self._say(self._sentences[step.text])
            case "mumble":
                await self._say(mumbled(self._sentences[MUMBLE], step.seconds))
            case "silent":
                await self._wait(lambda: False, step.seconds)
            case "digits":
                await self.send("call.dtmf", call_id=self.call_id, digits=step.text)
                await self._wait(lambda: False, DIGIT_SECONDS * len(step.text))

    async def _hear_out(self, step: Step) -> None:
        begun = time.monotonic()

        def paused() -> bool:
            loud = next((at for at, level in reversed(self.levels) if level >= LOUD), 0.0)
            return loud > begun and time.monotonic() - loud >= step.seconds

        await self._wait(paused, step.timeout)

    async def _say(self, pcm: Pcm) -> None:
        self.mouth.say(pcm)
        await self._wait(lambda: not self.mouth.speaking, len(pcm) / RATE + 5)

    async def _wait(self, test: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not test() and not self.over and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_SECONDS)


MUMBLE = "Well, hm, that other thing over there, or rather, so to say, hm, whatever it was, you know."


def mumbled(pcm: Pcm, seconds: float) -> Pcm:
    """A voice that says nothing: backwards and dull, over and over."""
    back = pcm[::-1].astype(np.float64)
    dull = np.convolve(back, np.ones(48) / 48, mode="same")  # nothing above 1 kHz
    size = int(seconds * RATE)
    return np.resize(np.clip(dull * 1.5, -32768, 32767).astype(np.int16), size)


def level(samples: np.ndarray) -> float:
    wave = samples.astype(np.float64)
    return float(np.sqrt(np.mean(wave * wave))) if len(wave) else 0.0
