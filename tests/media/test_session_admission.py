"""When a worker takes one more session, and when it leaves it to others (docs/security.md#r32). Pure."""

from __future__ import annotations

import pytest

from calling.media.worker.admission import Load, refusal

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
