"""One timer per loop: every leg about once a second, a failing one alone, sprinters until they are done."""

from __future__ import annotations

import asyncio
import time

from calling.media.rtp.wheel import SLOTS, wheel
from tests.media.phones import until


class Rider:
    def __init__(self, fails: bool = False) -> None:
        self.beats: list[float] = []
        self.fails = fails

    def beat(self, now: float) -> None:
        self.beats.append(now)
        if self.fails:
            raise RuntimeError("this leg has a fault")


class Sprinter:
    def __init__(self, turns: int) -> None:
        self.turns = turns

    def sprint(self, now: float) -> bool:
        self.turns -= 1
        return self.turns > 0


async def test_every_rider_beats_once_a_second_and_a_failing_one_harms_nobody() -> None:
    riders = [Rider(fails=number % 7 == 0) for number in range(3 * SLOTS)]
    for rider in riders:
        wheel().add(rider)
    try:
        assert max(len(slot) for slot in wheel()._slots) == 3, "legs are spread over the turn"
        begun = time.monotonic()
        await until(lambda: all(len(rider.beats) >= 2 for rider in riders), 15, "two turns")
        turns = (time.monotonic() - begun) / max(len(rider.beats) for rider in riders)
        assert turns > 0.6, "not oftener than once a second"
    finally:
        for rider in riders:
            wheel().drop(rider)
    assert not any(wheel()._slots)


async def test_sprinters_run_until_they_are_done_and_the_timer_rests() -> None:
    sprinter = Sprinter(4)
    wheel().sprint(sprinter)
    await until(lambda: sprinter.turns == 0, 5, "the sprint")
    await until(lambda: wheel()._timer is None, 5, "rest")
    await asyncio.sleep(0.1)
    assert sprinter.turns == 0
