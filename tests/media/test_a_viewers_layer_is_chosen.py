"""Which quality of each picture a viewer gets: by its link, and by how large its tiles are."""

from __future__ import annotations

import pytest

from calling.media.rtp.layer_choice import (
    HOLD_MOST,
    START,
    Link,
    Picture,
    Quality,
    choose,
    next_step,
    tile_width,
)

HD = (Quality(320, 150e3), Quality(640, 500e3), Quality(1280, 1700e3))
VGA = (Quality(160, 100e3), Quality(320, 250e3), Quality(640, 800e3))
UNKNOWN = (Quality(), Quality(), Quality())
ONE = (Quality(1280, 900e3),)
PLENTY = 100e6


@pytest.mark.parametrize(
    ("pictures", "width"), [(0, 1280), (1, 1280), (2, 640), (4, 640), (5, 427), (9, 427)]
)
def test_pictures_are_tiles_of_a_square_grid(pictures: int, width: int) -> None:
    assert round(tile_width(pictures)) == width


@pytest.mark.parametrize(
    ("pictures", "budget", "chosen"),
    [
        # One picture: the best that the link carries.
        ([HD], PLENTY, [2]),
        ([HD], 1.9e6, [2]),
        ([HD], 1.6e6, [1]),
        ([HD], 400e3, [0]),
        ([HD], 0, [0]),
        ([VGA], PLENTY, [2]),
        ([UNKNOWN], PLENTY, [2]),
        ([UNKNOWN], 600e3, [1]),
        # Several: none is larger than its tile, whatever the link carries.
        ([HD] * 2, PLENTY, [1, 1]),
        ([HD] * 4, PLENTY, [1] * 4),
        ([HD] * 5, PLENTY, [0] * 5),
        ([HD] * 9, PLENTY, [0] * 9),
        ([VGA] * 4, PLENTY, [2] * 4),
        ([VGA] * 9, PLENTY, [1] * 9),
        ([UNKNOWN] * 4, PLENTY, [1] * 4),
        ([UNKNOWN] * 9, PLENTY, [0] * 9),
        ([HD, VGA], PLENTY, [1, 2]),
        # Everybody is seen before anybody is seen better, the first one first.
        ([HD] * 4, 600e3, [0] * 4),
        ([HD] * 4, 1.1e6, [1, 0, 0, 0]),
        ([HD] * 4, 1.5e6, [1, 1, 0, 0]),
        ([HD] * 9, 100e3, [0] * 9),
        # A picture that comes in one quality takes its share.
        ([ONE, HD], PLENTY, [0, 1]),
        ([ONE, HD], 1.2e6, [0, 0]),
        ([ONE], 0, [0]),
    ],
)  # fmt: skip
def test_a_quality_by_link_and_tile(
    pictures: list[tuple[Quality, ...]], budget: float, chosen: list[int]
) -> None:
    assert choose([Picture(each) for each in pictures], budget) == tuple(chosen)


def test_what_is_shown_stays_at_a_rate_at_which_nothing_better_would_begin() -> None:
    assert choose([Picture(HD, 2)], 1.75e6) == (2,)
    assert choose([Picture(HD, 1)], 1.75e6) == (1,)


@pytest.mark.parametrize("shown", [[HD], [HD] * 2, [VGA] * 4, [ONE, VGA], [UNKNOWN]])
def test_the_next_step_is_enough_for_one(shown: list[tuple[Quality, ...]]) -> None:
    pictures = [Picture(each) for each in shown]
    worst = choose(pictures, 0)
    wanted = next_step(pictures, worst)
    assert wanted is not None
    assert sum(choose(pictures, wanted)) > sum(worst)
    assert next_step(pictures, choose(pictures, PLENTY)) is None


def test_a_link_is_tried_in_steps_until_it_says_no() -> None:
    link = Link(0.0)
    assert link.budget == START
    assert not link.probe(2e6, 1.0)
    assert link.probe(2e6, 1.6) and link.budget == 2e6
    assert link.estimated(1_900_000, 1.7e6, 2.0) is False, "more than is sent"
    assert link.estimated(850_000, 1.7e6, 3.0), "it fell, below what is sent"
    assert link.budget == 850_000
    assert not link.probe(2e6, 3.0 + HOLD_MOST - 4), "a step up failed a moment ago"


