"""Processes die, freeze and lose answers, by the dice of a seed: no law breaks, and a seed repeats itself."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulation.simulate import HARMLESS, Outcome, simulate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.family,
    pytest.mark.slow,
    pytest.mark.timing,
]
# Lines `seed calls what broke`: worlds in which a law did not hold once.
KEPT = [
    (int(line.split()[0]), int(line.split()[1]))
    for line in (Path(__file__).parent / "kept_seeds.txt").read_text().splitlines()
]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The faults are meant: hundreds of warnings would hide what matters."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def held(outcome: Outcome) -> Outcome:
    print(outcome.text())
    again = f"make simulate SEED={outcome.seed} CALLS={outcome.calls}"
    assert outcome.broken is None, "\n".join([*outcome.tail[-60:], outcome.text(), again])
    assert outcome.counts["calls placed"] > 0 and outcome.checks > 0
    return outcome


@pytest.mark.timeout(900)
def test_no_law_breaks_among_faults(seed: int, figure: Callable[[int, int], int]) -> None:
    counts: Counter[str] = Counter()
    first = figure(1, seed)  # in `make test` always the same world; others each time in `make soak`
    for each in range(figure(1, 20)):
        counts += held(simulate(first + each, figure(8, 100))).counts
    assert sum(counts[kind] for kind in ("killed", "frozen", "answer lost", "nudge lost")) > 0


@pytest.mark.timeout(900)
def test_no_law_breaks_again_under_the_seeds_that_once_broke_one() -> None:
    for kept, calls in KEPT:
        held(simulate(kept, calls))


@pytest.mark.soak_only
@pytest.mark.timeout(600)
def test_nobody_is_taken_for_lost_while_only_postgresql_and_redis_come_and_go(seed: int) -> None:
    held(simulate(seed, 30, faults=HARMLESS))


@pytest.mark.soak_only
@pytest.mark.timeout(1800)
def test_a_seed_gives_the_same_log_each_time(seed: int) -> None:
    first = held(simulate(seed, 20))
    for _ in range(9):
        assert held(simulate(seed, 20)).digest == first.digest
