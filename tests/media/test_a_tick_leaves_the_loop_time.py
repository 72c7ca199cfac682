"""The 20 ms clock of platform sounds: with many users the loop does other work between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from calling.media.rtp import ticker as ticker_module
from calling.media.rtp.ticker import Ticker
from tests.support.wait import until

USERS = 20


class Clock:
    """A loop's time that goes on by 0.1 ms with each user."""

    def __init__(self) -> None:
        self.order: list[int] = []
        self.loop = asyncio.get_running_loop()
        self.ticker = Ticker(self.loop)

    def user(self, number: int, *, stays: int = 1) -> Callable[[], bool]:
        left = [stays]

        def tick() -> bool:
            self.order.append(number)
            begun = self.loop.time()
            while self.loop.time() - begun < ticker_module.AT_ONCE / 2:
                pass
            left[0] -= 1
            return left[0] > 0

        return tick


async def test_others_are_let_in_between_the_users_of_one_tick() -> None:
    clock = Clock()
    for number in range(USERS):
        clock.ticker.add(clock.user(number))
    between: list[int] = []

    async def other() -> None:
        while len(clock.order) < USERS:
            between.append(len(clock.order))
            await asyncio.sleep(0)

    await other()
    assert clock.order == list(range(USERS))
    assert len({each for each in between if 0 < each < USERS}) >= USERS // 4


async def test_everybody_is_called_once_a_tick_and_who_was_dropped_is_not() -> None:
    clock = Clock()
    users = [clock.user(number, stays=3) for number in range(USERS)]
    for each in users:
        clock.ticker.add(each)
    await until(lambda: bool(clock.order))
    clock.ticker.drop(users[-1])  # before its turn, or after it
    await until(lambda: len(clock.order) >= 3 * (USERS - 1))
    await asyncio.sleep(0.05)
    for number in range(USERS - 1):
        assert clock.order.count(number) == 3
    assert clock.order.count(USERS - 1) <= 1
    first = [number for number in clock.order if number < USERS - 1]
    assert first == list(range(USERS - 1)) * 3


async def test_one_that_fails_takes_nobody_with_it() -> None:
    clock = Clock()

    def fails() -> bool:
        raise RuntimeError

    clock.ticker.add(fails)
    clock.ticker.add(clock.user(1, stays=2))
    await until(lambda: clock.order == [1, 1])
