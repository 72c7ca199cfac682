"""Whatever comes, a reader understands it or says why not: the kept corpus, and accidents made of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from tests.fuzz import corpus
from tests.fuzz.mutate import mutated
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS

MOST_SECONDS = 1.0  # of processor time for one input


def longest_of(name: str, inputs: list[bytes]) -> float:
    target, longest = TARGETS[name], 0.0
    for data in inputs:
        began = time.thread_time()
        try:
            target(data)
        except Exception as error:
            raise AssertionError(f"{name}: {error!r} for {data!r}") from error
        longest = max(longest, time.thread_time() - began)
    return longest


@pytest.mark.parametrize("name", TARGETS)
def test_the_kept_corpus_is_taken_or_refused(name: str) -> None:
    kept = corpus.load(name)
    assert len(kept) > len(SEEDS[name])
    assert longest_of(name, kept) < MOST_SECONDS


@pytest.mark.family
@pytest.mark.parametrize("name", TARGETS)
def test_accidents_are_taken_or_refused(name: str, seed: int, figure: Callable[[int, int], int]) -> None:
    chance = random.Random(f"{name} {seed}")
    kept = corpus.load(name)
    count = figure(300, 50_000)
    longest = longest_of(name, [mutated(chance, chance.choice(kept), kept)[:8192] for _ in range(count)])
    print(f"{name}: {count} accidents, 0 broke it, the longest took {longest * 1000:.0f} ms")
    assert longest < MOST_SECONDS
