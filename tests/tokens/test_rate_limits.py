"""`tokens.limits.take` and the REST rate (R18)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.test import override_settings

from tests.cast import House, bearer, code, pair_for
from tokens import limits


def test_of_a_thousand_at_once_exactly_the_limit_passes() -> None:
    """At so low a refill nothing comes back while the test runs."""
    bucket, passed, lock = f"test:{uuid4()}", [], threading.Lock()

    def some() -> None:
        for _ in range(50):
            wait = limits.take(bucket, 0.001, 100)
            with lock:
                passed.append(wait is None)

    threads = [threading.Thread(target=some) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(passed), sum(passed)) == (1000, 100)


def test_the_wait_is_when_the_next_token_is_there() -> None:
    bucket = f"test:{uuid4()}"
    assert limits.take(bucket, 20, 1) is None
    wait = limits.take(bucket, 20, 1)
    assert wait is not None and 0 < wait <= 0.05
    time.sleep(wait + 0.005)
    assert limits.take(bucket, 20, 1) is None


@pytest.fixture
def redis_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    limits._script.cache_clear()
    monkeypatch.setattr(limits._Alone, "buckets", {})
    monkeypatch.setattr(limits._Alone, "redis_failed_at", float("-inf"))
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        yield
    limits._script.cache_clear()
    limits._Alone.redis_failed_at = float("-inf")


def test_without_redis_a_small_static_limit_holds(redis_away: None) -> None:
    bucket = f"test:{uuid4()}"
    passed = sum(limits.take(bucket, 1, 100) is None for _ in range(200))
    assert 10 <= passed <= 15


def test_too_many_requests_are_429_with_retry_after(house: House) -> None:
    row = house.subscriber("fast@x.example")
    api = bearer(pair_for(row).token)
    with override_settings(CALLWRIGHT_REST_HOLDER_PER_SECOND=1):
        answers = [
            api.get("/api/fabric/subscriber/info", headers={"X-Forwarded-For": f"192.0.2.{n}"})
            for n in range(4)
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert code(answers[-1])[1] == "rate_limit_exceeded" and answers[-1]["Retry-After"] == "1"
