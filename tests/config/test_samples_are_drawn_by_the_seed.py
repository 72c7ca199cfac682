"""`sample(count)` in `make test`: so many cases of a family, which ones the seed says."""

from __future__ import annotations

from tests.samples import left_out

CASES = [("many", 3)] * 10 + [("few", 5)] * 2 + [("one", 1)] * 4


def test_so_many_of_each_family_are_taken():
    for seed in range(50):
        taken = [CASES[place][0] for place in range(len(CASES)) if place not in left_out(CASES, seed)]
        assert (taken.count("many"), taken.count("few"), taken.count("one")) == (3, 2, 1)


def test_the_same_seed_draws_the_same_and_in_time_each_is_drawn():
    assert left_out(CASES, 7) == left_out(CASES, 7)
    assert set.union(*(set(range(16)) - left_out(CASES, seed) for seed in range(100))) == set(range(16))


def test_a_family_that_changes_moves_no_other():
    before, after = left_out(CASES, 7), left_out([*CASES, ("one", 1), ("new", 1)], 7)
    assert {place for place in before if place < 12} == {place for place in after if place < 12}
