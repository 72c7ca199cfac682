"""The status_urls of a script's steps: one endpoint for a step that comes again, a hundred in a call."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.calls import status_urls
from tests.e2e import callers
from tests.e2e.test_every_kind_of_step_on_a_real_call import told
from tests.e2e.test_scripts_talk_to_callers import ended, run_of, script
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
TOLD = "http://127.0.0.1:9/told"


def play(**query: Any) -> dict[str, Any]:
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return {"play": {"url": "silence:0.02", "status_url": f"{TOLD}?{words}"}}


async def called(cast: Cast, *steps: Any) -> str:
    await script(cast, "loop", *steps)
    alice = Phone(300.0)
    call_id = await callers.dial(cast.alice, alice, "/public/loop")
    await ended(call_id, 40)
    await alice.close()
    return call_id


async def test_a_step_that_comes_again_is_told_through_one_endpoint(
    cast: Cast, worker: WorkerProcess
) -> None:
    call_id = await called(cast, {"label": "a"}, play(n=1), {"goto": {"label": "a", "max": 2}}, "hangup")
    assert (await run_of(call_id)).error == ""
    states = [each["params"]["state"] for each in await callers.in_thread(told, f"{TOLD}?n=1")]
    assert states == ["playing", "finished"] * 3
    assert await callers.in_thread(models.WebhookEndpoint.objects.count) == 1


async def test_the_hundred_and_first_ends_the_script(cast: Cast, worker: WorkerProcess) -> None:
    call_id = await called(cast, *(play(n=n) for n in range(status_urls.MOST + 1)), "hangup")
    assert "status_urls" in (await run_of(call_id)).error
    assert await callers.in_thread(models.WebhookEndpoint.objects.count) == status_urls.MOST
