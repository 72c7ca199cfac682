"""A script's `confirm` knows the call: its steps say who calls, and so does the request for its document."""

from __future__ import annotations

import json

import pytest

from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import ended, script, web
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.mark.parametrize("by", ["steps", "url"])
async def test_its_call_is_the_script_s(by: str, cast: Cast, worker: WorkerProcess) -> None:
    asking = {"sections": {"main": [{"play": "silence:0.2"}]}}
    async with web({"/who": b"{}", "/ask?who=%2Fprivate%2Falice": json.dumps(asking).encode()}) as (
        base,
        asked,
    ):
        said = {"from": "%{call.from}", "to": "%{call.to}"}
        steps = [{"request": {"url": f"{base}/who", "body": said}}]
        confirm = steps if by == "steps" else f"{base}/ask?who=%{{encodeURIComponent(call.from)}}"
        await script(cast, "screen", {"connect": {"to": "/private/bob", "confirm": confirm}}, "hangup")
        alice, bob = Phone(440.0), Phone(660.0)
        call_id = await callers.dial(cast.alice, alice, "/public/screen")
        device = await callers.come_online(cast.bob)
        await callers.pick_up(cast.bob, bob, call_id, device, "target")
        await callers.hears(alice, 660.0, 20)
        found = json.loads(asked[0][1])
        call = found if by == "steps" else found["call"]
        assert (call["from"], call["to"]) == ("/private/alice", "/private/bob")
        await callers.apply(call_id, inputs.Hangup())
        await ended(call_id)
        await alice.close()
        await bob.close()
