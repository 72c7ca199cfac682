"""`tokens.rate_limits.take` and the REST rate (docs/security.md#r18)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client, override_settings

from tests.support.people import Cast, pair_for
from tests.support.rest_client import Api, basic, bearer, code
from tokens import authentication, rate_limits


def test_of_a_thousand_at_once_exactly_the_limit_passes() -> None:
    """At so low a refill nothing comes back while the test runs."""
    bucket, passed, lock = f"test:{uuid4()}", [], threading.Lock()

    def some() -> None:
        for _ in range(50):
            wait = rate_limits.take(bucket, 0.001, 100)
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
    assert rate_limits.take(bucket, 20, 1) is None
    wait = rate_limits.take(bucket, 20, 1)
    assert wait is not None and 0 < wait <= 0.05
    time.sleep(wait + 0.005)
    assert rate_limits.take(bucket, 20, 1) is None


@pytest.fixture
def redis_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    rate_limits._script.cache_clear()
    monkeypatch.setattr(rate_limits._Alone, "buckets", {})
    monkeypatch.setattr(rate_limits._Alone, "redis_failed_at", float("-inf"))
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        yield
    rate_limits._script.cache_clear()
    rate_limits._Alone.redis_failed_at = float("-inf")


def test_without_redis_a_small_static_limit_holds(redis_away: None) -> None:
    bucket = f"test:{uuid4()}"
    passed = sum(rate_limits.take(bucket, 1, 100) is None for _ in range(200))
    assert 10 <= passed <= 15


def test_an_answer_tells_the_rate_that_it_met(house: Cast) -> None:
    with override_settings(CALLWRIGHT_REST_KEY_PER_SECOND=0.5):
        first, second = house.api.get("/api/fabric/addresses"), house.api.get("/api/fabric/addresses")
        assert told(first) == {"Limit": "1", "Remaining": "0", "Reset": "2"}
        assert second.status_code == 429 and told(second) == {"Limit": "1", "Remaining": "0", "Reset": "2"}


def test_what_is_left_counts_down_to_the_refusal(house: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(CALLWRIGHT_REST_KEY_PER_SECOND=0.01):  # too slow to refill meanwhile
        monkeypatch.setattr("tokens.rate_limits.BURST_SECONDS", 300)
        left = [told(house.api.get("/api/fabric/addresses"))["Remaining"] for _ in range(4)]
    assert left == ["2", "1", "0", "0"]


def test_an_answer_that_met_no_rate_tells_none(house: Cast) -> None:
    assert told(house.api.client.get("/healthz")) == {}


@pytest.mark.parametrize("path", ["/api/calls", "/api/fabric/addresses", "/api/keys", "/api/history"])
def test_a_refusal_of_credentials_tells_how_many_more_its_source_may_get(
    no_refill: None, house: Cast, path: str
) -> None:
    """Wrong API tokens count; what shows none, or a token that is over, is told the same limit."""
    wrong = (basic(house.id, "wrong" * 8), basic("no-id", "x"), "Bearer none", "Digest none", None)
    answers = [Api(each).get(path) for each in wrong]
    assert [answer.status_code for answer in answers] == [401] * len(wrong)
    assert [told(answer)["Limit"] for answer in answers] == ["60"] * len(wrong)
    assert {told(answer)["Remaining"] for answer in answers} == {"59"}


def test_an_embed_token_that_is_none_tells_it_too(no_refill: None, house: Cast) -> None:
    path = "/api/fabric/embeds/tokens"
    malformed = Api().post(path, {"token": "none"})
    unknown = Api().post(path, {"token": "c2c_" + "0" * 32})
    assert (malformed.status_code, unknown.status_code) == (422, 403)
    assert (told(malformed)["Remaining"], told(unknown)["Remaining"]) == ("60", "59")


def test_good_credentials_are_told_nothing_of_their_neighbours_failures(house: Cast) -> None:
    Api(basic(house.id, "wrong" * 8)).get("/api/calls")
    assert told(house.api.get("/api/calls"))["Limit"] != "60"


def test_of_several_limits_the_tightest_is_told(house: Cast) -> None:
    with override_settings(CALLWRIGHT_DIALS_PER_SECOND=3):
        dialled = house.api.post("/api/calls", {"to": "/public/nobody", "connect": "/public/echo"})
    assert dialled.status_code == 404 and told(dialled)["Limit"] == "6"


def test_without_redis_the_small_static_limit_is_told(redis_away: None, house: Cast) -> None:
    with override_settings(CALLWRIGHT_REST_KEY_PER_SECOND=100):
        assert told(house.api.get("/api/fabric/addresses"))["Limit"] == "20"


def told(answer: Any) -> dict[str, str]:
    names = ("Limit", "Remaining", "Reset")
    return {name: answer[f"RateLimit-{name}"] for name in names if answer.has_header(f"RateLimit-{name}")}


def test_what_is_put_back_can_be_taken_again_and_never_more() -> None:
    bucket = f"test:{uuid4()}"
    assert [rate_limits.take(bucket, 0.001, 2) is None for _ in range(3)] == [True, True, False]
    for _ in range(5):
        rate_limits.put_back(bucket, 0.001, 2)
    assert [rate_limits.take(bucket, 0.001, 2) is None for _ in range(3)] == [True, True, False]


def test_without_redis_what_is_put_back_can_be_taken_again(redis_away: None) -> None:
    bucket = f"test:{uuid4()}"
    assert [rate_limits.take(bucket, 0.001, 20) is None for _ in range(3)] == [True, True, False]
    rate_limits.put_back(bucket, 0.001, 20)
    assert [rate_limits.take(bucket, 0.001, 20) is None for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("", "x" * 500, False),
    ],
)
def test_a_source_is_an_address_or_what_one_ipv6_host_has(one: str, other: str, same: bool) -> None:
    assert (rate_limits.source_of(one) == rate_limits.source_of(other)) is same
    assert len(rate_limits.source_of(other)) <= 64


@pytest.fixture
def no_refill(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the tries take, none comes back meanwhile."""
    monkeypatch.setattr(authentication, "WRONG_RATE", 0.001)


