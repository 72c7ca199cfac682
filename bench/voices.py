"""More speakers of English than the recorded prompts have: a reader of LibriVox, and voices made here.

The reader (public domain) is in Debian's `pocketsphinx-testdata` (BSD). The made voices say what they are
given: `flite` of Debian (its own free licence) has two Americans, a Scot and an older voice, `espeak-ng`
(GPL) formants in several accents, and the package `hibari-tts` (Apache-2.0) one neural American. Programs
whose package is missing are left out. How sound comes over a telephone, and the prompts, are `people`'s.
"""

from __future__ import annotations

import importlib
import io
import re
import subprocess
import tempfile
import wave
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any, Final

import numpy as np

from bench.people import phone_band
from calling.speech.frames import Pcm

LIBRIVOX: Final = Path("/usr/share/pocketsphinx/test/data/librivox")
FLITE: Final = {"rms": "US, man", "slt": "US, woman", "awb": "Scotland, man", "kal16": "US, man, diphones"}
ESPEAK: Final = {
    "en-us": "US",
    "en-gb": "Britain",
    "en-gb-scotland": "Scotland",
    "en-gb-x-rp": "Received Pronunciation",
    "en-029": "Caribbean",
}
WORDS_A_MINUTE: Final = 150
SECONDS: Final = 60.0  # that a program may take for a sentence

Say = Callable[[str], tuple[Pcm, int]]  # a text -> its samples, and how many of them a second


@dataclass(frozen=True)
class Spoken:
    """A sentence, and what says it."""

    text: str
    say: Say

    def sound(self) -> Pcm:
        return phone_band(*self.say(self.text))


@dataclass(frozen=True)
class Voice:
    """Somebody or something that can say any sentence."""

    name: str
    kind: str
    say: Say


def reader() -> list[Spoken]:
    """The sentences of the LibriVox reader."""
    texts = LIBRIVOX / "transcription"
    if not texts.exists():
        return []
    found = re.findall(r"<s> (.*?) </s> \((\S+)\)", texts.read_text())
    return [Spoken(text, _recorded(LIBRIVOX / f"{name}.wav")) for text, name in found]


def voices() -> list[Voice]:
    """Those that are here."""
    found = []
    if find_spec("hibari") is not None:
        found.append(Voice("hibari-tts heart", "neural, US, woman", _hibari()))
    if which("flite"):
        found += [Voice(f"flite {name}", accent, _flite(name)) for name, accent in FLITE.items()]
    if which("espeak-ng"):
        found += [
            Voice(f"espeak-ng {name}", f"formants, {accent}", _espeak(name))
            for name, accent in ESPEAK.items()
        ]
    return found


def _recorded(file: Path) -> Say:
    return lambda _: _wave(file.read_bytes())


def _flite(voice: str) -> Say:
    def say(text: str) -> tuple[Pcm, int]:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            subprocess.run(
                ["flite", "-voice", voice, "-t", text, "-o", file.name], check=True, timeout=SECONDS
            )
            return _wave(Path(file.name).read_bytes())

    return say


def _espeak(voice: str) -> Say:
    command = ["espeak-ng", "-v", voice, "-s", str(WORDS_A_MINUTE), "--stdout"]
    return lambda text: _wave(
        subprocess.run([*command, text], capture_output=True, check=True, timeout=SECONDS).stdout
    )


def _hibari() -> Say:
    made: list[Any] = []

    def say(text: str) -> tuple[Pcm, int]:
        if not made:
            made.append(importlib.import_module("hibari").Hibari())
        sound = np.clip(made[0](text) * 32767, -32768, 32767)
        return sound.astype(np.int16), made[0].sample_rate

    return say


def _wave(data: bytes) -> tuple[Pcm, int]:
    with wave.open(io.BytesIO(data)) as file:
        return np.frombuffer(file.readframes(1 << 26), np.int16), file.getframerate()
