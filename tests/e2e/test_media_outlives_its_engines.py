"""PostgreSQL or Redis away: sound goes on, signals wait and arrive in order, commands work by the look."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.relay import Relay, test_database
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.sample(1)]


async def test_an_outage_of_postgresql_neither_stops_sound_nor_loses_digits(
    cast: Cast, start_worker: Callable[..., WorkerProcess]
) -> None:
    alice, bob = Phone(440.0), Phone(660.0)
    with Relay(os.environ["DATABASE_URL"]) as database:
        worker = await callers.in_thread(start_worker, DATABASE_URL=database.url_for(test_database()))
        device = await callers.come_online(cast.bob)
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        await callers.pick_up(cast.bob, bob, call_id, device)
        await callers.hears(alice, 660.0)
        await callers.hears(bob, 440.0)
        database.cut()
        alice.longest_gap = 0.0
        for _ in range(40):
            await callers.pause(0.1)
            assert alice.hears(660.0)
        assert alice.longest_gap < 0.4
        assert worker.process.poll() is None
        database.mend()
        caller = await callers.leg(call_id, "caller")
        await callers.apply(call_id, inputs.Hold(caller.id))
        await callers.until(lambda: bob.hertz() is not None and not bob.hears(440.0), 6, "music")
        call = await callers.snapshot(call_id)
        assert call.state == "answered"
        await callers.apply(call_id, inputs.Hangup())
    await alice.close()
    await bob.close()


async def test_without_redis_commands_reach_the_media_within_two_seconds(
    cast: Cast, start_worker: Callable[..., WorkerProcess]
) -> None:
    phone = Phone(440.0)
    with Relay(os.environ["REDIS_URL"]) as redis:
        await callers.in_thread(start_worker, REDIS_URL=redis.url)
        call_id = await callers.dial(cast.alice, phone, "/public/echo")
        await callers.hears(phone, 440.0)
        redis.cut()
        caller = await callers.leg(call_id, "caller")
        await callers.apply(call_id, inputs.Mute(caller.id, frozenset({"audio"})))
        await callers.until(lambda: phone.hertz() is None, 3.5, "silence of the muted")
        await callers.apply(call_id, inputs.Hangup())
        await callers.until(lambda: phone.pc.connectionState in ("closed", "failed"), 6, "the end of media")
    await phone.close()
