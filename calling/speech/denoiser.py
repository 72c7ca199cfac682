"""One party's sound without its noise: a piece in, a piece of the same length out."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

import numpy as np

from calling.speech import frames
from calling.speech.frames import Piece
from calling.speech.resample import Down, Floats, Hold, Up
from calling.speech.rnnoise import FRAME, RATE, RnNoise

RATES: Final = (8000, 16000, RATE)
_NOTHING: Final[Floats] = np.zeros(0, np.float32)


class Denoiser:
    """What the worker has of a `denoise`. An answer is as long as what came; where that is no multiple of
    10 ms, it is 10 ms behind."""

    takes: ClassVar[type[Piece]] = Piece

    def __init__(self, noise: RnNoise, answer: Callable[[bytes], None]) -> None:
        self.dropped = 0
        self._noise, self._answer = noise, answer
        self._rate = 0
        self._up: Up | Hold | None = None
        self._down: Down | None = None
        self._in = self._out = _NOTHING

    def hear(self, piece: Piece) -> None:
        if piece.rate not in RATES:
            raise frames.BadFrame
        if piece.rate != self._rate:
            self._tune(piece.rate)
        sound = piece.pcm.astype(np.float32)
        clean = self._clean(sound if self._up is None else self._up.take(sound))
        if self._down is not None:
            clean = self._down.take(clean)
        pcm = np.clip(np.rint(clean), -32768, 32767).astype(np.int16)
        self._answer(frames.of_piece(Piece(piece.number, piece.rate, pcm)))

    def _tune(self, rate: int) -> None:
        factor = RATE // rate
        self._rate = rate
        self._up = self._down = None
        self._noise.narrow = rate == 8000
        if self._noise.narrow:
            self._up, self._down = Hold(factor), Down(factor, held=True)
        elif factor > 1:
            self._up, self._down = Up(factor), Down(factor)

    def _clean(self, sound: Floats) -> Floats:
        waiting = np.concatenate((self._in, sound))
        whole = len(waiting) // FRAME * FRAME
        done = [self._noise.clean(waiting[at : at + FRAME]) for at in range(0, whole, FRAME)]
        self._in = waiting[whole:]
        clean = np.concatenate((self._out, *done))
        if len(clean) < len(sound):
            clean = np.concatenate((np.zeros(len(sound) - len(clean), np.float32), clean))
        self._out = clean[len(sound) :]
        return clean[: len(sound)]

    async def finish(self) -> None:
        """Nothing is left to say."""

    def close(self) -> None:
        self._noise.close()
