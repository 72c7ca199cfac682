"""Whoever holds little finds room, however many others take all they can. Pure."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from calling.media.worker.admission import CPU, Holding, Load, refusal
from calling.runtime.fair_share import has_room, holds_less, reserved

SHARE = 60


def filled(capacity: int, projects: int, rng: random.Random | None, legs: int = 2) -> Counter[str]:
    """What greedy projects hold once none gets any more. They dial in any order, or each all at once."""
    held: Counter[str] = Counter()
    names = [f"evil{number}" for number in range(projects)]
    refused: set[str] = set()
    while len(refused) < len(names):
        left = [name for name in names if name not in refused]
        name = rng.choice(left) if rng else left[0]
        if has_room(held[name], legs, held.total(), capacity, SHARE):
            held[name] += legs
        else:
            refused.add(name)
    return held


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("capacity", "projects"),
    [(20, 1), (40, 1), (50, 2), (100, 3), (250, 10), (500, 10), (500, 20), (5000, 40)],
)
def test_beside_greedy_projects_a_quiet_one_finds_room(
    capacity: int, projects: int, at_once: bool, seed: int
) -> None:
    """With two legs each, as many projects as the reserve has room for."""
    held = filled(capacity, projects, None if at_once else random.Random(seed))
    assert has_room(0, 2, held.total(), capacity, SHARE), held
    assert max(held.values()) <= max(2, capacity * SHARE // 100)
    assert held.total() >= min(capacity * SHARE // 100, capacity - reserved(capacity)) - 2, (
        "nothing lies idle"
    )


def test_the_last_places_are_kept_for_those_that_hold_little() -> None:
    assert reserved(100) == 10 and reserved(19) == 0
    assert has_room(40, 2, 88, 100, SHARE), "there is room for everybody"
    assert not has_room(40, 2, 89, 100, SHARE) and not has_room(2, 2, 89, 100, SHARE)
    assert has_room(0, 1, 89, 100, SHARE) and has_room(0, 2, 98, 100, SHARE)
    assert not has_room(0, 2, 99, 100, SHARE), "nobody gets what there is not"
    assert has_room(2, 2, 940, 1000, SHARE) and not has_room(20, 2, 940, 1000, SHARE), (
        "an eighth of what is left"
    )


def test_no_project_passes_its_share_while_others_are_there() -> None:
    assert has_room(58, 2, 60, 100, SHARE) and not has_room(60, 2, 62, 100, SHARE)
    assert has_room(0, 1, 0, 1, SHARE), "one leg is everybody's"


def test_equal_parts() -> None:
    assert holds_less(0, 0, 1) and holds_less(0, 100, 9)
    assert holds_less(9, 100, 11) and not holds_less(10, 100, 10) and not holds_less(20, 100, 10)


# --- a media worker ------------------------------------------------------------------------------------

MOST, SESSIONS = 250, 400
GREEDY, QUIET = Holding(legs=24, projects=11), Holding(legs=0, projects=11)


@pytest.mark.parametrize(
    ("load", "why"),
    [
        (Load(legs=226, sessions=100, cpu=0.3), "full"),
        (Load(legs=200, sessions=361, cpu=0.3), "full"),
        (Load(legs=100, sessions=50, cpu=CPU), "cpu"),
        (Load(legs=100, sessions=50, cpu=0.6, lag_ms=30.0), "lag"),
    ],
)
def test_those_who_fill_a_worker_are_refused_first(load: Load, why: str) -> None:
    assert refusal(load, MOST, SESSIONS, GREEDY) == why
    assert refusal(load, MOST, SESSIONS, QUIET) is None
    assert refusal(load, MOST, SESSIONS, Holding(legs=2, projects=11)) is None, "it has a call, and dials"


@pytest.mark.parametrize(
    "load",
    [
        Load(legs=250, sessions=100), Load(legs=9, sessions=400), Load(legs=9, cpu=0.99),
        Load(legs=9, cpu=0.9, lag_ms=100.0), Load(legs=9, lag_ms=300.0, stuck_seconds=6.0),
        Load(legs=9, draining=True),
    ],
)  # fmt: skip
def test_nobody_is_taken_at_the_cost_of_the_calls_there_are(load: Load) -> None:
    assert refusal(load, MOST, SESSIONS, QUIET) is not None


def test_alone_a_project_has_the_whole_worker() -> None:
    assert refusal(Load(legs=249, sessions=300, cpu=0.5), MOST, SESSIONS, Holding(249, 1)) is None
    assert refusal(Load(legs=100, sessions=50, cpu=0.9), MOST, SESSIONS, Holding(0, 1)) == "cpu"
