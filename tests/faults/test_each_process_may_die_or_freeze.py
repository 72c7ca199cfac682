"""Every kind of process but the one with the sound is killed or frozen during a call: nobody hears of it.

The one with the sound has tests of its own (`test_a_lost_worker_is_survived`, `tests/e2e`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.instance import Instance
from bench.receiver import Receiver
from bench.softphone import SoftPhone, stay_on_loopback
from tests.faults.stage import pids, talking
from tests.faults.web_client import ask
from tests.support.rest_client import basic

pytestmark = [pytest.mark.processes, pytest.mark.timing]
FROZEN_SECONDS = 4.0
BACK_SECONDS = 10.0
KINDS = {
    "web": ("config.serve",),
    "sweep": ("manage.py", "sweep"),
    "tasks": ("-Q", "tasks"),
    "beat": ("config.celery", "--quiet", "beat"),
    "valkey": ("valkey-server",),
    "postgres": ("-D",),
}
FAULTS = [(how, kind) for how in ("kill", "freeze") for kind in KINDS]


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if int(parent) == pid:
                found.append(int(entry.name))
    return found


def matching(one: Instance, kind: str) -> list[int]:
    words = KINDS[kind]
    found = pids(one, *words) or [pid for pid in pids(one) if words[0] in command(pid)]
    assert len(found) == 1, (kind, found)
    return found


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def strike(one: Instance, how: str, kind: str) -> list[int]:
    """Do it. The processes to wake up again."""
    (pid,) = matching(one, kind)
    if how == "freeze":
        frozen = [pid, *children(pid)]
        send(frozen, signal.SIGSTOP)
        return frozen
    if kind == "postgres":  # one backend is enough: the server then ends all and recovers from its log
        send(children(pid)[-1:], signal.SIGKILL)
    else:
        send([pid], signal.SIGKILL)
    return []


class Client:
    """Somebody who asks until it works, and counts the answers."""

    def __init__(self, one: Instance) -> None:
        self.port, self.key = one.port, basic(one.project_id, one.api_token)  # type: ignore[arg-type]
        self.statuses: Counter[int] = Counter()

    async def works(self, path: str) -> float:
        """POST until it is 200. How long that took, in seconds."""
        began = time.monotonic()
        while True:
            answer = await asyncio.to_thread(ask, self.port, self.key, "POST", path, {"leg": "callee"}, 6.0)
            self.statuses[answer.status] += 1
            if answer.status == 200:
                return time.monotonic() - began
            assert answer.status in (0, 503), (answer.status, answer.body)
            assert time.monotonic() - began < BACK_SECONDS, "it did not come back"
            await asyncio.sleep(0.1)


async def endure(alice: SoftPhone, bob: SoftPhone, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.sleep(0.1)
        for phone, other in ((alice, bob), (bob, alice)):
            heard = phone.frequency()
            assert heard is not None and abs(heard - other.hertz) < 12, (phone.name, heard)


@pytest.mark.family
async def test_a_call_goes_on_and_all_its_events_arrive(seed: int, figure: Callable[[int, int], int]) -> None:
    stay_on_loopback()
    rng = random.Random(seed)
    chosen = rng.sample(FAULTS, figure(3, len(FAULTS)))
    receiver = Receiver(lambda event, why: None)
    try:
        with Instance() as one:
            hook = await asyncio.to_thread(
                one.api, "POST", "/api/webhooks", {"url": receiver.url, "events": ["*"]}
            )
            receiver.secret = hook["secret"]
            alice, bob = await talking(one, 1)
            client = Client(one)
            alice.comes_back = bob.comes_back = True
            for how, kind in chosen:
                alice.longest_gap = bob.longest_gap = 0.0
                asleep = strike(one, how, kind)
                try:
                    await endure(alice, bob, FROZEN_SECONDS)
                finally:
                    send(asleep, signal.SIGCONT)
                gap = max(alice.longest_gap, bob.longest_gap) * 1000
                back = await client.works(f"/api/calls/{alice.call_id}/mute")
                back += await client.works(f"/api/calls/{alice.call_id}/unmute")
                await alice.hears(bob.hertz)
                print(f"{how} {kind}: longest gap {gap:.0f} ms; commands work {back:.2f} s after it was over")
            await client.works(f"/api/calls/{alice.call_id}/hangup")
            events = await all_of(receiver, alice.call_id)
            for phone in (alice, bob):
                phone.comes_back = False
                await phone.close()
    finally:
        receiver.close()
    muted = sum(event["type"] == "call.muted" for event in events)
    print(f"{len(events)} events, {muted} mutes, statuses {dict(client.statuses)}, {len(receiver.bad)} bad")
    assert muted == len(chosen) and not receiver.bad
    assert [event["data"]["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events].count("call.ended") == 1


async def all_of(receiver: Receiver, call_id: str) -> list[dict]:  # type: ignore[type-arg]
    """The events of the call as they came, once its end has come."""
    deadline = time.monotonic() + 40
    while True:
        found = [e for e in receiver.events if e["data"].get("call", {}).get("id") == call_id]
        ended = [e["data"]["sequence"] for e in found if e["type"] == "call.ended"]
        if ended and len(found) >= ended[0]:
            return found
        assert time.monotonic() < deadline, [event["type"] for event in found]
        await asyncio.sleep(0.1)
