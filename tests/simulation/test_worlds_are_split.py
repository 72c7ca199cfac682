"""So many calls are split over worlds and processes, and what came of them is added up."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation import many


@pytest.mark.parametrize(("worlds", "processes"), [(1, 1), (7, 2), (1000, 16), (5, 5)])
def test_every_world_has_one_process_and_no_seed_comes_twice(worlds: int, processes: int) -> None:
    seeds = Counter(
        seed
        for place in range(processes)
        for seed in range(place, place + many.share(worlds, processes, place) * processes, processes)
    )
    assert sorted(seeds) == list(range(worlds)) and set(seeds.values()) == {1}


@pytest.mark.parametrize("step", [1, 2, 3, 8])
def test_each_process_has_worlds_of_every_pace(step: int) -> None:
    for first in range(step):
        paces = Counter(many.pace_of(seed) for seed in range(first, first + 64 * step, step))
        assert min(paces.values()) >= 16 and set(paces) == set(many.PACES)


def test_what_worlds_say_is_added_up() -> None:
    totals = many.Totals(wall=10.0)
    for broken in (None, "a law: of something"):
        totals.add(
            {
                "again": "make simulate SEED=1 CALLS=200",
                "simulated": 300.0,
                "busy": 200.0,
                "cpu": 4.0,
                "counts": {"calls placed": 200, "killed": 3, "receiver 500": 9},
                "broken": broken,
            }
        )
    assert (totals.calls, totals.worlds, totals.faults) == (400, 2, 6)
    assert totals.broken == ["make simulate SEED=1 CALLS=200: a law: of something"]
    said = totals.text()
    assert "60.0 x time, 40.0 x without nights" in said and "40.00 calls a second" in said
