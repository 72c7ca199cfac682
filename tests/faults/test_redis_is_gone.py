"""Redis away: calls go on, commands work, nothing is lost; a dial is told 503 before anything is written."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from uuid import UUID

import pytest

from calling import models
from tests.e2e import callers
from tests.e2e.relay import Relay
from tests.e2e.workers import WorkerProcess
from tests.faults.web_client import ask
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timing]


def unpublished() -> int:
    return models.Event.objects.filter(position=None).count()


def sequences(call_id: str) -> list[int]:
    rows = models.Event.objects.filter(call_id=UUID(call_id)).order_by("sequence")
    return [row.sequence or 0 for row in rows]


async def test_an_outage_of_redis_drops_no_call_and_loses_no_event(
    cast: Cast,
    web: Callable[..., tuple[subprocess.Popen[bytes], int]],
    start_worker: Callable[..., WorkerProcess],
    sweep: Callable[..., subprocess.Popen[bytes]],
    figure: Callable[[int, int], int],
) -> None:
    outage = figure(6, 60)
    with Relay(os.environ["REDIS_URL"]) as redis:
        worker = await callers.in_thread(start_worker, REDIS_URL=redis.url)
        server, port = await callers.in_thread(web, REDIS_URL=redis.url)
        sweeps = sweep(REDIS_URL=redis.url)
        bearer = f"Bearer {cast.alice.token}"

        async def over_http(method: str, path: str, body: object = None) -> object:
            return await callers.asyncio.to_thread(ask, port, bearer, method, path, body)

        phones, calls = [Phone(440.0) for _ in range(3)], []
        for phone in phones:
            answer = await over_http("POST", "/api/calls", {"to": "/public/echo", "sdp": await phone.offer()})
            assert answer.status == 201
            calls.append(answer.body["id"])
            await callers.take_answer(calls[-1], phone, "caller")
            await callers.hears(phone, 440.0)

        redis.cut()
        cut = time.monotonic()
        for phone in phones:
            phone.longest_gap = 0.0
        spare = Phone(440.0)
        offer = await spare.offer()
        before = await callers.in_thread(models.Call.objects.count)
        refused = await over_http("POST", "/api/calls", {"to": "/public/echo", "sdp": offer})
        assert refused.status == 503 and int(refused.headers["retry-after"]) >= 1
        assert await callers.in_thread(models.Call.objects.count) == before

        asked = time.monotonic()
        answer = await over_http("POST", f"/api/calls/{calls[0]}/hangup", {})
        assert answer.status == 200 and answer.body["state"] == "ended"
        await callers.until(lambda: phones[0].pc.connectionState in ("closed", "failed"), 3, "the hangup")
        print(f"REST hangup without Redis: media gone after {time.monotonic() - asked:.2f} s")
        while time.monotonic() - cut < outage:
            await callers.pause(0.2)
            assert all(phone.hears(440.0) for phone in phones[1:])
        gap = max(phone.longest_gap for phone in phones[1:])
        assert all(process.poll() is None for process in (server, sweeps, worker.process))

        redis.mend()
        mended = time.monotonic()
        while (
            answer := await over_http("POST", "/api/calls", {"to": "/public/echo", "sdp": offer})
        ).status != 201:
            assert answer.status == 503 and time.monotonic() - mended < 10
            await callers.pause(0.2)
        await callers.take_answer(answer.body["id"], spare, "caller")
        await callers.hears(spare, 440.0)
        print(f"Redis back: full service after {time.monotonic() - mended:.2f} s; gap {gap * 1000:.0f} ms")
        assert time.monotonic() - mended < 10
        for call_id in [*calls[1:], answer.body["id"]]:
            assert (await over_http("POST", f"/api/calls/{call_id}/hangup", {})).status == 200
        ended = time.monotonic()
        while await callers.in_thread(unpublished):
            assert time.monotonic() - ended < 10
            await callers.pause(0.1)
        for call_id in calls:
            numbers = await callers.in_thread(sequences, call_id)
            assert numbers == list(range(1, len(numbers) + 1))
        for phone in [*phones, spare]:
            await phone.close()
