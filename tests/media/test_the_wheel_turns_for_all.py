"""One timer per loop: every leg about once a second, a failing one alone, sprinters until they are done."""

from __future__ import annotations

import asyncio
import time

from calling.media.rtp.timer_wheel import FAULTS, SLOTS, TOGETHER, wheel
from tests.support.wait import until


class Rider:
    def __init__(self, fails: bool = False) -> None:
        self.beats: list[float] = []
        self.fails = fails
        self.over = 0

    def on_second(self, now: float) -> None:
        self.beats.append(now)
        if self.fails:
            raise RuntimeError("this leg has a fault")

    def crashed(self) -> None:
        self.over += 1


async def test_a_rider_that_fails_again_and_again_is_told_so_and_beats_no_more() -> None:
    failing, stumbling = Rider(fails=True), Rider(fails=True)
    for rider in (failing, stumbling):
        wheel().add(rider)
    try:
        await until(lambda: len(stumbling.beats) == 2, 10, "two faults")
        stumbling.fails = False
        await until(lambda: len(stumbling.beats) >= 4, 10, "later beats")
        assert (failing.over, len(failing.beats), stumbling.over) == (1, FAULTS, 0)
        assert not wheel()._faults
    finally:
        wheel().drop(stumbling)


class Sprinter:
    def __init__(self, turns: int) -> None:
        self.turns = turns

    def on_fast_tick(self, now: float) -> bool:
        self.turns -= 1
        return self.turns > 0


async def test_every_rider_beats_once_a_second_and_a_failing_one_harms_nobody() -> None:
    riders = [Rider(fails=number % 7 == 0) for number in range(3 * SLOTS)]
    for rider in riders:
        wheel().add(rider)
    try:
        assert {len(slot) for slot in wheel()._slots} == {0, TOGETHER}, "few legs share their slots"
        begun = time.monotonic()
        await until(lambda: all(len(rider.beats) >= 2 for rider in riders), 15, "two turns")
        turns = (time.monotonic() - begun) / max(len(rider.beats) for rider in riders)
        assert turns > 0.6, "not oftener than once a second"
    finally:
        for rider in riders:
            wheel().drop(rider)
    assert not any(wheel()._slots)


async def test_many_riders_are_spread_over_the_turn() -> None:
    riders = [Rider() for _ in range((TOGETHER + 2) * SLOTS)]
    for rider in riders:
        wheel().add(rider)
    try:
        assert {len(slot) for slot in wheel()._slots} == {TOGETHER + 2}
    finally:
        for rider in riders:
            wheel().drop(rider)


async def test_sprinters_run_until_they_are_done_and_the_timer_rests() -> None:
    sprinter = Sprinter(4)
    wheel().add_fast_tick(sprinter)
    await until(lambda: sprinter.turns == 0, 5, "the sprint")
    await until(lambda: wheel()._timer is None, 5, "rest")
    await asyncio.sleep(0.1)
    assert sprinter.turns == 0


async def test_slots_without_a_rider_do_not_wake_the_loop() -> None:
    riders, turns = [Rider() for _ in range(TOGETHER)], 0
    turn = wheel()._turn

    def counted(due: float) -> None:
        nonlocal turns
        turns += 1
        turn(due)

    wheel()._turn = counted  # type: ignore[method-assign]
    late = Rider()
    try:
        for rider in riders:
            wheel().add(rider)
        await until(lambda: all(len(rider.beats) == 2 for rider in riders), 10, "two beats")
        assert turns == 2, "they share a slot"
        wheel().add(late)  # in the slot behind the one that was just passed
        await until(lambda: len(late.beats) == 2, 10, "two beats of who came later")
        assert late.beats[0] - riders[0].beats[1] < 0.7, "not only after a whole turn"
    finally:
        for each in (*riders, late):
            wheel().drop(each)
        del wheel()._turn  # type: ignore[method-assign]


async def test_a_sprinter_that_fails_sprints_no_more_and_harms_nobody() -> None:
    class Failing(Sprinter):
        def on_fast_tick(self, now: float) -> bool:
            super().on_fast_tick(now)
            raise RuntimeError("this leg has a fault")

    failing, sprinter, rider = Failing(4), Sprinter(4), Rider()
    wheel().add(rider)
    try:
        wheel().add_fast_tick(failing)
        wheel().add_fast_tick(sprinter)
        await until(lambda: sprinter.turns == 0 and bool(rider.beats), 5, "the others")
        assert failing.turns == 3
    finally:
        wheel().drop(rider)
