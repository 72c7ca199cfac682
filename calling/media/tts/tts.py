"""Words to sound: the text-to-speech interface and its default, espeak-ng in a process of its own.

`say(words, language)` gives prepared media like a file, cached by its words. espeak-ng is GPL software: it
is never linked into this process, only run as a program: the binary on PATH, or the `[tts]` extra's library
in a small process (`calling.media.tts.espeak`). Another provider is one class with `synthesise`; set
`provider`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import io
import os
import re
import shutil
import sys
import tempfile
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from calling.media.codecs.opus import OpusEncoder, Pcm
from calling.media.files import turns
from calling.media.files.aside import OWN_SESSION, end_process
from calling.media.files.decoders import ROOT
from calling.media.files.library import media_directory
from calling.media.files.prepared import OPUS_STEP_US, NotPrepared, Prepared, Writer, open_prepared
from calling.media.files.turns import Ask, nobody
from calling.runtime.priority import step_back
from calling.swml import voices

MAX_WORDS: Final = 4000
SECONDS: Final = 20.0
RATE: Final = 48000
FRAME: Final = RATE // 50
PIECE: Final = 10  # frames that are made at once: other calls of this loop wait that long
MOST_BYTES: Final = 64 * 1024 * 1024  # of what a provider says: more than twenty minutes


class SpeechUnavailable(Exception):
    """No speech can be made; the text says what to install."""


class Provider(Protocol):
    """Something that speaks. `name` is part of the cache's key."""

    name: str

    async def synthesise(self, words: str, *, language: str, voice: str, gender: str) -> bytes:
        """A WAV file: PCM 16 bit, any rate, mono or stereo. Raises SpeechUnavailable."""
        ...


class Espeak:
    """espeak-ng: small, free, robotic, about a hundred languages."""

    name = "espeak-ng"

    async def synthesise(self, words: str, *, language: str, voice: str, gender: str) -> bytes:
        chosen = espeak_voice(language, gender, voice)
        binary = shutil.which("espeak-ng")
        if binary is not None:
            command = [binary, "-v", chosen, "--stdin", "--stdout", "-b", "1"]
        elif importlib.util.find_spec("espeakng_loader") is not None:
            command = [sys.executable, "-m", "calling.media.tts.espeak", chosen]
        else:
            raise SpeechUnavailable(
                "speech needs espeak-ng: install it (apt-get install espeak-ng), or espeakng-loader"
            )
        sound, code = await _run(command, words)
        if code != 0 or not sound.startswith(b"RIFF"):
            if not chosen.startswith("en-us"):
                return await self.synthesise(words, language="en-US", voice="", gender=gender)
            raise SpeechUnavailable("espeak-ng produced no audio")
        return sound


async def _run(command: list[str], words: str) -> tuple[bytes, int]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
        **OWN_SESSION,
    )
    step_back(process.pid)
    assert process.stdin is not None and process.stdout is not None
    sound = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(OSError):
                process.stdin.write(words.encode())
                process.stdin.close()
            while len(sound) < MOST_BYTES and (piece := await process.stdout.read(1 << 16)):
                sound += piece
            code = await process.wait() if len(sound) < MOST_BYTES else 0
    except TimeoutError:
        raise SpeechUnavailable("espeak-ng took too long") from None
    finally:
        end_process(process)
        await process.wait()
    return bytes(sound), code


def espeak_voice(language: str, gender: str = "", voice: str = "") -> str:
    """espeak-ng's voice for a BCP 47 language: 'en-US' → 'en-us', 'de-DE' → 'de'; with `voice`, one of
    `voices.VOICES`, in that variant. Never an option or a path."""
    tag = language.strip().lower().replace("_", "-")
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,2}", tag):
        tag = "en-us"
    special = {"en-us", "en-gb", "pt-br", "es-419", "fr-be", "fr-ch", "zh-yue"}
    names = {
        "zh": "cmn",
        "zh-cn": "cmn",
        "zh-tw": "cmn",
        "en": "en-us",
        "no": "nb",
        "es-mx": "es-419",
        "pt-pt": "pt",
    }
    chosen = names.get(tag) or (tag if tag in special else names.get(tag.split("-")[0], tag.split("-")[0]))
    if voice.lower() in voices.VOICES:
        return f"{chosen}+{voice.lower()}"
    return chosen + ("+f3" if gender.lower() == "female" else "")


provider: Provider = Espeak()
_NOTHING: Final[Pcm] = np.zeros(0, np.int16)


