"""Many requests with one key at once are one call (docs/contract.md#idempotency)."""

from __future__ import annotations

import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from calling import models
from tests.support import fake_worker, rest_client
from tests.support.people import make_cast


@pytest.mark.family
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(3600)
def test_each_key_gives_exactly_one_call_and_one_answer(figure, settings) -> None:
    settings.CALLWRIGHT_DIALS_PER_SECOND = 1_000_000
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_CLASSES": []}
    cast = make_cast()
    body = {"to": cast.bob.address, "script": fake_worker.SCRIPT}
    keys, times = figure(20, 1000), figure(10, 20)
    barriers = {number: threading.Barrier(times) for number in range(keys)}

    def dial(number: int) -> tuple[int, str]:
        barriers[number].wait(300)
        try:
            for _ in range(20):
                answer = cast.rest.post("/api/calls", body, headers={"Idempotency-Key": f"key-{number}"})
                if answer.status_code not in (409, 503):
                    break
                # more clients than connections, or than the machine can answer: told to come again
                code = answer.json()["errors"][0]["code"]
                assert code == "request_in_progress" or int(answer.headers["Retry-After"]) >= 1
            assert answer.status_code == 201, answer.content
            return number, answer.json()["id"]
        finally:
            connection.close()

    calls: dict[int, set[str]] = defaultdict(set)
    with ThreadPoolExecutor(times) as pool:
        for number, call_id in pool.map(dial, [key for key in range(keys) for _ in range(times)]):
            calls[number].add(call_id)
    print(f"{keys} keys x {times} at once: {models.Call.objects.count()} calls")
    assert all(len(made) == 1 for made in calls.values())
    assert models.Call.objects.count() == keys == len(calls)


@pytest.mark.django_db
def test_the_same_key_with_another_body_is_422() -> None:
    cast = make_cast()
    key = {"Idempotency-Key": "k"}
    body = {"to": cast.bob.address, "script": fake_worker.SCRIPT}
    first = cast.rest.post("/api/calls", body, headers=key)
    again = cast.rest.post("/api/calls", body, headers=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    other = cast.rest.post("/api/calls", {**body, "to": cast.alice.address}, headers=key)
    assert rest_client.error_of(other, 422)["code"] == "idempotency_key_reused"
