"""Whole calls through a Celery media worker process: who hears whom, by frequency."""

from __future__ import annotations

import pytest

from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


async def test_a_caller_of_echo_hears_its_own_tone(cast: Cast, worker: WorkerProcess) -> None:
    phone = Phone(523.0)
    call_id = await callers.dial(cast.alice, phone, "/public/echo")
    await callers.hears(phone, 523.0)
    call = await callers.state(call_id, lambda call: call.legs[0].media_state == "connected")
    assert call.state == "answered"
    await callers.apply(call_id, inputs.Hangup(call.legs[0].id))
    await phone.close()


async def test_two_devices_hear_each_other_hold_mute_and_transfer(cast: Cast, worker: WorkerProcess) -> None:
    alice, bob = Phone(440.0), Phone(660.0)
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(cast.alice, alice, "/private/bob")
    await callers.pick_up(cast.bob, bob, call_id, device)
    await callers.hears(alice, 660.0)
    await callers.hears(bob, 440.0)
    caller, callee = await callers.leg(call_id, "caller"), await callers.leg(call_id, "callee")

    await callers.apply(call_id, inputs.Hold(caller.id))
    await callers.until(lambda: bob.hertz() is not None and not bob.hears(440.0), 4, "music")
    await callers.until(lambda: alice.hertz() is None, 4, "silence of the one who holds")
    await callers.apply(call_id, inputs.Resume(caller.id))
    await callers.hears(bob, 440.0)

    await callers.apply(call_id, inputs.Mute(callee.id, frozenset({"audio"})))
    await callers.until(lambda: alice.hertz() is None, 4, "silence of the muted")
    await callers.hears(bob, 440.0)
    await callers.apply(call_id, inputs.Unmute(callee.id, frozenset({"audio"})))
    await callers.hears(alice, 660.0)

    await callers.transfer(cast.alice, call_id, caller.id, "/public/echo")
    call = await callers.state(call_id, lambda call: call.leg(caller.id).state == "ended")
    assert call.leg(caller.id).end_reason == "transferred"
    await callers.hears(bob, 660.0)
    await callers.apply(call_id, inputs.Hangup())
    await alice.close()
    await bob.close()