async def say(
    words: str,
    *,
    language: str = "en-US",
    voice: str = "",
    gender: str = "",
    directory: Path | None = None,
    ask: Ask = nobody,
) -> Prepared:
    """The prepared sound of some words (at most 4000 characters), made in the turn of who asks. Raises
    SpeechUnavailable, OSError (disk full)."""
    words = "".join(c for c in words[:MAX_WORDS] if c.isprintable() or c in "\n\t").strip()
    if not words:
        raise SpeechUnavailable("there is no text to speak")
    where = (directory or media_directory()) / "speech"
    key = "\0".join((provider.name, language, voice, gender, words))
    path = where / f"{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}.cwp"
    with contextlib.suppress(OSError, NotPrepared):
        opened = open_prepared(path)
        os.utime(path)
        return opened
    async with _in_turn(ask):
        sound = await provider.synthesise(words, language=language, voice=voice, gender=gender)
        await _keep(sound, path)
    return open_prepared(path)


async def speak(
    words: str, *, language: str = "en-US", voice: str = "", gender: str = "", ask: Ask = nobody
) -> Pcm:
    """The sound of a piece of a conversation, mono at `RATE`, which is kept nowhere: what is said once is
    not worth a file, and not every file's business. Empty where there is nothing to say. Raises
    SpeechUnavailable."""
    words = "".join(c for c in words[:MAX_WORDS] if c.isprintable() or c in "\n\t").strip()
    if not any(c.isalnum() for c in words):
        return _NOTHING
    async with _in_turn(ask):
        sound = await provider.synthesise(words, language=language, voice=voice, gender=gender)
        samples, rate = _samples(sound)
        return await asyncio.to_thread(lambda: np.concatenate([*_pieces(samples, rate), _NOTHING]))


@contextlib.asynccontextmanager
async def _in_turn(ask: Ask) -> AsyncIterator[None]:
    """Synthesis waits for its turn among the projects. Raises SpeechUnavailable where that takes too long."""
    line = turns.of_this_loop()
    try:
        turn = await line.begin(await ask())
    except turns.GivenUp as given_up:
        raise SpeechUnavailable(str(given_up)) from None
    try:
        yield
    finally:
        line.end(turn)


async def _keep(sound: bytes, path: Path) -> None:
    """Encode a WAV of our own provider to a prepared file, letting other work run in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".say-")
    try:
        with os.fdopen(handle, "wb") as file:
            writer, encoder, number = Writer(file), OpusEncoder(RATE, 32000, 5), 0
            for piece in _pieces(*_samples(sound)):
                for frame in _frames(piece):
                    writer.add("audio", number * OPUS_STEP_US, encoder.encode(frame))
                    number += 1
                await asyncio.sleep(0)
            writer.finish()
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def _samples(sound: bytes) -> tuple[Pcm, int]:
    """What a WAV holds, mono, and its rate."""
    try:
        with wave.open(io.BytesIO(_lengths_mended(sound))) as file:
            if file.getsampwidth() != 2:
                raise SpeechUnavailable("the speech provider did not return 16-bit audio")
            rate, channels = file.getframerate(), file.getnchannels()
            samples = np.frombuffer(file.readframes(MOST_BYTES), "<i2")
    except (wave.Error, EOFError) as problem:
        raise SpeechUnavailable("the speech provider did not return WAV") from problem
    return samples[::channels], rate


def _pieces(samples: Pcm, rate: int) -> Iterator[Pcm]:
    """The samples at `RATE`, in pieces of `PIECE` frames and a shorter last one, each made when asked for."""
    size = PIECE * FRAME
    for start in range(0, len(samples) * RATE // rate, size):
        count = min(size, len(samples) * RATE // rate - start)
        at = (start + np.arange(count)) * (rate / RATE)
        first = int(at[0])
        near = samples[first : int(at[-1]) + 2]
        yield np.interp(at - first, np.arange(len(near)), near).astype(np.int16)


def _lengths_mended(sound: bytes) -> bytes:
    """espeak-ng writes to a pipe before it knows the length, and puts a placeholder into the header."""
    at = sound.find(b"data", 12, 200)
    if at < 0:
        return sound
    size = len(sound) - at - 8
    size -= size % 2
    head = sound[:4] + (at + size).to_bytes(4, "little") + sound[8:at]
    return head + b"data" + size.to_bytes(4, "little") + sound[at + 8 : at + 8 + size]


def _frames(pcm: Pcm) -> Iterator[Pcm]:
    for at in range(0, len(pcm), FRAME):
        frame = pcm[at : at + FRAME]
        yield (
            frame if len(frame) == FRAME else np.concatenate((frame, np.zeros(FRAME - len(frame), np.int16)))
        )
