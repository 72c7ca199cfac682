"""Half an hour of English on a telephone line: who says it, where it comes from, and under which licence.

The recorded people of `people` and `voices`, and every neural voice that is here, each with its own choice of
sentences. Who says what is the seed's choice alone, not that of who is understood. Made sound is kept in a
directory, so that a second look does not make it again. Nothing of it is in this repository.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from bench import voices
from bench.people import SPEAKERS, prompts
from calling.speech.frames import RATE, Pcm

OF_A_VOICE: Final = 40  # sentences
KEPT: Final = Path(tempfile.gettempdir()) / "callwright-voices"


class Sentence(Protocol):
    @property
    def text(self) -> str: ...

    def sound(self) -> Pcm: ...


@dataclass(frozen=True)
class Speaker:
    """Somebody, with what they say; `source` names the licence too."""

    name: str
    kind: str
    source: str
    language: str
    said: Sequence[Sentence]


def recorded_prompts(language: str, number: int, seed: int) -> Speaker | None:
    """The prompts of one language; `number` 0: all."""
    said = prompts(language)
    random.Random(seed).shuffle(said)
    if not said:
        return None
    source = f"asterisk-core-sounds-{language}, CC-BY-SA-3.0"
    return Speaker(SPEAKERS[language], f"{language}, recorded", source, language, said[: number or None])


def reader() -> Speaker | None:
    read = voices.reader()
    source = "pocketsphinx-testdata, public domain"
    return Speaker("a reader of LibriVox", "en, recorded", source, "en", read) if read else None


def made(voice: voices.Voice, said: Sequence[Sentence]) -> Speaker:
    kept = [voices.Kept(voices.Spoken(each.text, voice.say), voice.name, KEPT) for each in said]
    return Speaker(voice.name, voice.kind, voice.source, "en", kept)


def corpus(seed: int, each: int = OF_A_VOICE) -> list[Speaker]:
    """People first. Empty where the prompts, from which the texts are, are missing."""
    people = recorded_prompts("en", 0, seed)
    if people is None:
        return []
    found = [people, *filter(None, [reader()])]
    for number, voice in enumerate(one for one in voices.voices() if one.neural):
        share = random.Random(seed * 1000 + number).sample(list(people.said), min(each, len(people.said)))
        found.append(made(voice, share))
    return found


def minutes(speakers: Sequence[Speaker]) -> float:
    """Of voice, without the pauses between sentences."""
    return sum(len(each.sound()) for one in speakers for each in one.said) / RATE / 60


def table(speakers: Sequence[Speaker]) -> str:
    rows = [
        f"  {one.name:22} {one.kind:34} {len(one.said):4} sentences {minutes([one]):5.1f} min  {one.source}"
        for one in speakers
    ]
    return "\n".join((f"{minutes(speakers):.1f} minutes of English, {len(speakers)} speakers", *rows))
