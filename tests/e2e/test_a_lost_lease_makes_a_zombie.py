"""Who lost its session closes its legs and writes nothing; who died is found by its lease.

Proves docs/security.md#r3.
"""

from __future__ import annotations

import signal
import time
from uuid import UUID

import pytest

from calling import models
from calling.machine import inputs
from calling.media_sessions.failover import lost_sessions
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timing,
    pytest.mark.sample(1),
]


def session_of(call_id: str) -> models.MediaSession:
    return models.MediaSession.objects.get(calls__id=UUID(call_id))


def take_over(call_id: str) -> None:
    session = session_of(call_id)
    models.MediaSession.objects.filter(pk=session.pk).update(epoch=session.epoch + 1, worker=None)


async def test_a_worker_whose_epoch_is_old_closes_its_legs_and_writes_nothing(
    cast: Cast, worker: WorkerProcess
) -> None:
    phone = Phone(440.0)
    call_id = await callers.dial(cast.alice, phone, "/public/echo")
    await callers.hears(phone, 440.0)
    before = await callers.snapshot(call_id)
    await callers.in_thread(take_over, call_id)
    await callers.until(lambda: phone.pc.connectionState in ("closed", "failed"), 6, "the end of its media")
    await callers.pause(0.5)
    after = await callers.snapshot(call_id)
    assert (after.state, after.legs) == (before.state, before.legs)
    await phone.close()


async def test_a_stopped_process_lets_its_lease_run_out_and_is_fenced_when_it_wakes(
    cast: Cast, worker: WorkerProcess
) -> None:
    phone = Phone(440.0)
    call_id = await callers.dial(cast.alice, phone, "/public/echo")
    await callers.hears(phone, 440.0)
    worker.signal(signal.SIGSTOP)
    session = await callers.in_thread(session_of, call_id)
    assert session.id not in await callers.in_thread(lost_sessions), "it has the time of a lease"
    await callers.pause(5.5)
    assert session.id in await callers.in_thread(lost_sessions)
    await callers.in_thread(take_over, call_id)
    worker.signal(signal.SIGCONT)
    started = time.monotonic()
    await callers.until(lambda: phone.pc.connectionState in ("closed", "failed"), 6, "the end of its media")
    assert time.monotonic() - started < 5
    call = await callers.snapshot(call_id)
    assert call.state == "answered"  # whoever took it over decides
    await callers.apply(call_id, inputs.Hangup())
    await phone.close()
