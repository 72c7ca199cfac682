"""Whether somebody who pauses has finished: the interface, and Smart-Turn behind it, where it is installed.

Without it, silence alone ends an utterance. How long a pause lasts is `utterances`'; who asks, and when, is
`transcriber`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from calling.speech import installed, weights
from calling.speech.frames import RATE, Pcm

HEARD_SECONDS: Final = 8  # what the model was trained with: the end of what was said, and a short pause
FRAMES: Final = HEARD_SECONDS * 100
FINISHED: Final = 0.5  # and more: the party waits for an answer


class TurnDetector(Protocol):
    def finished(self, pcm: Pcm) -> float:
        """How likely, 0 to 1, an utterance up to its pause is all that its speaker wants to say.

        Blocks (0.13 s of CPU); called from one thread at a time.
        """


class _Session(Protocol):
    """onnxruntime's InferenceSession, as much of it as is used."""

    def run(
        self, outputs: None, given: Mapping[str, NDArray[np.float32]]
    ) -> Sequence[NDArray[np.float32]]: ...


class SmartTurn:
    """Smart-Turn 3.2: Whisper's encoder and a classifier, on intonation as much as on words."""

    def __init__(self, file: Path) -> None:
        import onnxruntime
        from faster_whisper.feature_extractor import FeatureExtractor

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._model: _Session = onnxruntime.InferenceSession(
            str(file), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._log_mel = FeatureExtractor(chunk_length=HEARD_SECONDS)

    def finished(self, pcm: Pcm) -> float:
        features = self._log_mel(prepared(pcm), padding=0)[:, :FRAMES].astype(np.float32)
        return float(self._model.run(None, {"input_features": features[np.newaxis]})[0].ravel()[0])


def prepared(pcm: Pcm) -> NDArray[np.float32]:
    """The last 8 s, silence before them where they are fewer, with a mean of 0 and a variance of 1."""
    size = HEARD_SECONDS * RATE
    heard = np.zeros(size, np.float32)
    last = pcm[-size:]
    heard[size - len(last) :] = last.astype(np.float32) / 32768
    normal: NDArray[np.float32] = (heard - heard.mean()) / np.sqrt(heard.var() + 1e-7)
    return normal


def detector(own: Path) -> TurnDetector | None:
    """The one that is installed, or None: silence alone. Blocks for a second. Raises NoWeights for another
    file than the known one."""
    if not installed.turns(own):
        return None
    return SmartTurn(weights.directory(installed.TURNS, own) / weights.KNOWN[installed.TURNS].file)
