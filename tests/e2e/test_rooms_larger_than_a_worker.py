"""A room in two real workers, joined by a trunk: all hear and see each other, and a death is survived."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async

from calling import models
from tests.e2e import callers
from tests.e2e.test_rooms_are_steered import TONES, all_hear, close, make_room, room_state
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timeout(150),
    pytest.mark.sample(1),
]
START = Callable[..., WorkerProcess]


@sync_to_async
def pid_of(call_id: str) -> int:
    """The process that carries a call."""
    row = models.Call.objects.select_related("session__worker").get(pk=call_id)
    assert row.session is not None and row.session.worker is not None
    return int(row.session.worker.pid)


@pytest.fixture
def two_workers(start_worker: START) -> Callable[[int], None]:
    """`two_workers(legs)` starts two that take so many legs each."""

    def start(legs: int) -> None:
        for worker in [start_worker(wait=False, CALLWRIGHT_MEDIA_LEGS=str(legs)) for _ in range(2)]:
            worker.wait_until_ready()

    return start


async def come_in(cast: Cast, phones: dict[str, Phone], *names: str) -> dict[str, str]:
    return {name: await callers.dial(getattr(cast, name), phones[name], "/public/board") for name in names}


@pytest.mark.usefixtures("sweep")
async def test_two_workers_share_a_room_and_one_may_die(
    four: Cast, two_workers: Callable[[int], None]
) -> None:
    cast = four
    await make_room(cast)
    await callers.in_thread(two_workers, 2)
    phones = {name: Phone(hertz) for name, hertz in TONES.items()}
    calls = await come_in(cast, phones, "alice", "bob", "carol", "gus")
    pids = {name: await pid_of(call) for name, call in calls.items()}
    assert pids["alice"] == pids["bob"] != pids["carol"] == pids["gus"]
    assert len((await room_state(cast))["members"]) == 4
    await all_hear(phones, set(TONES))
    muted = (await callers.leg(calls["gus"], "caller")).id
    await mute(cast, muted, "mute")
    await all_hear(phones, {"alice", "bob", "carol"})
    await mute(cast, muted, "unmute")
    await all_hear(phones, set(TONES))

    stay = {name: phones[name] for name in ("alice", "bob")}
    for phone in stay.values():
        phone.longest_gap = 0.0
    died = time.monotonic()
    os.kill(pids["carol"], signal.SIGKILL)
    await all_hear(stay, {"alice", "bob"})
    for name in ("carol", "gus"):
        ended = await callers.state(calls[name], lambda call: call.state == "ended", 12)
        assert (ended.end_reason, ended.end_cause) == ("failed", "worker_lost")
    assert time.monotonic() - died < 12
    assert len((await room_state(cast))["members"]) == 2
    await all_hear(stay, {"alice", "bob"})
    # Their sound never stopped; a gap of this process's own loop counts too.
    assert max(phone.longest_gap for phone in stay.values()) < 1.0
    await close(phones)


@sync_to_async
def mute(cast: Cast, leg_id: str, verb: str) -> Any:
    answer = cast.rest.post(f"/api/rooms/board/members/{leg_id}/{verb}", None)
    assert answer.status_code == 200, answer.content


async def test_pictures_cross_the_trunk_and_members_come_and_go(
    cast: Cast, two_workers: Callable[[int], None]
) -> None:
    await make_room(cast)
    await callers.in_thread(two_workers, 1)
    phones = {"alice": Phone(TONES["alice"], grey=60), "bob": Phone(TONES["bob"], grey=180)}
    calls = await come_in(cast, phones, "alice", "bob")
    assert await pid_of(calls["alice"]) != await pid_of(calls["bob"])
    await all_hear(phones, {"alice", "bob"})
    await callers.until(lambda: shows(phones["alice"], 180) and shows(phones["bob"], 60), 15, "the pictures")

    leg = await callers.leg(calls["bob"], "caller")
    await mute(cast, leg.id, "remove")
    await callers.until(lambda: phones["alice"].hertz() is None, 8, "bob having left")
    again = {"alice": phones["alice"], "bob": Phone(TONES["bob"], grey=120)}
    await come_in(cast, again, "bob")
    await all_hear(again, {"alice", "bob"})
    await callers.until(lambda: shows(again["alice"], 120) and shows(again["bob"], 60), 15, "fresh pictures")
    await close({**phones, "again": again["bob"]})


def shows(phone: Phone, grey: int) -> bool:
    return phone.grey is not None and bool(np.isclose(phone.grey, grey, atol=25))
