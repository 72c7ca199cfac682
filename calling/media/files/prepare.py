"""From a file to its prepared form: run the decoder's process, watch it, take its answer.

The worker never gives a byte from outside to FFmpeg itself. The process gets two open descriptors and an
empty environment, and is killed when it stops making progress or takes too long. It is stopped while it is
the turn of others (`turns`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from pathlib import Path
from typing import Final, Literal

from calling.media.files import decoders, turns
from calling.media.files.prepared import About
from calling.media.files.sandbox import TIED
from calling.media.files.sniff import HEAD, sniff
from calling.media.files.turns import Asker, GivenUp, Turn

Picture = Literal["vp8", "h264", "none"]
START_SECONDS: Final = 20.0  # a busy machine needs its time to start a process
STALL_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 180.0
LONGEST_SECONDS: Final = 3600
LOOK_SECONDS: Final = 0.1


class Unplayable(Exception):
    """The file cannot be played; the text is fit for whoever gave it."""


async def prepare(
    source: Path,
    target: Path,
    *,
    picture: Picture = "vp8",
    stall: float = STALL_SECONDS,
    asker: Asker = Asker(),  # noqa: B008 - a frozen value
) -> About:
    """Decode `source` into the prepared file `target` (written whole or not at all), in `asker`'s turn.

    Raises Unplayable (not a known format, nothing decodable, too long, too slow) and OSError (disk full, …).
    """
    with source.open("rb") as opened:
        demuxer = sniff(opened.read(HEAD))
        if demuxer is None:
            raise Unplayable("the file is not WAV, MP3, OGG, FLAC, MP4, WebM or MOV")
        opened.seek(0)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".draft-")
        try:
            line = turns.of_this_loop()
            turn = await line.begin(asker)
            try:
                about = await _decode(opened.fileno(), handle, demuxer, picture, stall, turn)
            finally:
                line.end(turn)
            os.replace(draft, target)
        except GivenUp as given_up:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise Unplayable(str(given_up)) from None
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft)
            raise
        finally:
            os.close(handle)
    return about


async def _decode(
    source: int, target: int, demuxer: str, picture: Picture, stall: float, turn: Turn
) -> About:
    decoder = await decoders.of_this_loop().take(soon=turns.of_this_loop().has_had_little(turn))
    process = decoder.process
    try:
        with contextlib.suppress(OSError):  # it has ended: what it said tells
            decoder.give(source, target, (demuxer, picture, str(LONGEST_SECONDS)))
        said = await _listen(process, stall, turn)
    finally:
        decoder.end()
        await process.wait()
    try:
        found = json.loads(said.rsplit(b"\n", 2)[-2])
        if "ok" in found:
            return About(**found["ok"])
        message = str(found["error"]["message"])
    except (ValueError, LookupError, TypeError):
        message = "the file could not be decoded"
    raise Unplayable(message)


async def _listen(process: asyncio.subprocess.Process, stall: float, turn: Turn) -> bytes:
    """All the process prints; each piece is a sign of life. Raises Unplayable when the signs stop, GivenUp
    where no further turn comes. Only its own turns count as its time."""
    assert process.stdout is not None
    loop, line = asyncio.get_running_loop(), turns.of_this_loop()
    said, patience, left = b"", START_SECONDS if stall >= STALL_SECONDS else stall, TOTAL_SECONDS
    reading = asyncio.ensure_future(process.stdout.read(4096))
    try:
        while True:
            began = loop.time()
            await asyncio.wait({reading}, timeout=min(LOOK_SECONDS, patience))
            patience, left = patience - (loop.time() - began), left - (loop.time() - began)
            if reading.done():
                piece = reading.result()
                if not piece:
                    return said
                if piece != TIED:  # it has begun to decode
                    patience = stall
                said = (said + piece)[-8192:]
                reading = asyncio.ensure_future(process.stdout.read(4096))
            if patience <= 0 or left <= 0:
                raise Unplayable("decoding the file takes too long")
            if said and line.is_over(turn) and _tell(process, signal.SIGSTOP):
                await line.again(turn)
                _tell(process, signal.SIGCONT)
    finally:
        reading.cancel()


def _tell(process: asyncio.subprocess.Process, number: signal.Signals) -> bool:
    """Whether the process could be told to stop or to go on; one that has ended cannot."""
    if process.returncode is None:
        with contextlib.suppress(OSError):
            os.kill(process.pid, number)
            return True
    return False