def test_an_estimate_that_grows_is_no_limit() -> None:
    """One that is not congested never says much more than it sees, and takes a while to follow."""
    link = Link(0.0)
    link.carries(1.7e6, 0.5)
    for second in range(10):
        assert not link.estimated(round(500e3 * 1.1**second), 1.7e6, float(second))
    assert link.budget > 1.7e6


def test_an_estimate_that_stays_far_below_is_slow_unless_packets_are_late_or_lost() -> None:
    link = Link(0.0)
    link.carries(1.7e6, 0.5)
    link.reported(0.0, 0.02, 1.7e6, 0.5)
    assert not any(link.estimated(750_000, 1.7e6, 1.0 + half / 2) for half in range(10))


@pytest.mark.parametrize(("lost", "trip"), [(0.03, 0.02), (0.0, 0.15)])
def test_an_estimate_that_stays_far_below_while_packets_are_late_or_lost_is_a_limit(
    lost: float, trip: float
) -> None:
    link = Link(0.0)
    link.carries(1.7e6, 0.5)
    link.reported(0.0, 0.02, 1.7e6, 0.5)
    assert not link.reported(lost, trip, 1.7e6, 1.5)
    found = [link.estimated(750_000, 1.7e6, 1.0 + half / 2) for half in range(5)]
    assert found == [False, False, False, True, False]
    assert link.budget == 750_000


@pytest.mark.parametrize(
    ("lost", "trip", "limit"),
    [
        (0.0, 0.05, None), (0.08, 0.05, None), (0.3, 0.05, 0.7), (0.0, 0.2, None), (0.0, 0.5, 0.7),
        (0.2, None, 0.8),
    ],
)  # fmt: skip
def test_loss_and_queues_are_limits(lost: float, trip: float | None, limit: float | None) -> None:
    link = Link(0.0)
    link.carries(1e6, 5.0)
    assert not link.reported(0.0, 0.04, 1e6, 9.0)
    before = link.budget
    assert link.reported(lost, trip, 1e6, 10.0) is (limit is not None)
    assert link.budget == (before if limit is None else limit * 1e6)


def test_what_is_told_of_the_time_before_a_step_down_is_passed_over() -> None:
    link = Link(0.0)
    link.reported(0.0, 0.04, 1.7e6, 1.0)
    assert link.estimated(2_000_000, 1.7e6, 1.0) is False
    assert link.estimated(850_000, 1.7e6, 2.0)
    assert not link.reported(0.4, 1.0, 1.7e6, 2.5)
    assert not link.reported(0.0, 0.6, 500e3, 4.0), "the queue drains"
    assert link.reported(0.0, 0.7, 500e3, 5.0), "it grows again"


@pytest.mark.parametrize("failures", [0, 1, 5])
def test_a_link_that_carries_more_again_is_used_within_ten_seconds(failures: int) -> None:
    """From the smallest quality to the largest, however often it was tried in vain before."""
    link, now = Link(0.0), 0.0
    link.estimated(1_900_000, 1.7e6, now)
    link.estimated(160_000, 1.7e6, now)
    for _ in range(failures):
        while not link.probe(600e3, now):
            now += 0.5
        link.estimated(700_000, 500e3, now)
        assert link.estimated(160_000, 500e3, now + 1)
        now += 1
    picture, begun = Picture(HD, 0), now
    while True:
        chosen = choose([picture], link.budget)
        link.probe(next_step([picture], chosen), now)
        picture = Picture(HD, choose([picture], link.budget)[0])
        if picture.shown == 2:
            break
        link.carries(picture.rate(picture.shown), now)
        now += 1.0
    assert now - begun <= 10.0


def test_many_packets_asked_for_again_are_a_limit_before_any_report() -> None:
    link = Link(0.0)
    link.carries(1e6, 5.0)
    assert not link.missed(0.1, 1e6, 6.0)
    assert link.missed(0.4, 1e6, 6.1)
    assert link.budget == 600_000
    assert not link.missed(0.4, 1e6, 6.5), "of the time before the step down"


def test_fewer_are_a_limit_where_the_estimate_is_far_below_what_is_sent() -> None:
    link = Link(0.0)
    link.carries(1e6, 5.0)
    assert not link.estimated(1_200_000, 1e6, 5.0) and not link.missed(0.15, 1e6, 5.1)
    assert not link.estimated(1_200_000, 1.5e6, 5.2) and link.missed(0.15, 1.5e6, 5.3)
