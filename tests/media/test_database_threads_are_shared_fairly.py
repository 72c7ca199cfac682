"""A worker's few database threads serve its projects in turns: none waits for all that another has asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from calling.runtime.db_threads import DatabaseThreads


@pytest.fixture
async def desk() -> AsyncIterator[DatabaseThreads]:
    """One thread."""
    one = DatabaseThreads(1)
    yield one
    one.close()


async def test_projects_are_served_in_turns_and_each_in_its_order(desk: DatabaseThreads) -> None:
    done: list[str] = []
    gate = threading.Event()
    first = asyncio.create_task(desk.of("evil").run(gate.wait, 10))
    await asyncio.sleep(0.01)
    jobs = [asyncio.create_task(desk.of("evil").run(done.append, f"evil{n}")) for n in range(20)]
    await asyncio.sleep(0)
    jobs += [asyncio.create_task(desk.of("alice").run(done.append, f"alice{n}")) for n in range(3)]
    jobs += [asyncio.create_task(desk.of("bob").run(done.append, "bob0"))]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *jobs)
    assert done[:7] == ["evil0", "alice0", "bob0", "evil1", "alice1", "evil2", "alice2"]
    assert done[7:] == [f"evil{n}" for n in range(3, 20)]
    await asyncio.wait_for(desk.run(done.append, "free again"), 5)


async def test_who_is_cancelled_leaves_the_line_and_a_fault_frees_its_thread(desk: DatabaseThreads) -> None:
    gate, done = threading.Event(), []
    first = asyncio.create_task(desk.run(gate.wait, 10))
    await asyncio.sleep(0.01)
    waiting = [asyncio.create_task(desk.of(name).run(done.append, name)) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    waiting[0].cancel()
    first.cancel()  # its thread is at work until the gate opens, and nobody else has it meanwhile
    await asyncio.sleep(0.05)
    assert done == []
    gate.set()
    found = await asyncio.wait_for(asyncio.gather(first, *waiting, return_exceptions=True), 5)
    assert done == ["b", "c"] and [isinstance(each, BaseException) for each in found] == [
        True,
        True,
        False,
        False,
    ]
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await desk.run(lambda: 1 / 0)
    assert await asyncio.wait_for(desk.run(lambda: 7), 5) == 7


async def test_a_turn_that_came_to_somebody_who_had_gone_is_the_next_one_s(desk: DatabaseThreads) -> None:
    gate, done = threading.Event(), []
    first = asyncio.create_task(desk.run(gate.wait, 10))
    await asyncio.sleep(0.01)
    gone, next_one = (asyncio.create_task(desk.of(name).run(done.append, name)) for name in ("a", "b"))
    await asyncio.sleep(0)
    gate.set()
    await first
    gone.cancel()
    await asyncio.wait_for(asyncio.gather(next_one, return_exceptions=True), 5)
    assert "b" in done
    await asyncio.wait_for(desk.run(done.append, "free again"), 5)
