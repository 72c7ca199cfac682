"""SIGTERM: no further session at once; live calls until the deadline or the second signal.

Proves docs/security.md#r16.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from calling import models
from tests.e2e import callers
from tests.e2e.relay import Relay, test_database
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timing,
    pytest.mark.sample(2),
]


def test_a_worker_without_calls_ends_at_once(worker: WorkerProcess) -> None:
    worker.signal(signal.SIGTERM)
    assert worker.gone_within(5) < 5
    assert models.MediaWorker.objects.count() == 0


def test_it_ends_at_once_without_its_engines_too(start_worker: Callable[..., WorkerProcess]) -> None:
    """Both engines are reached through relays that the test then cuts."""
    with Relay(os.environ["DATABASE_URL"]) as database, Relay(os.environ["REDIS_URL"]) as redis:
        worker = start_worker(DATABASE_URL=database.url_for(test_database()), REDIS_URL=redis.url)
        database.cut()
        redis.cut()
        worker.signal(signal.SIGTERM)
        assert worker.gone_within(10) < 10


async def test_a_live_call_outlasts_the_first_signal_and_ends_drained_at_the_second(
    cast: Cast, worker: WorkerProcess
) -> None:
    phone = Phone(523.0)
    call_id = await callers.dial(cast.alice, phone, "/public/echo")
    await callers.hears(phone, 523.0)
    worker.signal(signal.SIGTERM)
    for _ in range(15):
        call = await callers.snapshot(call_id)
        assert call.state == "answered"
        await callers.pause(0.1)
    assert phone.hears(523.0)
    worker.signal(signal.SIGTERM)
    call = await callers.state(call_id, lambda call: call.state == "ended", 4)
    assert (call.end_reason, call.end_cause) == ("failed", "drained")
    assert await callers.in_thread(worker.gone_within, 6) < 6
    await phone.close()


async def test_the_deadline_ends_what_is_left(cast: Cast, start_worker: Callable[..., WorkerProcess]) -> None:
    worker = await callers.in_thread(start_worker, CALLWRIGHT_DRAIN_SECONDS="1")
    phone = Phone(523.0)
    call_id = await callers.dial(cast.alice, phone, "/public/echo")
    worker.signal(signal.SIGTERM)
    call = await callers.state(call_id, lambda call: call.state == "ended", 6)
    assert call.end_cause == "drained"
    assert await callers.in_thread(worker.gone_within, 8) < 8
    await phone.close()
