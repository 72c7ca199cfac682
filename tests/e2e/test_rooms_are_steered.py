"""Rooms through real workers: mutes and settings are enforced in the mixer, any leg can come and go."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from calling import models
from calling.commands import transfers
from calling.commands.routing import DialRequest
from calling.machine import inputs
from subscribers import provisioning
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timeout(120)]
TONES = {"alice": 428.0, "bob": 605.0, "carol": 811.0, "gus": 1130.0}
ROOM = "/api/rooms/board"


@sync_to_async
def post(cast: Cast, path: str, body: Any = None) -> dict[str, Any]:
    answer = cast.rest.post(path, body)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


@sync_to_async
def room_state(cast: Cast) -> dict[str, Any]:
    return dict(cast.rest.get(ROOM).json())


@sync_to_async
def make_room(cast: Cast, **settings: Any) -> Any:
    return provisioning.create_room(cast.project.id, {"name": "board", **settings})


@sync_to_async
def story(room: Any) -> list[tuple[int, str]]:
    rows = models.Event.objects.filter(stream=f"room:{room.id}").order_by("sequence")
    return [(row.sequence or 0, row.type) for row in rows]


async def come_in(cast: Cast, *names: str) -> tuple[dict[str, Phone], dict[str, str]]:
    phones, calls = {}, {}
    for name in names:
        phones[name] = Phone(TONES[name])
        calls[name] = await callers.dial(getattr(cast, name), phones[name], "/public/board")
    return phones, calls


def hears_only(phone: Phone, own: str, *names: str) -> bool:
    """Whether these tones are in what it hears now, and no other tone of the cast."""
    wanted = [TONES[name] for name in names]
    if wanted and not callers.has(phone, *wanted):
        return False
    return not any(callers.has(phone, hertz) for name, hertz in TONES.items() if name not in names)


async def all_hear(phones: dict[str, Phone], talking: set[str]) -> None:
    for name, phone in phones.items():
        others = sorted(talking - {name})
        test = partial(hears_only, phone, name, *others)
        await callers.until(test, 12, f"{name} hearing {others}")


async def close(phones: dict[str, Phone]) -> None:
    await asyncio.gather(*(phone.close() for phone in phones.values()))


async def test_four_devices_hear_exactly_the_other_three(four: Cast, worker: WorkerProcess) -> None:
    """The mixer decodes three talkers; with a fourth, each tone must still be heard while it may talk."""
    await make_room(four)
    phones, calls = await come_in(four, "alice", "bob", "carol", "gus")
    legs = {name: (await callers.leg(call, "caller")).id for name, call in calls.items()}
    assert {member["leg_id"] for member in (await room_state(four))["members"]} == set(legs.values())
    await all_hear(phones, set(TONES))
    await post(four, f"{ROOM}/members/{legs['gus']}/mute")
    await all_hear(phones, {"alice", "bob", "carol"})
    await post(four, f"{ROOM}/members/{legs['gus']}/unmute")
    await post(four, f"{ROOM}/members/{legs['alice']}/mute")
    await all_hear(phones, {"bob", "carol", "gus"})

    await post(four, f"{ROOM}/members/{legs['bob']}/deafen")
    await callers.until(lambda: phones["bob"].hertz() is None, 5, "bob hearing nothing")
    await post(four, f"{ROOM}/members/{legs['bob']}/undeafen")
    await post(four, f"{ROOM}/members/{legs['gus']}/volume", {"volume": -40})
    await callers.until(lambda: hears_only(phones["bob"], "bob", "carol"), 8, "gus being faint")
    (gus,) = (m for m in (await room_state(four))["members"] if m["leg_id"] == legs["gus"])
    assert (gus["volume"], gus["talking"]) == (-40, True)
    await post(four, f"{ROOM}/end")
    assert await room_state(four) == {"name": "board", "state": "idle", "locked": False, "members": []}
    await close(phones)


async def test_calls_move_into_and_out_of_a_room(cast: Cast, worker: WorkerProcess) -> None:
    room = await make_room(cast, join_muted=True, entry_tone=True)
    phones, calls = await come_in(cast, "carol")
    carol = await callers.leg(calls["carol"], "caller")
    assert carol.muted == {"audio"}
    await callers.apply(calls["carol"], inputs.Unmute(carol.id, frozenset({"audio"})))

    device = await callers.come_online(cast.bob)
    phones |= {"alice": Phone(TONES["alice"]), "bob": Phone(TONES["bob"])}
    call = await callers.dial(cast.alice, phones["alice"], cast.bob.address)
    await callers.pick_up(cast.bob, phones["bob"], call, device)
    await callers.hears(phones["alice"], TONES["bob"])
    bob = await callers.leg(call, "callee")
    await callers.transfer(cast.bob, call, bob.id, "/public/board")
    await callers.hears(phones["alice"], TONES["carol"])
    alice = await callers.leg(call, "caller")
    assert alice.muted == {"audio"}
    await callers.apply(call, inputs.Unmute(alice.id, frozenset({"audio"})))
    await callers.hears(phones["carol"], TONES["alice"])

    await callers.transfer(cast.alice, call, alice.id, "/public/tone")
    await callers.hears(phones["alice"], 440.0)
    await callers.until(lambda: phones["carol"].hertz() is None, 5, "alice having left")
    types = [kind for _, kind in await story(room) if kind != "participant.talking"]
    joined, unmuted = "participant.joined", "participant.unmuted"
    assert types == ["room.started", joined, unmuted, joined, unmuted, "participant.left"]
    await close(phones)


async def test_a_room_is_consulted_and_joined_to(cast: Cast, worker: WorkerProcess) -> None:
    await make_room(cast)
    phones, _ = await come_in(cast, "carol")
    device = await callers.come_online(cast.bob)
    phones |= {"alice": Phone(TONES["alice"]), "bob": Phone(TONES["bob"])}
    call = await callers.dial(cast.alice, phones["alice"], cast.bob.address)
    await callers.pick_up(cast.bob, phones["bob"], call, device)
    await callers.hears(phones["alice"], TONES["bob"])
    alice = await callers.leg(call, "caller")
    request = DialRequest(to="/public/board")
    await callers.in_thread(transfers.consult, cast.alice.holder, call, alice.id, request)
    await callers.hears(phones["carol"], TONES["alice"])
    await callers.hears(phones["alice"], TONES["carol"])
    await callers.apply(call, inputs.CompleteTransfer(alice.id))
    await callers.hears(phones["carol"], TONES["bob"])
    await callers.hears(phones["bob"], TONES["carol"])
    (first, second) = (await room_state(cast))["members"]
    assert (first["address"], second["address"]) == (cast.carol.address, cast.bob.address)
    assert second["call_id"] == call
    await close(phones)


@pytest.mark.family
@pytest.mark.timeout(3600)
async def test_joining_and_leaving_leaks_nothing(
    cast: Cast, worker: WorkerProcess, figure: Callable[[int, int], int]
) -> None:
    """Somebody stays while another comes and goes; the worker's descriptors, threads and memory stay."""
    room = await make_room(cast)
    phones, _ = await come_in(cast, "alice")

    async def visit() -> None:
        phone = Phone(TONES["bob"])
        call = await callers.dial(cast.bob, phone, "/public/board")
        leg = await callers.leg(call, "caller")
        await callers.apply(call, inputs.Hangup(leg.id))
        await phone.close()

    for _ in range(5):
        await visit()
    before, memory = await settled(worker.pid), resident(worker.pid)
    rounds = figure(30, 1000)
    for _ in range(rounds):
        await visit()
    after = await settled(worker.pid)
    assert after[0] <= before[0] + 8, f"descriptors {before[0]} -> {after[0]} in {rounds} visits"
    assert after[1] <= before[1] + 2, f"threads {before[1]} -> {after[1]}"
    grown = resident(worker.pid) - memory
    print(f"{rounds} visits: descriptors, threads {before} -> {after}, {grown} kB more")
    assert grown < 12_000 + 4 * rounds, f"{grown} kB more in {rounds} visits"
    told = await story(room)
    assert [number for number, _ in told] == list(range(1, len(told) + 1))
    assert len((await room_state(cast))["members"]) == 1
    await close(phones)


def resident(pid: int) -> int:
    """kB of memory in use by a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


async def settled(pid: int) -> tuple[int, int]:
    """(descriptors, threads) of a process, once they have been the same for a second."""
    last, since, end = (0, 0), time.monotonic(), time.monotonic() + 15
    while time.monotonic() < end and time.monotonic() - since < 1:
        now = len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))
        if now != last:
            last, since = now, time.monotonic()
        await asyncio.sleep(0.1)
    return last
