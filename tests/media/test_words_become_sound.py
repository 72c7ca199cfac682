"""say: espeak-ng in a process of its own, cached, and a clear error where it is missing."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

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
