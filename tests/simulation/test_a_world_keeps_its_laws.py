"""Processes die, freeze and lose answers, by the dice of a seed: no law breaks."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.simulation import schedule
from tests.simulation.schedule import Schedule
from tests.simulation.simulate import HARMLESS, Outcome, simulate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.family,
    pytest.mark.slow,
    pytest.mark.timing,
]
# How many calls `make soak` simulates, and how often each kind of fault happens among them at least.
SOAK_CALLS = int(os.environ.get("SIMULATION_CALLS", "200000"))
SOAK_TIMES = 500
KINDS = (
    "killed", "frozen", "answer lost", "deadlock", "serialisation failure", "disk full", "redis away",
    "postgresql away", "clock jumps", "nudge lost", "nudge twice", "nudge late", "task lost", "task twice",
    "task late", "receivers down for days",
)  # fmt: skip


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
def test_no_law_breaks_among_faults() -> None:
    counts = held(simulate(Schedule(1, 10))).counts
    assert sum(counts[kind] for kind in ("killed", "frozen", "answer lost", "nudge lost")) > 0


@pytest.mark.soak_only
@pytest.mark.timeout(14 * 86400)
def test_no_law_breaks_among_faults_of_every_kind(seed: int) -> None:
    counts: Counter[str] = Counter()
    simulated, began = 0.0, time.monotonic()
    while counts["calls placed"] < SOAK_CALLS:
        outcome = held(simulate(Schedule(seed, 200)))
        counts, simulated, seed = counts + outcome.counts, simulated + outcome.simulated, seed + 1
    print({kind: counts[kind] for kind in KINDS})
    print(f"simulated over wall time: {simulated / (time.monotonic() - began):.0f}")
    rare = {kind: counts[kind] for kind in KINDS if counts[kind] < SOAK_TIMES * SOAK_CALLS / 200_000}
    assert not rare, "kinds of faults that happened too rarely"


@pytest.mark.timeout(900)
def test_no_law_breaks_again_under_a_schedule_that_once_broke_one() -> None:
    for path in schedule.kept():
        held(simulate(schedule.read(path.read_text())))


@pytest.mark.soak_only
@pytest.mark.timeout(600)
def test_nobody_is_taken_for_lost_while_only_postgresql_and_redis_come_and_go(seed: int) -> None:
    held(simulate(Schedule(seed, 30, only=HARMLESS)))
