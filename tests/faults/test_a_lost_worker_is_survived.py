"""`kill -9` of one of two media workers: its calls are heard again through the other one.

Proves docs/security.md#r3.

A whole instance of `make run`, devices on `/ws/phone` with sound of their own. Prints how long each call
was without sound; settled means heard again, or ended exactly once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from bench.instance import Instance
from bench.softphone import Missing, SoftPhone, stay_on_loopback
from tests.faults.stage import pids, talking, until_ready

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(240)]

CALLS = 4
SETTLED_SECONDS = 8.0


async def settle(alice: SoftPhone, bob: SoftPhone, since: float) -> tuple[float, bool]:
    """(seconds until it was heard again or ended, whether it was heard)."""
    alice.forget_sound()
    bob.forget_sound()
    try:
        await alice.hears(bob.hertz, SETTLED_SECONDS + 2)
        await bob.hears(alice.hertz, SETTLED_SECONDS + 2)
        return time.monotonic() - since, True
    except Missing:
        return time.monotonic() - since, False


def events(one: Instance, call_id: str) -> list[dict[str, object]]:
    return list(one.api("GET", f"/api/calls/{call_id}/events?page_size=200")["data"])


def test_calls_of_a_killed_worker_are_heard_again_through_another() -> None:
    stay_on_loopback()
    with Instance(CALLWRIGHT_MEDIA_WORKERS="2") as one:

        async def play() -> None:
            pairs = [await talking(one, number) for number in range(CALLS)]
            victims = pids(one, "-Q", "media")
            assert len(victims) == 2
            for victim in victims:  # each call is hit at least once, whoever carried it
                await until_ready(one, 2, killed=await lose(victim, pairs))
            for alice, bob in pairs:
                await alice.send("call.hangup", call_id=alice.call_id)
                await bob.expect("call.ended")
                told = await asyncio.to_thread(events, one, alice.call_id)
                kinds = [each["type"] for each in told]
                assert kinds.count("call.ended") == 1 and kinds[-1] == "call.ended"
            assert sum(alice.moves for alice, _ in pairs) >= CALLS
            for phone in (phone for pair in pairs for phone in pair):
                await phone.close()

        async def lose(victim: int, pairs: list[tuple[SoftPhone, SoftPhone]]) -> float:
            before = [alice.moves for alice, _ in pairs]
            killed = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            await asyncio.sleep(0.5)  # what was under way in the devices' buffers
            ends = await asyncio.gather(*(settle(alice, bob, killed) for alice, bob in pairs))
            after = [alice.moves for alice, _ in pairs]
            moved = [end for end, was, now in zip(ends, before, after, strict=True) if now > was]
            print(f"\nworker killed: {len(moved)} of {CALLS} calls moved, heard again after",
                  " ".join(f"{seconds:.1f} s" for seconds, _ in moved))  # fmt: skip
            assert all(heard for _, heard in ends), (ends, pairs[0][0].heard[-6:], one.words())
            assert all(seconds <= SETTLED_SECONDS for seconds, _ in moved), moved
            return killed

        asyncio.run(play())
