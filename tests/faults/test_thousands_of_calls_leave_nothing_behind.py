"""Calls by the thousand, a quarter of them broken: memory, files and threads stay where they were."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.instance import Instance
from bench.softphone import Missing, SoftPhone, stay_on_loopback
from tests.faults.stage import online, pids

pytestmark = pytest.mark.processes
AT_ONCE = 10
WARM_SHARE = 0.3
SLOPE_MB = 1.0
POOLS = 12
KINDS = ["whole"] * 15 + ["cancelled", "unheard", "wrong sdp", "wrong fingerprint", "gone"]
WATCHED = {"web": ("config.serve",), "media": ("-Q", "media"), "sweep": ("manage.py", "sweep")}
FINGERPRINT = re.compile(r"(a=fingerprint:\S+ )\S\S:\S\S")


def memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def held(pid: int) -> tuple[int, int]:
    """Open files and threads."""
    return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))


async def hang_up(phone: SoftPhone) -> None:
    await phone.send("call.hangup", call_id=phone.call_id)
    await phone.expect("call.ended", 20)


async def one_call(phone: SoftPhone, kind: str) -> None:
    """One call to /public/echo that goes as its kind says."""
    phone.forget_sound()
    phone.heard.clear()
    phone._place = 0
    offer = await phone.offer()
    pc = phone.pc
    assert pc is not None
    try:
        if kind == "wrong sdp":
            short = offer[: len(offer) // 3]
            await phone.send("call.create", req_id="x", destination="/public/echo", sdp=short)
            with contextlib.suppress(Missing):
                await phone.expect("call.trying", 5)
            return
        if kind == "wrong fingerprint":
            offer = FINGERPRINT.sub(r"\g<1>00:00", offer)
        await phone.send("call.create", req_id="x", destination="/public/echo", sdp=offer)
        phone.call_id = (await phone.expect("call.trying"))["call_id"]
        if kind == "cancelled":
            await hang_up(phone)
            return
        await phone.take_answer()
        if kind == "unheard":
            await pc.close()
            await hang_up(phone)
        elif kind == "wrong fingerprint":
            await phone.expect("call.ended", 30)
        elif kind == "gone":
            await phone.close()  # its call has 15 s, then it hangs up by itself
            phone.device_id = ""
            await phone.come_online()
        else:
            until = time.monotonic() + 10
            while not phone.has_sound:
                assert time.monotonic() < until, "no sound"
                await asyncio.sleep(0.02)
            await hang_up(phone)
    finally:
        await pc.close()


async def settled(one: Instance) -> None:
    """Every call has ended, the forsaken ones too."""
    until = time.monotonic() + 40
    while True:
        live = [
            call
            for state in ("created", "ringing", "answered")
            for call in (await asyncio.to_thread(one.api, "GET", f"/api/calls?state={state}"))["data"]
        ]
        if not live:
            return
        assert time.monotonic() < until, live
        await asyncio.sleep(0.5)


@pytest.mark.family
@pytest.mark.timeout(4 * 3600)
async def test_memory_files_and_threads_stay_where_they_were(
    seed: int, figure: Callable[[int, int], int]
) -> None:
    stay_on_loopback()
    calls = figure(20, 10_000)
    rng, begun = random.Random(seed), time.monotonic()
    todo = [rng.choice(KINDS) for _ in range(calls)]
    made: list[int] = []
    memory: dict[str, list[float]] = {name: [] for name in WATCHED}
    with Instance() as one:
        watched = {name: pids(one, *words)[0] for name, words in WATCHED.items()}
        phones = [await online(one, f"phone-{number}", 440.0) for number in range(AT_ONCE)]

        async def work(phone: SoftPhone, kinds: Iterator[str]) -> None:
            for kind in kinds:
                try:
                    await one_call(phone, kind)
                except Missing as why:
                    raise AssertionError(f"{kind}: {why}") from why
                made.append(len(made) + 1)
                if len(made) % (calls // 20) == 0:
                    for name, pid in watched.items():
                        memory[name].append(memory_mb(pid))

        async def place(kinds: list[str]) -> dict[str, tuple[int, int]]:
            shared = iter(kinds)
            await asyncio.gather(*(work(phone, shared) for phone in phones))
            await settled(one)
            return {name: held(pid) for name, pid in watched.items()}

        warm = int(calls * WARM_SHARE)
        before = await place(todo[:warm])
        after = await place(todo[warm:])
        for phone in phones:
            await phone.close()
    print(f"{calls} calls in {time.monotonic() - begun:.0f} s, {AT_ONCE} at once, a quarter of them broken")
    slopes: dict[str, float] = {}
    for name, values in memory.items():
        at = [calls // 20 * (place + 1) for place in range(len(values))]
        first = sum(count <= warm for count in at)
        slope = slopes[name] = float(np.polyfit(at[first:], values[first:], 1)[0]) * 1000
        print(
            f"{name}: {values[first]:.1f} MB after {at[first]} calls, {values[-1]:.1f} at the end: "
            f"{slope:+.2f} MB per 1,000; files and threads {before[name]}, then {after[name]}"
        )
        # A pool's connections come with the busiest moment so far; one for each call would be thousands.
        assert all(now <= then + POOLS for now, then in zip(after[name], before[name], strict=True)), name
    if calls >= 1000:  # before that, it is the warming up that is measured
        assert all(slope <= SLOPE_MB for slope in slopes.values()), slopes
