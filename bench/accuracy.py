"""How many words of a telephone line are wrong, by speaker: `python -m bench.accuracy`.

Sentence by sentence at the recogniser, without a worker and without waiting for the pace of a call: what is
said is the same as `bench.recognising` says, and so are the words. Recorded people say their own sentences;
made voices all say the same English ones. With `--corpus` it is `bench.corpus`'s half an hour, with what is
wrong in all of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from bench import corpus, voices
from bench.corpus import Sentence, Speaker
from bench.people import VOICES, advice, word_errors, words
from calling.speech import installed
from calling.speech.frames import RATE
from calling.speech.recogniser import Recogniser, Recognisers
from calling.speech.utterances import LEAD_MS

NOWHERE: Final = Path("/nonexistent")


@dataclass
class Row:
    """What became of one speaker's sentences."""

    sentences: int = 0
    seconds: float = 0.0  # of sound
    words: int = 0
    wrong: int = 0
    cpu: float = 0.0  # seconds
    worst: list[tuple[int, str, str]] = field(default_factory=list)  # (errors, said, heard)

    @property
    def share(self) -> float:
        """The word error rate."""
        return self.wrong / max(1, self.words)

    def add(self, other: Row) -> None:
        self.sentences, self.seconds = self.sentences + other.sentences, self.seconds + other.seconds
        self.words, self.wrong = self.words + other.words, self.wrong + other.wrong
        self.cpu += other.cpu


def measure(recogniser: Recogniser, said: Iterable[Sentence], language: str) -> Row:
    row = Row()
    for sentence in said:
        sound = sentence.sound()
        given = np.pad(sound, LEAD_MS * RATE // 1000)  # as a worker cuts an utterance
        begun = time.process_time()
        text = recogniser.recognise(given, language, ()).text
        row.cpu += time.process_time() - begun
        spoken, heard = words(sentence.text, language), words(text, language)
        errors = word_errors(spoken, heard)
        row.sentences, row.seconds = row.sentences + 1, row.seconds + len(sound) / RATE
        row.words, row.wrong = row.words + len(spoken), row.wrong + errors
        row.worst.append((errors, " ".join(spoken), " ".join(heard)))
    return row


def told(model: str, speaker: str, row: Row) -> str:
    cpu = row.cpu / max(1, row.sentences)
    return (
        f"{model:9} {speaker:44} {row.sentences:4} {row.seconds / 60:6.1f} {row.words:6} "
        f"{100 * row.share:6.1f} % {cpu:6.2f} s"
    )


def speakers(languages: list[str], made: bool, number: int, seed: int) -> list[Speaker]:
    found: list[Speaker] = []
    english: Sequence[Sentence] = []
    for language in languages:
        person = corpus.recorded_prompts(language, number, seed)
        if person is None:
            print(f"{language}: not measured. {advice(language)}")
            continue
        found.append(person)
        if language == "en":
            english = person.said
    if "en" in languages:
        found += filter(None, [corpus.reader()])
    return found + [corpus.made(voice, english) for voice in (voices.voices() if made and english else ())]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy")
    parser.add_argument("--languages", default=",".join(VOICES))
    parser.add_argument("--models", default=f"{installed.QUICK},{installed.ACCURATE}")
    parser.add_argument("--sentences", type=int, default=10, help="of each speaker, by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recorded", action="store_true", help="only recorded people")
    parser.add_argument("--corpus", action="store_true", help="bench.corpus, and what is wrong in all of it")
    parser.add_argument("--only", default="", metavar="WORD", help="speakers with this in their name")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print the N worst of each speaker")
    chosen = parser.parse_args()
    present = installed.recognisers(NOWHERE)
    models = [each for each in chosen.models.split(",") if each in present]
    if not models:
        print(f"\naccuracy: skipped, needs the extra stt: {installed.ADVICE}")
        return 0
    made = Recognisers(NOWHERE)
    if chosen.corpus:
        heard = corpus.corpus(chosen.seed)
        print(corpus.table(heard) if heard else advice("en"))
    else:
        heard = speakers(chosen.languages.split(","), not chosen.recorded, chosen.sentences, chosen.seed)
    print(
        f"\nload {os.getloadavg()[0]:.0f}\n{'model':9} {'speaker':44}    n    min  words    wrong  CPU each"
    )
    for model in models:
        whole = Row()
        for one in heard:
            if chosen.only not in one.name or (model == installed.QUICK and one.language != "en"):
                continue  # the quick one knows English alone
            row = measure(made.get(model), one.said, one.language)
            whole.add(row)
            print(told(model, f"{one.name} ({one.kind})", row), flush=True)
            for errors, spoken, text in sorted(row.worst, reverse=True)[: chosen.show]:
                print(f"    {errors}: {spoken} | {text}")
        if chosen.corpus:
            print(told(model, "all", whole), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
