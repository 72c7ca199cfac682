"""POST /api/webhooks/{id}/deliveries/{delivery}/resend."""

from __future__ import annotations

from uuid import uuid4

from tests.support import rest_client
from tests.webhooks.conftest import deliveries, emit_event, make_hook, turn_all
from tests.webhooks.refusals import to_strangers


def test_a_delivered_event_goes_again_under_the_same_id(cast, hook, receiver) -> None:
    emit_event(cast)
    turn_all()
    (old,) = deliveries(cast, hook)
    answer = cast.rest.post(f"/api/webhooks/{hook['id']}/deliveries/{old['id']}/resend")
    assert answer.status_code == 202 and answer.json()["trigger"] == "resend"
    turn_all()
    first, second = receiver.got
    assert first.id == second.id and first.body == second.body


def test_one_that_waits_for_its_next_try_is_tried_now(cast, receivers) -> None:
    receiver = receivers(lambda number, headers, body: 500 if number == 0 else 200)
    hook = make_hook(cast, receiver.url)
    emit_event(cast)
    turn_all()
    (old,) = deliveries(cast, hook)
    answer = cast.rest.post(f"/api/webhooks/{hook['id']}/deliveries/{old['id']}/resend")
    assert answer.status_code == 202 and answer.json()["id"] == old["id"]
    turn_all()
    assert [each["status"] for each in deliveries(cast, hook)] == ["delivered"]
    assert len(receiver.got) == 2


def test_a_disabled_endpoint_is_409(cast, hook) -> None:
    emit_event(cast)
    turn_all()
    (old,) = deliveries(cast, hook)
    cast.rest.patch(f"/api/webhooks/{hook['id']}", {"enabled": False})
    rest_client.error_of(cast.rest.post(f"/api/webhooks/{hook['id']}/deliveries/{old['id']}/resend"), 409)


def test_strangers_are_refused(cast, mallory, hook) -> None:
    emit_event(cast)
    turn_all()
    (old,) = deliveries(cast, hook)
    to_strangers(cast, mallory, "post", f"/api/webhooks/{hook['id']}/deliveries/{old['id']}/resend")
    for nothing in (uuid4(), "not-an-id"):
        path = f"/api/webhooks/{hook['id']}/deliveries/{nothing}/resend"
        rest_client.error_of(cast.rest.post(path), 404)
