"""Whether a pause is told from an end: `python -m bench.turns`.

The installed turn detector hears sentences of `bench.people`, whole, and cut off at a pause or between two
words inside them, each with the short silence after which a speech worker asks. Who reads a prompt does not
hesitate, so a cut sounds more like an end than a search for words does: real callers may be told better.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bench.people import VOICES, Prompt, advice, prompts
from calling.speech import installed, turns
from calling.speech.frames import RATE, Pcm
from calling.speech.transcriber import EARLY_MS
from calling.speech.utterances import HOLD_MS, LEAD_MS

STEP: Final = RATE // 100
QUIET: Final = 0.06  # of the level that one in ten 10 ms pieces exceeds
LEAST_STEPS: Final = 6  # of quiet, between two words
EDGE_STEPS: Final = 50  # at the beginning and the end of a sentence, where no cut is made
MOST_CUTS: Final = 2  # of one sentence


@dataclass(frozen=True)
class Answer:
    """What the detector says of one sentence or its beginning."""

    whole: bool
    score: float
    cpu: float  # seconds


def cuts(sound: Pcm) -> list[Pcm]:
    """The beginnings of a sentence, each up to a pause or the gap between two words."""
    steps = sound[: len(sound) // STEP * STEP].astype(float).reshape(-1, STEP)
    level = np.sqrt((steps**2).mean(axis=1))
    found, quiet = [], 0
    for at, silent in enumerate(level < np.percentile(level, 90) * QUIET):
        if silent:
            quiet += 1
            continue
        if quiet >= LEAST_STEPS and at - quiet > EDGE_STEPS and at < len(level) - EDGE_STEPS:
            found.append(sound[: (at - quiet + 2) * STEP])
        quiet = 0
    return found


def asked(sound: Pcm) -> Pcm:
    """What a worker asks about: a little silence, the sound, and the pause after which it asks."""
    return np.pad(sound, (LEAD_MS * RATE // 1000, EARLY_MS * RATE // 1000))


def measure(detector: turns.TurnDetector, said: Iterable[Prompt], dice: random.Random) -> list[Answer]:
    found = []
    for prompt in said:
        sound = prompt.sound()
        inside = cuts(sound)
        pieces = [(True, sound)]
        pieces += [(False, cut) for cut in dice.sample(inside, min(MOST_CUTS, len(inside)))]
        for whole, piece in pieces:
            begun = time.process_time()
            score = detector.finished(asked(piece))
            found.append(Answer(whole, score, time.process_time() - begun))
    return found


def share(answers: Sequence[Answer], whole: bool) -> tuple[float, int]:
    """(the share that the detector took for finished, of how many)."""
    scores = [each.score for each in answers if each.whole is whole]
    return sum(score >= turns.FINISHED for score in scores) / max(1, len(scores)), len(scores)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.turns")
    parser.add_argument("--languages", default=",".join(VOICES))
    parser.add_argument("--sentences", type=int, default=60, help="of each language, by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    detector = turns.detector(Path("/nonexistent"))
    if detector is None:
        print(f"\nturn detection: not measured, it is not installed. {installed.TURNS_ADVICE}")
        return 0
    print(f"\nan end is taken at once, a pause is given {HOLD_MS} ms more (load {os.getloadavg()[0]:.0f})")
    for language in chosen.languages.split(","):
        dice, said = random.Random(chosen.seed), prompts(language)
        if not said:
            print(f"  {language}: not measured. {advice(language)}")
            continue
        dice.shuffle(said)
        answers = measure(detector, said[: chosen.sentences or None], dice)
        (ended, ends), (mistaken, pauses) = share(answers, True), share(answers, False)
        cpu = 1000 * sum(each.cpu for each in answers) / len(answers)
        print(f"  {language}: {ends} ends, {100 * ended:.0f} % taken; {pauses} pauses, ", end="")
        print(f"{100 * (1 - mistaken):.0f} % held; {cpu:.0f} ms of CPU a question")
    return 0


if __name__ == "__main__":
    sys.exit(main())
