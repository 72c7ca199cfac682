"""A script answers its caller with whom it connects, goes on after that, and limits the call: with media."""

from __future__ import annotations

import json

import pytest

from calling import models
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import script
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timing]


async def state_of(call_id: str) -> str:
    row = await callers.in_thread(models.Call.objects.get, pk=call_id)
    return str(row.state)


async def test_the_caller_rings_until_the_other_answers_and_the_script_goes_on_after(
    cast: Cast, worker: WorkerProcess
) -> None:
    connect = {"to": "/private/bob", "timeout": 60, "answer_on_bridge": True}
    after = {"sections": {"main": [{"answer": {"max_duration": 1}}, {"sleep": -1}]}}
    connect["transfer_after_bridge"] = json.dumps(after)
    await script(cast, "bridge", {"connect": connect}, "hangup")
    alice, bob = Phone(440.0), Phone(660.0)
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(cast.alice, alice, "/public/bridge")
    assert await state_of(call_id) == "ringing"
    await callers.pick_up(cast.bob, bob, call_id, device, "target")
    await callers.hears(alice, 660.0, 20)
    await callers.hears(bob, 440.0, 20)
    assert await state_of(call_id) == "answered"
    target = await callers.leg(call_id, "target")
    await callers.apply(call_id, inputs.Hangup(target.id))
    # The document after the bridge allows the call a second from its answer: its deadline has passed.
    limited = await callers.state(call_id, lambda call: call.max_seconds == 1, 30)
    due = [timer.at for timer in limited.timers if timer.kind == "max_duration"]
    assert limited.answered_at is not None
    assert due and (due[0] - limited.answered_at).total_seconds() < 2
    await callers.apply(call_id, inputs.Hangup())
    await alice.close()
    await bob.close()
