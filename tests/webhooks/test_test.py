"""POST /api/webhooks/{id}/test."""

from __future__ import annotations

from standardwebhooks import Webhook

from tests.support import rest_client
from tests.webhooks.conftest import emit_event, make_hook, turn_all
from tests.webhooks.refusals import to_strangers


def test_something_signed_comes_to_this_endpoint_alone_whatever_its_filter(cast, receivers) -> None:
    mine, other = receivers(), receivers()
    hook = make_hook(cast, mine.url, ["call.ended"])
    make_hook(cast, other.url, ["*"])
    answer = cast.rest.post(f"/api/webhooks/{hook['id']}/test")
    assert answer.status_code == 202 and answer.json()["trigger"] == "test"
    turn_all()
    (got,) = mine.got
    assert Webhook(hook["secret"]).verify(got.body, got.headers)["type"] == "webhook.test"
    assert got.id == answer.json()["event_id"] and other.got == []


def test_a_test_is_no_event_of_the_log_and_comes_once(cast, hook, receiver) -> None:
    cast.rest.post(f"/api/webhooks/{hook['id']}/test")
    turn_all()
    assert len(receiver.got) == 1
    assert cast.rest.get("/api/events").json()["data"] == []


def test_a_test_does_not_wait_behind_a_failing_delivery(cast, receivers) -> None:
    failing = receivers(lambda number, headers, body: 200 if b"webhook.test" in body else 500)
    hook = make_hook(cast, failing.url)
    emit_event(cast)
    turn_all()
    cast.rest.post(f"/api/webhooks/{hook['id']}/test")
    turn_all()
    assert failing.got[-1].json["type"] == "webhook.test"


def test_a_disabled_endpoint_is_409(cast, hook) -> None:
    cast.rest.patch(f"/api/webhooks/{hook['id']}", {"enabled": False})
    error = rest_client.error_of(cast.rest.post(f"/api/webhooks/{hook['id']}/test"), 409)
    assert error["code"] == "not_allowed"


def test_strangers_are_refused(cast, mallory, hook) -> None:
    to_strangers(cast, mallory, "post", f"/api/webhooks/{hook['id']}/test")
