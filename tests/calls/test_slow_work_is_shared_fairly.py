"""Places for work that others make slow (push services, name servers): nobody holds them all. Pure."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter

import pytest

from calling.outbound_http import lookups
from calling.outbound_http.lookups import Lookups
from calling.runtime.fair_share import reserved
from calling.runtime.fair_slots import FairSlots, chosen


def test_whoever_holds_least_is_next_and_the_oldest_of_its_things() -> None:
    waiting = [("evil", 1), ("evil", 2), ("alice", 3), ("evil", 4), ("bob", 5), ("alice", 6)]
    assert chosen(waiting, {}, 100) == [1, 3, 5, 2, 6, 4]
    assert chosen(waiting, {"alice": 1, "bob": 3}, 100) == [1, 2, 3, 4, 6, 5]


def test_one_project_gets_half_and_many_leave_places() -> None:
    assert len(chosen([("evil", n) for n in range(500)], {}, 32)) == 16
    everybody = [(f"evil{n % 10}", n) for n in range(500)]
    first = chosen(everybody, {}, 32)
    assert 32 - reserved(32) - 1 <= len(first) < 32
    held = Counter(everybody[n][0] for n in first)
    assert chosen([*everybody, ("alice", -1)], held, 32) == [-1]


@pytest.mark.parametrize("evils", [1, 10, 30])
async def test_a_quiet_project_waits_for_nobody(evils: int) -> None:
    slots, inside = FairSlots(32), Counter[str]()

    async def hold(whose: str) -> None:
        async with slots.of(whose):
            inside[whose] += 1
            await asyncio.sleep(3600)

    tasks = [asyncio.create_task(hold(f"evil{n % evils}")) for n in range(300)]
    await asyncio.sleep(0)
    before = inside.total()
    async with asyncio.timeout(1), slots.of("alice"):
        pass
    assert before >= 16 and inside.total() == before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(1):
        for _ in range(40):  # what was given up was given back
            async with slots.of("alice"):
                pass
    assert not +slots._held and not slots._waiting


async def test_work_that_is_given_up_in_any_order_loses_no_place(seed: int) -> None:
    rng, slots = random.Random(seed), FairSlots(8)

    async def work(whose: str) -> None:
        async with slots.of(whose):
            await asyncio.sleep(rng.random() / 200)

    tasks = [asyncio.create_task(work(f"p{rng.randrange(4)}")) for _ in range(200)]
    for task in rng.sample(tasks, 60):
        await asyncio.sleep(0)
        task.cancel()
    async with asyncio.timeout(20):
        await asyncio.gather(*tasks, return_exceptions=True)
    assert not +slots._held and not slots._waiting


@pytest.mark.parametrize("evils", [1, 3, 10, 20])
def test_however_many_look_up_names_in_vain_a_thread_is_free(evils: int) -> None:
    one = Lookups(64)
    for _ in range(64):
        for evil in range(evils):
            one.take(f"evil{evil}")
    assert one.take("alice") and one.take("bob")
    most = max(one._held.values())
    assert most == max(1, 64 // (evils + 2)) or abs(most - 64 / (evils + 2)) <= 1


async def test_name_servers_that_do_not_answer_hold_up_their_own_project_alone() -> None:
    one, hang = Lookups(8), threading.Event()

    async def look_up(whose: str) -> str:
        lookups.act_for(whose)
        return await one.in_turn(lambda: hang.wait(30) and "late" if whose == "evil" else "soon")

    stuck = [asyncio.create_task(look_up("evil")) for _ in range(40)]
    await asyncio.sleep(0.2)
    began = time.monotonic()
    assert await asyncio.create_task(look_up("alice")) == "soon"
    assert time.monotonic() - began < 1
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)
    assert one._held["evil"], "its threads are at work still, whoever waits for them"
    hang.set()
    async with asyncio.timeout(10):
        while one._held:
            await asyncio.sleep(0.02)
