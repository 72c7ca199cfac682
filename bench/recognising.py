"""How well and how soon a speech worker understands people: `python -m bench.recognising`.

One real speech worker hears parties at the pace of a call, each with a sentence after the other from
`bench.people`. Printed are the words that were wrong, and how long after the last sample of the voice the
last final words came, the pause that ends an utterance (700 ms) included. Other work on the same cores is in
the times, so the load is printed beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import corpus
from bench.corpus import Sentence
from bench.instance import Instance
from bench.people import advice, word_errors, words
from calling.speech import installed
from calling.speech.frames import FRAME, RATE
from calling.speech.link import SpeechLink, open_link, sockets

MOST_WRONG = {installed.QUICK: 0.12, installed.ACCURATE: 0.08}
MOST_SECONDS = {installed.QUICK: 1.5, installed.ACCURATE: 3.5}  # 95 of 100
PAUSE = np.zeros(RATE * 5 // 2, np.int16)
PATIENCE = 40.0  # for the last words of a sentence
VOICE = 0.02  # of the loudest sample: what is softer behind the last of it is no voice


@dataclass(frozen=True)
class Told:
    """What became of one sentence."""

    said: list[str]
    heard: list[str]
    seconds: float  # of sound
    late: float  # seconds from the end of the voice to the last final words

    @property
    def errors(self) -> int:
        return word_errors(self.said, self.heard)


class Party:
    """One leg at the worker."""

    def __init__(self, link: SpeechLink, language: str) -> None:
        self._link, self._language = link, language
        self._finals: list[tuple[float, str]] = []
        self._sent = 0
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            came = await self._link.words()
            if came["say"] == "final":
                self._finals.append((time.monotonic(), str(came["text"])))

    async def say(self, prompt: Sentence) -> Told:
        """One sentence and the pause behind it, frame by frame in real time."""
        sound = prompt.sound()
        whole = np.concatenate((sound, np.zeros(-len(sound) % FRAME, np.int16), PAUSE))
        begun, self._finals = time.monotonic(), []
        for at in range(0, len(whole), FRAME):
            self._link.send(self._sent, whole[at : at + FRAME])
            self._sent += 1
            await asyncio.sleep(max(0.0, begun + (at + FRAME) / RATE - time.monotonic()))
        ended = begun + spoken(sound) / RATE
        while not any(at > ended for at, _ in self._finals) and time.monotonic() - ended < PATIENCE:
            await asyncio.sleep(0.05)
        heard = words(" ".join(text for _, text in self._finals), self._language)
        late = self._finals[-1][0] - ended if self._finals else PATIENCE
        return Told(words(prompt.text, self._language), heard, len(sound) / RATE, late)

    def close(self) -> None:
        self._listening.cancel()
        self._link.close()


async def measure(
    directory: Path, model: str, language: str, said: Sequence[Sentence], parties: int
) -> list[Told]:
    """Every sentence once, shared out to the parties."""
    ask = {"job": "transcribe", "model": model, "language": language, "partial": False}

    async def one(share: Sequence[Sentence]) -> list[Told]:
        party = Party(await open_link(sockets(directory), ask), language)
        try:
            return [await party.say(prompt) for prompt in share]
        finally:
            party.close()

    shares = [said[number::parties] for number in range(parties)]
    return [each for share in await asyncio.gather(*map(one, shares)) for each in share]


def sentences(language: str, everybody: bool, seed: int) -> list[Sentence]:
    """By the seed, of the recorded prompts or of everybody in the corpus."""
    if everybody:
        found = [each for one in corpus.corpus(seed) for each in one.said]
        random.Random(seed).shuffle(found)
        return found
    person = corpus.recorded_prompts(language, 0, seed)
    return [] if person is None else [*person.said]


def spoken(sound: np.ndarray) -> int:
    """Samples up to the last that is voice: recordings and synthesisers end with silence of their own."""
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > VOICE * np.abs(sound.astype(np.int32)).max())
    return int(loud[-1]) + 1 if loud.size else len(sound)


def wrong(told: Sequence[Told]) -> float:
    """The share of words that were wrong (the word error rate)."""
    return sum(each.errors for each in told) / max(1, sum(len(each.said) for each in told))


def report(model: str, language: str, told: Sequence[Told], show: int) -> None:
    late = sorted(each.late for each in told)
    high, load = late[round(0.95 * (len(late) - 1))], os.getloadavg()[0]
    seconds = sum(each.seconds for each in told)
    print(f"\n{model}, {language}: {len(told)} sentences, {seconds / 60:.1f} minutes (load {load:.0f})")
    print(
        f"  words wrong            {100 * wrong(told):5.1f} %   aimed at {100 * MOST_WRONG[model]:.0f} % (en)"
    )
    print(f"  final words, median  {statistics.median(late):5.2f} s")
    print(f"  … 95 of 100          {high:5.2f} s   aimed at {MOST_SECONDS[model]:.1f} s")
    for each in sorted(told, key=lambda one: one.errors, reverse=True)[:show]:
        print(f"    {each.errors}: {' '.join(each.said)} | {' '.join(each.heard)}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.recognising")
    parser.add_argument("--languages", default="en", help="of en, es, fr, it, ru; separated by commas")
    parser.add_argument("--models", default=f"{installed.QUICK},{installed.ACCURATE}")
    parser.add_argument(
        "--corpus", action="store_true", help="sentences of all English speakers of bench.corpus"
    )
    parser.add_argument("--sentences", type=int, default=40, help="of each language, by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parties", type=int, default=2, help="that speak at once to the one worker")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print the N worst sentences")
    chosen = parser.parse_args()
    present = installed.recognisers(Path("/nonexistent"))
    models = [each for each in chosen.models.split(",") if each in present]
    if not models:
        print(f"\nrecognition of people: not measured, no recogniser is installed. {installed.ADVICE}")
        return 0
    with Instance(CALLWRIGHT_SPEECH_WORKERS="1", CALLWRIGHT_MEDIA_WORKERS="1") as one:
        directory = Path(one.environment["CALLWRIGHT_DATA_DIR"]) / "speech"
        for language in chosen.languages.split(","):
            said = sentences(language, chosen.corpus, chosen.seed)[: chosen.sentences or None]
            if not said:
                print(f"\nrecognition of people, {language}: not measured. {advice(language)}")
                continue
            for each in said:
                each.sound()  # voices that are made are made before anything is timed
            for model in models:
                if model == installed.QUICK and language != "en":
                    continue  # it knows English alone
                told = asyncio.run(measure(directory, model, language, said, chosen.parties))
                report(model, language, told, chosen.show)
    return 0


if __name__ == "__main__":
    sys.exit(main())
