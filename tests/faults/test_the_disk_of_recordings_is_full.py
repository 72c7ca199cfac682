"""A disk without room: the recording fails and says so, the call goes on, and the next one is kept whole."""

from __future__ import annotations

import resource
from uuid import UUID

import pytest

from calling import models
from calling.commands import operations
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
ROOM = 150_000  # bytes that a file of the worker may have: two seconds or so


def told(call_id: str, control_id: str) -> list[str]:
    rows = models.Event.objects.filter(call_id=UUID(call_id), type__startswith="record.").order_by("sequence")
    return [row.type for row in rows if row.data.get("control_id") == control_id]


def recorded(control_id: str) -> models.Recording:
    return models.Recording.objects.get(control_id=control_id)


async def wait_told(call_id: str, control_id: str, last: str) -> None:
    for _ in range(150):
        if last in (await callers.in_thread(told, call_id, control_id))[-1:]:
            return
        await callers.pause(0.1)
    raise AssertionError(await callers.in_thread(told, call_id, control_id))


async def test_a_recording_without_room_fails_alone(cast: Cast, worker: WorkerProcess) -> None:
    phone = Phone(440.0)
    call_id = await callers.dial(cast.alice, phone, "/public/echo")
    await callers.hears(phone, 440.0)
    caller = await callers.leg(call_id, "caller")
    _, hard = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
    await callers.in_thread(operations.operate, call_id, caller.id, "record", "full", {"format": "wav"})
    await wait_told(call_id, "full", "record.failed")
    assert (await callers.in_thread(recorded, "full")).state in ("failed", "partial")
    await callers.hears(phone, 440.0)
    assert (await callers.snapshot(call_id)).state == "answered"

    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (hard, hard))
    await callers.in_thread(operations.operate, call_id, caller.id, "record", "room", {"format": "wav"})
    await wait_told(call_id, "room", "record.started")
    await callers.pause(1)
    await callers.in_thread(operations.control_operation, call_id, "record", "room", "stop")
    await wait_told(call_id, "room", "record.finished")
    whole = await callers.in_thread(recorded, "room")
    assert whole.state == "finished" and whole.duration_ms >= 800
    await callers.apply(call_id, inputs.Hangup())
    await phone.close()
