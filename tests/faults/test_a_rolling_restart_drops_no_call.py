"""An upgrade under load: every process is told to end and comes back; no call is dropped.

Proves docs/security.md#r16.

Devices reconnect within 15 s, media workers drain, and calls can be placed throughout.
"""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from bench.instance import Instance
from bench.softphone import Missing, SoftPhone, stay_on_loopback
from tests.faults.stage import connect, listens, online, pids, talking
from tests.support.wait import until

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(300)]

CALLS = 3
BACK_SECONDS = 40.0
WEB = ("-m", "config.serve")
PARTS = (("manage.py", "sweep"), ("-Q", "tasks"), ("--quiet", "beat"))


async def replaced(one: Instance, pid: int, words: tuple[str, ...]) -> int:
    """End a process with those words politely, wait for its successor."""
    before = set(pids(one, *words))
    os.kill(pid, signal.SIGTERM)
    await until(lambda: bool(set(pids(one, *words)) - before), BACK_SECONDS, f"a new process {words}")
    return (set(pids(one, *words)) - before).pop()


def test_every_process_is_replaced_and_all_calls_are_heard() -> None:
    stay_on_loopback()
    with Instance(CALLWRIGHT_MEDIA_WORKERS="2", CALLWRIGHT_WEB_PROCESSES="2") as one:

        async def play() -> None:
            pairs = [await talking(one, number) for number in range(CALLS)]
            phones = [phone for pair in pairs for phone in pair]
            for phone in phones:
                phone.comes_back = True
            for pid in pids(one, *WEB):
                successor = await replaced(one, pid, WEB)
                await all_heard(pairs, "while one web process is away")
                await until(lambda pid=successor: listens(pid, one.port), BACK_SECONDS, "a new web process")  # type: ignore[misc]
            await until(lambda: all(phone.returns for phone in phones), BACK_SECONDS, "all devices back")
            await all_heard(pairs, "after two new web processes")
            for words in PARTS:
                await replaced(one, pids(one, *words)[0], words)
                await all_heard(pairs, f"after a new {' '.join(words)}")
            await drain(pairs)
            for alice, bob in pairs:
                await alice.send("call.hangup", call_id=alice.call_id)
                ended = await bob.expect("call.ended", call_id=bob.call_id)
                assert (ended["reason"], ended["cause"]) == ("hangup", "normal"), ended
            for phone in phones:
                await phone.close()

        async def drain(pairs: list[tuple[SoftPhone, SoftPhone]]) -> None:
            """Each worker in turn is told to end: its calls stay, new ones go to the other."""
            first, second = pids(one, "-Q", "media")
            for number, worker in enumerate((first, second)):
                os.kill(worker, signal.SIGTERM)
                await asyncio.sleep(1.0)  # it stops claiming within a second
                if number == 0:
                    carol, dave = await online(one, "carol", 560.0), await online(one, "dave", 990.0)
                    await connect(carol, dave)
                    await carol.send("call.hangup", call_id=carol.call_id)
                    await dave.expect("call.ended", call_id=dave.call_id)
                    await carol.close()
                    await dave.close()
                await all_heard(pairs, "while a media worker drains")

        async def all_heard(pairs: list[tuple[SoftPhone, SoftPhone]], when: str) -> None:
            for alice, bob in pairs:
                alice.forget_sound()
                bob.forget_sound()
            for alice, bob in pairs:
                try:
                    await alice.hears(bob.hertz)
                    await bob.hears(alice.hertz)
                except Missing as missing:
                    told = [each["type"] for each in alice.heard[-5:]]
                    raise AssertionError(f"{missing} {when}; last told {told}") from missing

        asyncio.run(play())
