"""What a script records until its call ends is told with its link, though no call is left by then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from calling import models
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import ended, script
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


async def test_its_end_is_told_with_its_link(cast: Cast, worker: WorkerProcess) -> None:
    await script(cast, "tape", {"record_call": {"control_id": "tape"}}, {"play": "silence:1"}, "hangup")
    alice = Phone(300.0)
    call_id = await callers.dial(cast.alice, alice, "/public/tape")
    await ended(call_id)
    async with asyncio.timeout(10):
        while not (found := await callers.in_thread(told, call_id)):
            await asyncio.sleep(0.1)
    assert found[0]["control_id"] == "tape" and "/download?signature=" in found[0]["url"]
    await alice.close()


def told(call_id: str) -> list[dict[str, Any]]:
    events = models.Event.objects.filter(call_id=call_id, type="record.finished")
    return [dict(event.data) for event in events]
