"""What a script has begun comes to its end: digits are out before the next step, and a sound that a party
leaves is told as finished."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from calling import models
from calling.machine import inputs
from calling.webhooks import publish
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import KeyPhone, ended, script
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
EVENTS = 110  # the payload type of a KeyPhone's telephone-event
TOLD = "http://127.0.0.1:9/told"


def count_digits(phone: Phone) -> list[int]:
    """The first packet of each digit that reaches the phone, by its sequence number."""
    transport = phone.pc.getReceivers()[0].transport
    take, found = transport._handle_rtp_data, []

    async def noticed(data: bytes, arrival_time_ms: int) -> None:
        if data[1] == 0x80 | EVENTS:  # the marker: a digit begins
            found.append(int.from_bytes(data[2:4], "big"))
        await take(data, arrival_time_ms)

    transport._handle_rtp_data = noticed
    return found


async def test_digits_are_out_before_the_script_hangs_up(cast: Cast, worker: WorkerProcess) -> None:
    await script(cast, "keys", {"play": "silence:0.5"}, {"send_digits": "1234W5678"}, "hangup")
    alice = KeyPhone(300.0)
    call_id = await callers.dial(cast.alice, alice, "/public/keys")
    found = count_digits(alice)
    await ended(call_id)
    assert len(found) == 8
    await alice.close()


@pytest.mark.parametrize(
    ("verb", "step", "kind"),
    [
        ("play", {"url": "silence:60"}, "calling.call.play"),
        ("prompt", {"play": "silence:60"}, "calling.call.collect"),
    ],
)
async def test_a_sound_that_a_caller_leaves_is_told_as_finished(
    verb: str, step: dict[str, Any], kind: str, cast: Cast, worker: WorkerProcess
) -> None:
    await script(cast, "long", {verb: {**step, "status_url": TOLD}})
    alice = Phone(300.0)
    call_id = await callers.dial(cast.alice, alice, "/public/long")
    async with asyncio.timeout(10):
        while not await callers.in_thread(told):
            await asyncio.sleep(0.1)
    await callers.apply(call_id, inputs.Hangup())
    async with asyncio.timeout(10):
        while len(found := await callers.in_thread(told)) < 2:
            await asyncio.sleep(0.1)
    assert {each["event_type"] for each in found} == {kind}
    assert [each["params"]["state"] for each in found][1] == "finished"
    assert found[1]["params"]["reason"] == "leg_ended"
    await alice.close()


def told() -> list[dict[str, Any]]:
    publish.publish_round()
    return [json.loads(row.body) for row in models.Delivery.objects.order_by("event_id")]