def test_wrong_api_tokens_of_one_source_are_refused_unseen(
    no_refill: None, house: Cast, django_assert_num_queries: Any
) -> None:
    """The one after the burst costs no query; others, and a key that was good before, are still heard."""
    path, wrong = "/api/fabric/resources", Api(basic(house.id, "wrong" * 8))
    assert house.api.get(path).status_code == 200
    for n in range(70):
        last = Api(basic(house.id, f"{n:032}")).get(path)
        if last.status_code == 429:
            break
        assert last.status_code == 401
    assert 55 <= n <= 65 and code(last)[1] == "rate_limit_exceeded" and int(last["Retry-After"]) >= 1
    with django_assert_num_queries(0):
        assert wrong.post("/api/calls", {}, headers={"Idempotency-Key": "1"}).status_code == 429
    assert house.api.get(path).status_code == 200, "its owner, behind the same address"
    elsewhere = Api(basic(house.id, "wrong" * 8), Client(REMOTE_ADDR="203.0.113.9"))
    assert elsewhere.get(path).status_code == 401


def test_good_api_tokens_are_no_failures(house: Cast) -> None:
    for _ in range(70):
        authentication.forget_keys()
        assert house.api.get("/api/fabric/resources").status_code == 200


def test_guessed_embed_tokens_count_as_failures_too(no_refill: None, house: Cast) -> None:
    for n in range(70):
        answer = Api().post("/api/embeds/tokens", {"token": f"c2c_{n:032x}"})
        if answer.status_code == 429:
            break
        assert answer.status_code == 403
    assert n >= 55 and answer.status_code == 429


def test_too_many_requests_are_429_with_retry_after(house: Cast) -> None:
    row = house.subscriber("fast@x.example")
    api = bearer(pair_for(row).token)
    with override_settings(CALLWRIGHT_REST_HOLDER_PER_SECOND=1):
        answers = [
            api.get("/api/fabric/subscriber/info", headers={"X-Forwarded-For": f"192.0.2.{n}"})
            for n in range(4)
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert code(answers[-1])[1] == "rate_limit_exceeded" and answers[-1]["Retry-After"] == "1"
