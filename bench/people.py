"""People who speak on a telephone line, with what they say: the voice prompts of the Asterisk project.

Debian ships them as `asterisk-core-sounds-LANGUAGE` (the texts) and `-LANGUAGE-wav` (8 kHz): recordings of
Allison Smith (en, es), June Wallack (fr), Carlo Flora (it) and Maxim Topal (ru), CC-BY-SA-3.0, the Russian
ones CC-BY-3.0. Nothing of them is in this repository. How words are counted lives here too; who recognises
them does not.
"""

from __future__ import annotations

import gzip
import re
import unicodedata
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from calling.media.codecs import g711
from calling.media.codecs.audio_codecs import resample
from calling.speech.frames import RATE, Pcm

LINE: Final = 8000
LEAST_WORDS: Final = 6  # of a sentence; single words and names of letters are left out
VOICES: Final = {
    "en": "en_US_f_Allison",
    "es": "es_MX_f_Allison",
    "fr": "fr_CA_f_June",
    "it": "it_IT_m_Carlo",
    "ru": "ru_RU_f_IvrvoiceRU",
}
SPEAKERS: Final = {
    "en": "Allison Smith",
    "es": "Allison Smith",
    "fr": "June Wallack",
    "it": "Carlo Flora",
    "ru": "IvrvoiceRU",
}
DIGITS: Final = {
    "en": "zero one two three four five six seven eight nine",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "fr": "zero un deux trois quatre cinq six sept huit neuf",
    "it": "zero uno due tre quattro cinque sei sette otto nove",
    "ru": "ноль один два три четыре пять шесть семь восемь девять",
}
SHORT: Final = {"mr": "mister", "mrs": "missis", "dr": "doctor"}
LOUD: Final = 300  # a sample of a voice, not of the room behind it


@dataclass(frozen=True)
class Prompt:
    """A sentence and the file of somebody who says it."""

    text: str
    file: Path

    def sound(self) -> Pcm:
        """As it comes over PCMU, at 16 kHz, from its first to its last loud sample."""
        with wave.open(str(self.file)) as file:
            line = np.frombuffer(file.readframes(1 << 24), np.int16)
        loud = np.flatnonzero(np.abs(line.astype(np.int32)) > LOUD)
        heard = g711.decode("pcmu", g711.encode("pcmu", line[loud[0] : loud[-1] + 1]))
        return resample(heard, LINE, RATE)


def phone_band(sound: Pcm, rate: int) -> Pcm:
    """Any sound as it comes over PCMU, 250 to 3,400 Hz at 8 kHz, at 16 kHz."""
    spectrum, hertz = np.fft.rfft(sound), np.fft.rfftfreq(len(sound), 1 / rate)
    spectrum[(hertz < 250) | (hertz > 3400)] = 0
    narrow = np.fft.irfft(spectrum, len(sound))
    line = np.interp(np.arange(int(len(sound) * LINE / rate)) * rate / LINE, np.arange(len(sound)), narrow)
    heard = g711.decode("pcmu", g711.encode("pcmu", np.clip(line, -32768, 32767).astype(np.int16)))
    return resample(heard, LINE, RATE)


def advice(language: str) -> str:
    return f"Install Debian's asterisk-core-sounds-{language} and asterisk-core-sounds-{language}-wav."


def prompts(language: str, root: Path = Path("/usr/share")) -> list[Prompt]:
    """Every sentence of `language` whose words are all spelt out; none where the packages are missing."""
    texts = root / f"doc/asterisk-core-sounds-{language}/core-sounds-{language}.txt.gz"
    if not texts.exists():
        return []
    found = []
    for line in gzip.decompress(texts.read_bytes()).decode(errors="replace").splitlines():
        name, _, text = line.partition(":")
        file = root / "asterisk/sounds" / VOICES[language] / f"{name.strip()}.wav"
        spelt = not re.search(r"[\d\[\]<>(*#]", text) and len(words(text, language)) >= LEAST_WORDS
        if spelt and not line.startswith(";") and file.exists():
            found.append(Prompt(text.strip(), file))
    return found


def words(text: str, language: str) -> list[str]:
    """In lower case, without accents, hyphens, apostrophes and punctuation; digits and titles spelt out."""
    digits = DIGITS[language].split()
    plain = unicodedata.normalize("NFD", text.lower())
    kept = "".join(each for each in plain if not unicodedata.combining(each))
    found = re.findall(r"\w+", re.sub("['\N{RIGHT SINGLE QUOTATION MARK}]", "", kept))
    return [digits[int(each)] if each in "0123456789" else SHORT.get(each, each) for each in found]


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Words to change, add or leave out (Levenshtein), as word error rates count them."""
    above = list(range(len(heard) + 1))
    for row, word in enumerate(said, 1):
        line = [row]
        for column, other in enumerate(heard, 1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (word != other)))
        above = line
    return above[-1]
