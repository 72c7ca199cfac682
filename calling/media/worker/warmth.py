"""What a fresh worker makes and starts before somebody waits for it: first calls are not slower than others.

The sounds are made before the worker takes a session, because the loop would else encode them itself, in the
middle of a call. The rest goes on beside the first calls: pictures in a thread, and one run of each program
that decodes or speaks, so that its files are in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import wave
from pathlib import Path

from calling.media.files import decoders
from calling.media.files.prepare import prepare
from calling.media.sources import test_pattern, tones
from calling.media.tts import tts

log = logging.getLogger(__name__)


async def make_sounds() -> None:
    """Every tone, the music and the announcement in every codec: 0.8 s of a core."""
    try:
        await asyncio.to_thread(tones.warm)
    except Exception:
        log.exception("Sounds could not be prepared in advance")


async def make_the_rest() -> None:
    await asyncio.to_thread(make_pictures)
    await start_programs()


def make_pictures() -> None:
    for codec in ("vp8", "h264"):
        with contextlib.suppress(Exception):  # a build of FFmpeg may lack one
            test_pattern.pictures(codec)


async def start_programs() -> None:
    """A film decoder on a fifth of a second of silence, then a spare one, and the voice on one word."""
    with (
        contextlib.suppress(Exception),
        tempfile.TemporaryDirectory() as place,
    ):  # what fails says so when used
        sound = Path(place) / "silence.wav"
        with wave.open(str(sound), "wb") as box:
            box.setparams((1, 2, 8000, 1600, "NONE", ""))
            box.writeframes(bytes(3200))
        await prepare(sound, Path(place) / "silence.cwp")
        await decoders.of_this_loop().keep_one()
    with contextlib.suppress(Exception):
        await tts.provider.synthesise("one", language="en-US", voice="", gender="")
