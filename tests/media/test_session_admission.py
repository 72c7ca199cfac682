"""When a worker takes one more session, and when it leaves it to others (docs/security.md#r32). Pure."""

from __future__ import annotations

import pytest

from calling.media.worker.admission import OTHERS_SECONDS, Holding, Load, Refused, refusal

BUSY = Load(legs=100, sessions=50, cpu=0.4, lag_ms=2.0)


def test_a_worker_with_room_takes_it() -> None:
    assert refusal(BUSY, 250, 400) is None
    assert refusal(Load(), 250, 400) is None


@pytest.mark.parametrize(
    ("load", "why"),
    [
        (Load(draining=True), "draining"),
        (Load(lag_ms=400, stuck_seconds=5.1), "stuck"),
        (Load(legs=250, sessions=3), "full"),
        (Load(legs=2, sessions=400), "full"),
        (Load(legs=40, cpu=0.9), "cpu"),
        (Load(legs=40, cpu=0.6, lag_ms=25), "lag"),
    ],
)
def test_it_refuses_by_name(load: Load, why: str) -> None:
    assert refusal(load, 250, 400) == why


def test_neighbours_that_make_its_loop_late_are_no_reason() -> None:
    assert refusal(Load(legs=40, cpu=0.1, lag_ms=60), 250, 400) is None
    assert refusal(Load(legs=0, cpu=0.95, lag_ms=60), 250, 400) is None


STUCK = Load(legs=9, sessions=40, lag_ms=700.0, stuck_seconds=20.0)
NOBODY, CALLER = Holding(legs=0, projects=11), Holding(legs=0, projects=11, sessions=1)


def test_a_stuck_worker_takes_who_holds_nothing_once_no_other_worker_has() -> None:
    assert refusal(STUCK, 250, 400, NOBODY) == "stuck", "first the others are asked"
    assert refusal(STUCK, 250, 400, NOBODY, OTHERS_SECONDS) is None
    assert refusal(STUCK, 250, 400, CALLER, OTHERS_SECONDS) == "stuck"
    assert refusal(STUCK, 250, 400, Holding(legs=1, projects=11, sessions=1), 9.0) == "stuck"
    assert refusal(STUCK, 250, 400, Holding(), 9.0) == "stuck"
    full = Load(legs=250, sessions=40, lag_ms=700.0, stuck_seconds=20.0)
    assert refusal(full, 250, 400, NOBODY, 9.0) == "full"


def test_how_long_a_session_has_been_left_to_others_is_known() -> None:
    refused = Refused()
    assert refused.waited("a", 100.0) == 0
    refused.note("a", 100.0)
    refused.note("a", 101.0)
    assert refused.waited("a", 102.5) == 2.5 and refused.waited("b", 102.5) == 0
    for number in range(2000):
        refused.note(f"s{number}", 200.0 + number)
    assert refused.waited("a", 2300.0) == 0 and len(refused._since) <= 1001
