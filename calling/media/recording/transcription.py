"""A speech worker's work on recordings: claims one, decodes it, has it recognised, keeps the words.

Calls come first: a recording waits while the worker carries all it can, and while a call's words wait. It
runs beside the worker's socket, in the same process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final
from uuid import UUID

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer

from calling.media.recording import store, transcripts
from calling.models import Recording
from calling.runtime.db_threads import DATABASE_UNAVAILABLE, DatabaseThreads
from calling.speech.frames import FRAME, RATE, Pcm
from calling.speech.recogniser import NoRecogniser
from calling.speech.redaction import redact
from calling.speech.server import SpeechServer
from calling.speech.transcriber import wish_of

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
BEAT_SECONDS: Final = 10.0
MOST_SEGMENTS: Final = 20_000
TOLD: Final = ("text", "confidence", "start_ms", "end_ms")


async def serve(server: SpeechServer) -> None:
    """Transcribe what is asked for, one recording at a time, until cancelled."""
    desk = DatabaseThreads(1)
    try:
        while True:
            with contextlib.suppress(*DATABASE_UNAVAILABLE):
                row = await desk.run(transcripts.claim)
                if row is not None:
                    await one(server, desk, row)
                    continue
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        desk.close()


async def one(server: SpeechServer, desk: DatabaseThreads, row: Recording) -> None:
    beating = asyncio.ensure_future(beats(desk, row.pk))
    working = asyncio.ensure_future(transcribed(server, row))
    try:
        await asyncio.wait({beating, working}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            return  # withdrawn
        segments = working.result()
        await desk.run(transcripts.finish, row.pk, segments)
    except NoRecogniser as why:
        await desk.run(transcripts.fail, row.pk, str(why))
    except (OSError, ValueError):  # PyAV's errors are both
        await desk.run(transcripts.fail, row.pk, "unreadable")
    except DATABASE_UNAVAILABLE:
        raise  # another claim begins again
    except Exception:  # the worker's calls go on
        log.exception("A recording could not be transcribed")
        await desk.run(transcripts.fail, row.pk, "internal")
    finally:
        beating.cancel()
        working.cancel()


async def beats(desk: DatabaseThreads, recording_id: UUID) -> None:
    """Ends when the transcript is no longer wanted."""
    while True:
        with contextlib.suppress(*DATABASE_UNAVAILABLE):
            if not await desk.run(transcripts.beat, recording_id):
                return
        await asyncio.sleep(BEAT_SECONDS)


async def transcribed(server: SpeechServer, row: Recording) -> list[dict[str, Any]]:
    """The words in the order of their times. `channel`: 0 caller, 1 callee, where these are apart."""
    file = await asyncio.to_thread(store.fetch, row)
    if file is None:
        raise FileNotFoundError
    segments: list[dict[str, Any]] = []
    params = row.transcript["params"]
    with file:
        for channel in range(row.channels):

            def tell(words: Mapping[str, Any], channel: int = channel) -> None:
                if words.get("say") == "final" and len(segments) < MOST_SEGMENTS:
                    found = {name: words[name] for name in TOLD if name in words}
                    found["text"] = redact(found["text"], params.get("redact") or (), params["language"])
                    segments.append({**found, **({"channel": channel} if row.channels > 1 else {})})

            file.seek(0)
            wish = wish_of({**params, "partial": False})
            await server.transcribe(wish, sound_of(file, channel), tell)
    return sorted(segments, key=lambda each: int(each["start_ms"]))


def sound_of(file: BinaryIO, channel: int) -> Iterator[Pcm]:
    """20 ms each of one channel at 16 kHz. Blocks. Raises OSError and ValueError."""
    rest = np.zeros(0, np.int16)
    with av.open(file, "r") as container:
        if not container.streams.audio:
            raise ValueError("no sound")
        stream = container.streams.audio[0]
        layout = "stereo" if stream.channels > 1 else "mono"
        resampler = av.AudioResampler(format="s16", layout=layout, rate=RATE)
        for frame in _frames(container, stream):
            for piece in resampler.resample(frame):
                pcm = piece.to_ndarray().reshape(-1, 2 if layout == "stereo" else 1)
                rest = np.concatenate((rest, pcm[:, min(channel, pcm.shape[1] - 1)]))
                whole = len(rest) // FRAME * FRAME
                yield from (rest[at : at + FRAME] for at in range(0, whole, FRAME))
                rest = rest[whole:]


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[av.AudioFrame | None]:
    """What is decoded, then None, which empties the resampler."""
    yield from container.decode(stream)
    yield None
