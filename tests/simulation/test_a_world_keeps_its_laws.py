"""Processes die, freeze and lose answers, by the dice of a seed: no law breaks."""

from __future__ import annotations

import os

import pytest

from tests.simulation import many, schedule
from tests.simulation.schedule import Schedule
from tests.simulation.simulate import HARMLESS, Outcome, simulate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.family,
    pytest.mark.slow,
    pytest.mark.timing,
]
# How many calls `make soak` simulates, in how many processes; and of a full run, how often each kind of fault
# happens at least, and how many faults in all.
SOAK_CALLS = int(os.environ.get("SIMULATION_CALLS") or 200_000)
PROCESSES = int(os.environ.get("SIMULATION_PROCESSES") or os.cpu_count() or 1)
FULL_CALLS, TIMES_OF_A_KIND, FAULTS = 200_000, 500, 20_000


def held(outcome: Outcome) -> Outcome:
    print(outcome.text())
    assert outcome.broken is None, "\n".join([*outcome.tail[-60:], outcome.text(), outcome.again()])
    assert outcome.counts["calls placed"] > 0 and outcome.checks > 0
    return outcome


@pytest.mark.timeout(900)
def test_no_law_breaks_among_faults() -> None:
    counts = held(simulate(Schedule(1, 10))).counts
    assert sum(counts[kind] for kind in ("killed", "frozen", "answer lost", "nudge lost")) > 0


@pytest.mark.soak_only
@pytest.mark.timeout(14 * 86400)
def test_no_law_breaks_among_faults_of_every_kind(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """`make soak CALLS=… PROCESSES=…`: the bars are those of a full run, in proportion."""

    def show(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    totals = many.run(seed, SOAK_CALLS, PROCESSES, progress=show)
    show(totals.text())
    assert not totals.broken
    part = min(1.0, totals.calls / FULL_CALLS)
    rare = [kind for kind in many.KINDS if totals.counts[kind] < TIMES_OF_A_KIND * part]
    assert not rare, "kinds of faults that happened too rarely"
    assert totals.faults >= FAULTS * part


@pytest.mark.timeout(900)
def test_no_law_breaks_again_under_a_schedule_that_once_broke_one() -> None:
    for path in schedule.kept():
        held(simulate(schedule.read(path.read_text())))


@pytest.mark.soak_only
@pytest.mark.timeout(600)
def test_nobody_is_taken_for_lost_while_only_postgresql_and_redis_come_and_go(seed: int) -> None:
    held(simulate(Schedule(seed, 30, only=HARMLESS)))
