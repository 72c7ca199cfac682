"""Who answered, on 400 greetings of a telephone line: `python -m bench.greetings`.

People who say a word or a sentence and wait, and machines that speak on and then beep, in six languages and
three voices of espeak-ng, as the detector hears them: PCMU, half of them with noise, 2 % of the frames lost,
and the ringing tone of a network before the answer. The aims are about the first texts of
`bench.greeting_texts`; the later ones, with which nothing was chosen, are printed too.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import statistics
import subprocess
import sys
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shutil import which
from typing import Any, Final

import numpy as np

from bench.greeting_texts import LATER_MACHINES, LATER_PEOPLE, MACHINES, PEOPLE
from bench.people import phone_band
from calling.speech.answering import MACHINE, PERSON
from calling.speech.detector import Detector
from calling.speech.frames import FRAME, RATE, Pcm, Sound

MOST_WRONG, MOST_PEOPLE, MOST_SECONDS, BEEP_SECONDS = 0.05, 0.02, 2.5, 0.1
VARIANTS: Final = ("", "+m3", "+f2")  # of a voice of espeak-ng
PACES: Final = (150, 190)  # words a minute
LOST: Final = 0.02
BEFORE_BEEP: Final = 0.5
LISTENS: Final = 4.0  # seconds after the last sound
RINGING: Final = (425.0, 440.0)  # of Europe, of North America (with 480 Hz)


@dataclass(frozen=True)
class Answer:
    """One greeting and what was made of it; times in seconds of the sound."""

    text: str
    voice: str
    poor: bool
    machine: bool
    verdict: str
    took: float  # from the first word
    beep: float | None  # of the machine, when it ended
    found: float | None  # and when it is said to have

    @property
    def right(self) -> bool:
        return self.verdict == (MACHINE if self.machine else PERSON)


def spoken(text: str, voice: str, pace: int) -> Pcm:
    command = ["espeak-ng", "-v", voice, "-s", str(pace), "--stdout", text]
    made = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    with wave.open(io.BytesIO(made)) as file:
        rate, sound = file.getframerate(), np.frombuffer(file.readframes(1 << 26), np.int16)
    heard = phone_band(sound, rate)
    loud = np.flatnonzero(np.abs(heard.astype(np.int32)) > 300)
    return heard[loud[0] : loud[-1] + 1]


def tone(seconds: float, *hertz: float) -> Pcm:
    at = np.arange(int(seconds * RATE)) / RATE
    waves = [np.sin(2 * np.pi * each * at) for each in hertz]
    return (np.sum(waves, axis=0) * 5000 / len(waves)).astype(np.int16)


def quiet(seconds: float) -> Pcm:
    return np.zeros(int(seconds * RATE), np.int16)


def heard(text: str, voice: str, machine: bool, beeps: bool, poor: bool, dice: random.Random) -> Answer:
    """A greeting as the detector hears it. `poor`: noise, lost frames, and ringing before it."""
    before = [quiet(dice.uniform(0.1, 0.8))]
    if poor:
        north = dice.random() < 0.5
        ringing = tone(1.0, *((RINGING[1], 480.0) if north else RINGING[:1]))
        before = [ringing, quiet(dice.uniform(0.4, 1.0))]
    words = spoken(text, voice, dice.randint(*PACES))
    parts = [*before, words]
    begun = sum(map(len, before)) / RATE
    beep = None
    if beeps:
        parts += [quiet(BEFORE_BEEP), tone(dice.uniform(0.2, 0.6), dice.uniform(500, 1500))]
        beep = sum(map(len, parts)) / RATE
    whole = np.concatenate((*parts, quiet(LISTENS))).astype(np.float64)
    if poor:
        whole += np.random.default_rng(dice.randrange(1 << 30)).normal(0, 60, len(whole))
    line = np.clip(whole, -32768, 32767).astype(np.int16)
    told: list[dict[str, Any]] = []
    detector = Detector({}, lambda said: told.append(dict(said)))
    for number in range(len(line) // FRAME):
        if not poor or dice.random() >= LOST:
            detector.hear(Sound(number, line[number * FRAME : (number + 1) * FRAME]))
    result = next((each for each in told if each["say"] == "result"), {"result": "none", "at_ms": 0})
    ended = [each["end_ms"] / 1000 for each in told if each["say"] == "beep"]
    found = min(ended, key=lambda at: abs(at - (beep or 0)), default=None)
    took = result["at_ms"] / 1000 - begun
    return Answer(text, voice, poor, machine, str(result["result"]), took, beep, found)


Texts = Mapping[str, tuple[str, ...]]


def greetings(people: Texts, machines: Texts, seed: int) -> list[Answer]:
    dice, found = random.Random(seed), []
    for language in people:
        for variant in VARIANTS:
            for poor in (False, True):
                said = [(text, False, False) for text in people[language]]
                said += [(text, True, number != 4) for number, text in enumerate(machines[language])]
                found += [heard(text, language + variant, *kind, poor, dice) for text, *kind in said]
    return found


def report(which: str, answers: Sequence[Answer], show: bool) -> int:
    people = [each for each in answers if not each.machine]
    beeps = [each for each in answers if each.beep is not None]
    right = sum(each.right for each in answers) / len(answers)
    mistaken = sum(each.verdict == MACHINE for each in people) / len(people)
    took = statistics.median(each.took for each in answers)
    near = [each for each in beeps if each.found is not None and abs(each.found - each.beep) <= BEEP_SECONDS]  # type: ignore[operator]
    print(f"\n{which}: {len(answers)} greetings, {len(people)} of people (load {os.getloadavg()[0]:.0f})")
    print(f"  right                        {100 * right:5.1f} %   aimed at {100 * (1 - MOST_WRONG):.0f} %")
    print(
        f"  people taken for machines    {100 * mistaken:5.1f} %   aimed at {100 * MOST_PEOPLE:.0f} % at most"
    )
    print(f"  verdict, median              {took:5.2f} s   aimed at {MOST_SECONDS:.1f} s")
    print(f"  beeps found within 100 ms    {len(near)} of {len(beeps)}")
    for each in answers if show else ():
        if not each.right or (each.beep is not None and each not in near):
            beep = f", beep {each.beep:.2f} found {each.found}" if each.beep is not None else ""
            print(f"    {each.verdict}{' (poor)' if each.poor else ''} {each.voice}: {each.text}{beep}")
    return int(right < 1 - MOST_WRONG or mistaken > MOST_PEOPLE or took > MOST_SECONDS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.greetings")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print those that were wrong")
    chosen = parser.parse_args()
    if not which("espeak-ng"):
        print("\nwho answered: skipped, needs espeak-ng")
        return 0
    missed = report("who answered", greetings(PEOPLE, MACHINES, chosen.seed), chosen.show)
    report("later texts", greetings(LATER_PEOPLE, LATER_MACHINES, chosen.seed), chosen.show)
    return missed


if __name__ == "__main__":
    sys.exit(main())
