"""Quality reaches whoever asks: samples over time in `GET …/stats`, a summary of each leg in `call.ended`."""

from __future__ import annotations

import json

import pytest

from calling import models
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


async def test_the_end_of_a_call_says_how_each_leg_sounded(cast: Cast, worker: WorkerProcess) -> None:
    alice, bob = Phone(440.0), Phone(660.0)
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(cast.alice, alice, "/private/bob")
    await callers.pick_up(cast.bob, bob, call_id, device)
    await callers.hears(alice, 660.0)
    await callers.pause(2.5)
    await callers.apply(call_id, inputs.Hangup())

    def ended() -> dict[str, object]:
        body = models.Event.objects.get(call_id=call_id, type="call.ended").body
        return dict(json.loads(body)["data"])

    summary = (await callers.in_thread(ended))["quality"]
    assert isinstance(summary, list) and [leg["role"] for leg in summary] == ["caller", "callee"]
    for leg in summary:
        assert leg["codec"] == "opus" and leg["seconds"] > 0 and leg["packets"] > 20
        assert leg["mos"] > 4 and leg["mos_least"] > 3 and 0 <= leg["lost"] < 5 and leg["sent"] > 20

    def samples() -> list[list[dict[str, object]]]:
        return list(models.Leg.objects.filter(call_id=call_id).values_list("stats", flat=True))

    async def written() -> bool:
        return all(len(leg) >= 2 for leg in await callers.in_thread(samples))

    for _ in range(100):  # the interval under way at the end is written after it
        if await written():
            break
        await callers.pause(0.05)
    assert await written()
    await alice.close()
    await bob.close()
