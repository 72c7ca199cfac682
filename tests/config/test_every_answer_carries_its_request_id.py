"""`X-Request-Id`: the caller's own where it will do, else a new one; the same in every error and log line."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import MutableMapping
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from config.logs import JsonLine
from config.web.body_limits import BoundedHttp, Receive, Send
from config.web.request_ids import RequestIds
from rest import request_ids
from tests.support.people import make_cast


@pytest.mark.parametrize("own", ["a", "A-Z_0.9", "x" * 128])
def test_the_callers_own_id_comes_back(own: str) -> None:
    assert Client().get("/healthz", headers={"X-Request-Id": own})["X-Request-Id"] == own


@pytest.mark.parametrize("other", ["", "x" * 129, "two words", "é", "a/b", "a\tb", "<script>"])
def test_what_is_no_id_is_replaced_by_a_new_one(other: str) -> None:
    found = Client().get("/healthz", headers={"X-Request-Id": other})["X-Request-Id"]
    assert found != other and len(found) == 32


def test_two_requests_have_two_ids() -> None:
    assert Client().get("/healthz")["X-Request-Id"] != Client().get("/healthz")["X-Request-Id"]


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/nowhere", "", 404),
        ("GET", "/api/nowhere/at/all", "", 404),
        ("POST", "/healthz", "", 405),
        ("POST", "/api/docs", "", 405),
        ("DELETE", "/api/docs", "", 405),
        ("PUT", "/static/callwright.js", "", 405),
        ("GET", "/api/calls", "", 401),
        ("POST", "/api/calls", "x" * 300_000, 413),
        ("POST", "/api/fabric/embeds/tokens", "{", 400),
    ],
)
def test_every_error_says_the_id_of_its_answer(method: str, path: str, sent: str, status: int) -> None:
    answer = Client().generic(method, path, sent, content_type="application/json")
    assert answer.status_code == status, answer.content
    (error,) = answer.json()["errors"]
    assert error["request_id"] == answer["X-Request-Id"]


def key_of_a_project() -> str:
    """`Authorization` of a back end: answers are kept for those who show credentials alone."""
    cast = make_cast()
    return "Basic " + base64.b64encode(f"{cast.project.id}:{cast.api_token}".encode()).decode()


def test_an_error_of_middleware_and_a_part_that_is_away_say_it_too(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("subscribers.idempotency._claim", away)
    answer = Client().post(
        "/api/fabric/guests/tokens",
        "{}",
        content_type="application/json",
        headers={"Idempotency-Key": "k", "Authorization": key_of_a_project()},
    )
    assert answer.status_code == 503 and answer["Retry-After"]
    assert answer.json()["errors"][0]["request_id"] == answer["X-Request-Id"]


def test_an_error_that_is_given_again_says_the_id_of_the_request_that_asked_again(db: None) -> None:
    client, found, key = Client(), [], key_of_a_project()
    for own in ("first", "second"):
        answer = client.post(
            "/api/fabric/guests/tokens",
            '{"allowed_addresses": 7}',
            content_type="application/json",
            headers={"Idempotency-Key": "once", "X-Request-Id": own, "Authorization": key},
        )
        assert answer.status_code == 422
        found.append(answer.json()["errors"][0]["request_id"])
    assert answer["Idempotent-Replayed"] == "true" and found == ["first", "second"]


async def test_an_answer_that_django_never_sees_has_one() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"slow", "more_body": True}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def nobody(scope: Any, receive: Receive, send: Send) -> None:
        raise AssertionError("the body never came")

    scope = {"type": "http", "headers": [(b"x-request-id", b"mine")]}
    await RequestIds(BoundedHttp(nobody, patience=0.0))(scope, receive, send)
    assert sent[0]["status"] == 408 and (b"x-request-id", b"mine") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["errors"][0]["request_id"] == "mine"


def test_a_log_line_carries_the_id_of_the_request_it_was_written_for() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "said", None, None)
    with request_ids.of("mine"):
        assert json.loads(JsonLine().format(record))["request_id"] == "mine"
    assert "request_id" not in json.loads(JsonLine().format(record))
