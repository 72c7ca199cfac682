"""say: espeak-ng in a process of its own, cached, and a clear error where it is missing."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import shutil
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest

from calling.media.tts import tts
from calling.swml import voices

PRESENT = shutil.which("espeak-ng") is not None or importlib.util.find_spec("espeakng_loader") is not None
needs_espeak = pytest.mark.skipif(
    not PRESENT, reason="espeak-ng is not installed (Debian espeak-ng or callwright[tts])"
)


@needs_espeak
@pytest.mark.parametrize("language", ["en-US", "de-DE", "sv", "xx-YY", "--help", "../x"])
async def test_words_are_spoken_in_a_language(language: str, tmp_path: Path) -> None:
    found = await tts.say("Hello, one two three.", language=language, directory=tmp_path)
    assert 800 < found.about.duration_ms < 5000 and not found.about.video


@needs_espeak
async def test_the_same_words_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await tts.say("Again and again.", directory=tmp_path)
    monkeypatch.setattr(tts.shutil, "which", lambda _: pytest.fail("spoken twice"))
    assert (await tts.say("Again and again.", directory=tmp_path)).path == first.path


@pytest.mark.skipif(importlib.util.find_spec("espeakng_loader") is None, reason="needs callwright[tts]")
async def test_the_library_speaks_where_the_program_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tts.shutil, "which", lambda _: None)
    assert (await tts.say("Hello there.", directory=tmp_path)).about.duration_ms > 400


async def test_without_espeak_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tts.shutil, "which", lambda _: None)
    monkeypatch.setattr(tts.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(tts.SpeechUnavailable, match="espeak-ng"):
        await tts.say("Hello.", directory=tmp_path)


@pytest.mark.parametrize("words", ["", "   ", "\x00\x07\u200b"])
async def test_nothing_to_say_is_an_error(words: str, tmp_path: Path) -> None:
    with pytest.raises(tts.SpeechUnavailable):
        await tts.say(words, directory=tmp_path)


def test_a_voice_is_a_variant_of_the_language_and_the_gender_chooses_without_one() -> None:
    assert tts.espeak_voice("de-DE", "female", "M3") == "de+m3"
    assert tts.espeak_voice("de-DE", "female", "elevenlabs.rachel") == "de+f3"
    assert tts.espeak_voice("de-DE", "male") == "de"


@needs_espeak
@pytest.mark.parametrize("language", sorted(voices.LANGUAGES))
async def test_every_language_that_is_taken_is_spoken(language: str) -> None:
    sound, code = await tts._run(["espeak-ng", "-v", tts.espeak_voice(language), "--stdin", "--stdout"], "1")
    assert code == 0 and sound.startswith(b"RIFF")


@needs_espeak
async def test_every_voice_sounds_unlike_the_others() -> None:
    made = {
        name: await tts.provider.synthesise("Hello", language="en", voice=name, gender="")
        for name in voices.VOICES
    }
    assert len(set(made.values())) > len(voices.VOICES) - 2  # m1 may be the plain one


class Humming:
    """A provider that says a sine of 440 Hz for so many seconds at any rate."""

    name = "humming"

    def __init__(self, seconds: float, rate: int, channels: int = 1) -> None:
        at = np.arange(round(seconds * rate)) / rate
        sine = (8000 * np.sin(2 * np.pi * 440 * at)).astype("<i2")
        held = io.BytesIO()
        with wave.open(held, "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(np.repeat(sine, channels).tobytes())
        self.sound = held.getvalue()

    async def synthesise(self, words: str, *, language: str, voice: str, gender: str) -> bytes:
        return self.sound


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000, 96000])
async def test_a_voice_keeps_its_pitch_and_its_pace(
    rate: int, channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tts, "provider", Humming(3.1, rate, channels))
    sound = await tts.speak("hum")
    assert abs(len(sound) - 3.1 * tts.RATE) < 5
    loudest = np.abs(np.fft.rfft(sound[: 2 * tts.RATE])).argmax() / 2
    assert loudest == 440
    steps = np.abs(np.diff(sound.astype(int))).max()
    assert steps <= 8000 * 2 * np.pi * 440 / tts.RATE + 2, "no step where pieces meet"
    assert (await tts.say("hum", directory=tmp_path)).about.duration_ms in range(3100, 3121)


async def test_a_long_speech_lets_the_calls_of_its_loop_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tts, "provider", Humming(60.0, 22050))
    turns = 0

    async def call() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    going = asyncio.create_task(call())
    tracemalloc.start()
    await tts.say("on and on", directory=tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    going.cancel()
    assert turns >= 60 * 50 / tts.PIECE
    assert peak < 5 * 60 * 22050 * 2, "the sound is not made as a whole"


@needs_espeak
async def test_a_speech_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tts, "MOST_BYTES", 100_000)
    sound, code = await tts._run([shutil.which("espeak-ng") or "", "--stdin", "--stdout"], "on and on " * 400)
    assert (code, sound[:4]) == (0, b"RIFF") and len(sound) < 200_000
    assert len(tts._samples(sound)[0]) > 40_000
