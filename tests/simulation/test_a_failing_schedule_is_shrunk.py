"""A failing schedule is made small, says what it is as text, and fails again when it is read."""

from __future__ import annotations

import pytest

from tests.simulation.planted import PLANTED
from tests.simulation.schedule import Schedule, read
from tests.simulation.shrink import least, shrink
from tests.simulation.simulate import simulate


@pytest.mark.parametrize("needed", [set(), {3}, {0, 19}, {2, 3, 11}, set(range(20))])
def test_what_is_left_is_what_is_needed(needed: set[int]) -> None:
    tried = 0

    def fails(some: list[int]) -> bool:
        nonlocal tried
        tried += 1
        return needed <= set(some)

    assert set(least(range(20), fails)) == needed
    assert tried < 250


def test_a_schedule_is_read_as_it_was_written() -> None:
    made = Schedule(
        5, 20, frozenset({3, 4}), frozenset({("media0", "answer lost", 12), ("phone0.1", "killed", 3)})
    )
    assert read(made.text("a law: of something")) == made
    by_dice = Schedule(6, 7, only=frozenset({"nudge lost", "redis away"}), pace=4.0)
    assert read(by_dice.text()) == by_dice
    with pytest.raises(ValueError, match="no line"):
        read("seed 5\nand so on")


@pytest.mark.soak_only
@pytest.mark.timing
@pytest.mark.timeout(1800)
@pytest.mark.django_db(transaction=True)
def test_a_failing_seed_becomes_a_smaller_schedule_that_fails_alike() -> None:
    def law(schedule: Schedule) -> str:
        with PLANTED["order broken"]():
            return (simulate(schedule).broken or "").split(":")[0]

    with PLANTED["order broken"]():
        found = next(
            (Schedule(seed, 12), outcome)
            for seed in range(1, 50)
            if (outcome := simulate(Schedule(seed, 12))).broken
        )
    schedule, outcome = found
    broken = (outcome.broken or "").split(":")[0]
    small = shrink(schedule, outcome.happened, lambda one: law(one) == broken, seconds=900)
    assert small.faults is not None and len(small.faults) < len(outcome.happened)
    assert law(read(small.text())) == broken
