"""The compatibility route with which a voice bot ends its call."""

from __future__ import annotations

from rest_framework.test import APIClient

from calling.calls import queries
from tests.support.fake_worker import talking
from tests.support.people import Cast, make_mallory
from tests.support.rest_client import basic, client

FORM = "application/x-www-form-urlencoded"


def end(rest: APIClient, account: object, call_id: str, body: str = "Status=completed") -> tuple[int, object]:
    path = f"/2010-04-01/Accounts/{account}/Calls/{call_id}.json"
    answer = rest.generic("POST", path, body, content_type=FORM)
    return answer.status_code, answer.json()


def test_a_bot_ends_its_call_once(cast: Cast) -> None:
    call_id = talking(cast)
    status, body = end(cast.rest, cast.project.id, call_id)
    assert status == 200 and body["status"] == "completed"  # type: ignore[index]
    assert queries.snapshot(call_id).state == "ended"
    status, body = end(cast.rest, cast.project.id, call_id)
    assert status == 404 and body["code"] == 20404  # type: ignore[index]


def test_strangers_and_nonsense_end_nothing(cast: Cast) -> None:
    call_id = talking(cast)
    other = make_mallory()
    stranger = client(basic(other.project.id, other.api_token))
    assert end(stranger, other.project.id, call_id)[0] == 404
    assert end(stranger, cast.project.id, call_id)[0] == 404
    assert end(client(), cast.project.id, call_id)[0] == 401
    assert end(cast.alice.rest, cast.project.id, call_id)[0] == 403
    assert end(cast.rest, cast.project.id, call_id, "Status=ringing")[0] == 422
    assert end(cast.rest, cast.project.id, "not-a-call")[0] == 404
    assert queries.snapshot(call_id).state == "answered"
