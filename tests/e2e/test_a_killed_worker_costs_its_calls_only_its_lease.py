"""`kill -9` of a media worker: its calls end `worker_lost` once, in time; the others go on."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from uuid import UUID

import pytest

from calling import models
from calling.sweep import Rounds, sweep_sessions
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timing,
    pytest.mark.sample(2),
]


def endings(call_id: str) -> int:
    return models.Event.objects.filter(call_id=UUID(call_id), type="call.ended").count()


def worker_of(call_id: str, workers: list[WorkerProcess]) -> WorkerProcess:
    pid = models.MediaSession.objects.get(calls__id=UUID(call_id)).worker.pid  # type: ignore[union-attr]
    return next(worker for worker in workers if worker.pid == pid)


async def test_calls_of_a_killed_worker_end_within_eight_seconds_exactly_once(
    cast: Cast, start_worker: Callable[..., WorkerProcess], sweep: subprocess.Popen[bytes]
) -> None:
    workers = [await callers.in_thread(start_worker), await callers.in_thread(start_worker)]
    phones: dict[str, Phone] = {}
    homes: dict[str, WorkerProcess] = {}
    while len(phones) < 6 and len(set(homes.values())) < 2:
        phone = Phone(440.0)
        call_id = await callers.dial(cast.alice, phone, "/public/echo")
        phones[call_id] = phone
        homes[call_id] = await callers.in_thread(worker_of, call_id, workers)
    victim = next(iter(homes.values()))
    victim.signal(signal.SIGKILL)
    killed = time.monotonic()
    for call_id, home in homes.items():
        if home is victim:
            call = await callers.state(call_id, lambda call: call.state == "ended", 9)
            assert time.monotonic() - killed < 8.5
            assert (call.end_reason, call.end_cause) == ("failed", "worker_lost")
            assert await callers.in_thread(endings, call_id) == 1
        else:
            assert (await callers.snapshot(call_id)).state == "answered"
            await callers.hears(phones[call_id], 440.0)
    for phone in phones.values():
        await phone.close()


def test_after_an_outage_of_postgresql_leases_count_again_only_after_their_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Rounds, "last", time.monotonic() - 30)
    monkeypatch.setattr(Rounds, "quiet_until", 0.0)
    assert not Rounds.leases_count()
    assert not Rounds.leases_count()
    monkeypatch.setattr(Rounds, "quiet_until", 0.0)
    assert Rounds.leases_count()
    sweep_sessions()


def test_a_sweep_that_starts_does_not_believe_leases_from_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rounds, "last", None)
    monkeypatch.setattr(Rounds, "quiet_until", 0.0)
    Rounds.begin()
    assert not Rounds.leases_count()
    monkeypatch.setattr(Rounds, "quiet_until", 0.0)
    assert Rounds.leases_count()
