"""Decoders wait for what the phones hear, one is ready in advance, and none outlives its worker."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from calling.media.files import decoders
from calling.media.files.decoders import ROOT, Decoder, Decoders
from calling.media.files.turns import Asker, Turns
from calling.runtime.priority import NICENESS
from tests.media.files.made import media
from tests.support.wait import wait_for


async def done(one: Decoder) -> int:
    return await asyncio.wait_for(one.process.wait(), 60)


async def test_a_decoder_is_nice_in_a_session_of_its_own() -> None:
    """Where Linux shares time out by session, one in the worker's would take half of the worker's."""
    one = await decoders.start()
    try:
        assert os.getsid(one.process.pid) == one.process.pid != os.getsid(0)
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, one.process.pid) == min(19, own + NICENESS)
        group = Path(f"/proc/{one.process.pid}/autogroup")
        if group.exists():
            assert group.read_text().split()[-1] == str(NICENESS)
    finally:
        one.end()
        await done(one)


async def test_the_spare_is_for_who_has_had_little() -> None:
    mine = Decoders()
    await mine.keep_one()
    spare = mine._spare
    assert spare is not None
    others = await mine.take(soon=False)
    assert others.process.pid != spare.process.pid and mine._spare is spare
    assert await mine.take(soon=True) is spare and mine._spare is None
    again = await mine.take(soon=True)
    assert again is not spare, "the next one is not started yet, and nobody waits for it"
    await mine.close()
    for one in (others, spare, again):
        one.end()
        await done(one)


async def test_a_spare_is_made_again_and_no_dead_one_is_handed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoders, "AGAIN_SECONDS", 0.0)
    mine = Decoders()
    await mine.keep_one()
    dead = mine._spare
    assert dead is not None
    dead.end()
    await done(dead)
    fresh = await mine.take(soon=True)
    assert fresh is not dead and fresh.process.returncode is None
    async with asyncio.timeout(30):
        while mine._spare is None:
            await asyncio.sleep(0.02)
    kept = mine._spare
    await mine.close()
    assert kept.process.returncode is not None
    fresh.end()
    await done(fresh)


async def test_a_decoder_that_nobody_needs_any_more_ends() -> None:
    one = await decoders.start()
    one.line.close()
    assert await done(one) == 0


PARENT = """
import asyncio, os, signal, sys
from calling.media.files import decoders

async def run():
    one = await decoders.start()
    with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as target:
        one.give(source.fileno(), target.fileno(), ("wav", "none", "3600"))
    await one.process.stdout.readexactly(int(sys.argv[3]))
    os.kill(one.process.pid, signal.SIGSTOP)
    print(one.process.pid, flush=True)
    os._exit(0)

asyncio.run(run())
"""


@pytest.mark.parametrize("said", [1, 2])  # it has begun to load; it is confined, and at work
def test_one_that_is_stopped_ends_with_its_worker(tmp_path: Path, said: int) -> None:
    (tmp_path / "long").write_bytes(media("wav", 600))
    command = [sys.executable, "-c", PARENT, str(tmp_path / "long"), str(tmp_path / "made"), str(said)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
    status = Path(f"/proc/{int(told.stdout)}/status")
    wait_for(lambda: not status.exists() or "State:\tZ" in status.read_text(), 10)


def test_little_is_less_than_a_turn_that_others_waited_for() -> None:
    class Clocked(Turns):
        now = 1000.0

        def _now(self) -> float:
            return self.now

    async def run() -> None:
        line = Clocked(at_once=1)
        mine = await line.begin(Asker("evil"))
        line.now += 100
        assert line.has_had_little(mine), "nobody waited"
        waiting = asyncio.create_task(line.begin(Asker("alice")))
        await asyncio.sleep(0)
        line.now += 5
        assert not line.has_had_little(mine)
        line.end(mine)
        assert line.has_had_little(await waiting)

    asyncio.run(run())
