"""Which writer makes a file of which format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from calling.media.recording.ogg import OggWriter
from calling.media.recording.writers import Mp3Writer, WavWriter, Writer

WRITERS: Final[dict[str, Callable[[Path, int], Writer]]] = {
    "ogg": OggWriter,
    "wav": WavWriter,
    "mp3": Mp3Writer,
}


def open_writer(path: Path, format: str, channels: int) -> Writer:
    """A writer for `ogg`, `wav` or `mp3`. Raises OSError, KeyError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return WRITERS[format](path, channels)
