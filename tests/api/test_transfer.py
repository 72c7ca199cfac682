"""`POST /api/calls/{id}/transfer`: blind."""

from __future__ import annotations

from tests.api import refusals
from tests.support import fake_worker, rest_client

BODY = {"to": "/private/carol"}


def test_the_other_party_goes_to_the_target(cast):
    call_id = fake_worker.talking(cast)
    fake_worker.online(cast.carol)
    call = cast.alice.rest.post(f"/api/calls/{call_id}/transfer", BODY).json()
    assert [leg["role"] for leg in call["legs"]] == ["caller", "callee", "target"]
    assert call["legs"][2]["state"] == "ringing" and call["legs"][0]["state"] == "answered"
    call = cast.carol.rest.post(f"/api/calls/{call_id}/answer", {"sdp": fake_worker.SDP}).json()
    assert call["legs"][0]["end_reason"] == "transferred" and call["state"] == "answered"
    assert [leg["state"] for leg in call["legs"]] == ["ended", "answered", "answered"]


def test_a_transfer_to_busy_fails_and_everything_is_as_before(cast):
    call_id = fake_worker.talking(cast)
    call = cast.alice.rest.post(f"/api/calls/{call_id}/transfer", {"to": "/public/busy"}).json()
    assert [leg["state"] for leg in call["legs"]] == ["answered", "answered", "ended"]
    assert fake_worker.event_types(call_id)[-1] == "call.transfer_failed"


def test_a_second_transfer_while_one_is_pending_is_409(cast):
    call_id = fake_worker.talking(cast)
    fake_worker.online(cast.carol)
    cast.alice.rest.post(f"/api/calls/{call_id}/transfer", BODY)
    rest_client.error_of(cast.alice.rest.post(f"/api/calls/{call_id}/transfer", BODY), 409)
    rest_client.error_of(cast.alice.rest.post(f"/api/calls/{call_id}/consult", BODY), 409)


def test_scope_and_existence_are_asked_in_that_order(cast):
    call_id = fake_worker.talking(cast)
    path = f"/api/calls/{call_id}/transfer"
    rest_client.error_of(cast.alice.rest.post(path, {"to": "+15551234567"}), 403)
    rest_client.error_of(cast.alice.rest.post(path, {"to": "/private/nobody"}), 404)
    for to in (None, "", 7, "bob bob"):
        rest_client.error_of(cast.alice.rest.post(path, {"to": to}), 422)


def test_the_wrong_people_and_moments_are_refused(cast, mallory):
    refusals.while_ringing(cast, fake_worker.ringing(cast), "transfer", BODY)
    call_id = fake_worker.talking(cast)
    refusals.wrong_leg(cast, call_id, "transfer", BODY)
    rest_client.error_of(mallory.mallory.rest.post(f"/api/calls/{call_id}/transfer", BODY), 404)
    rest_client.error_of(cast.carol.rest.post(f"/api/calls/{call_id}/transfer", BODY), 404)
    refusals.after_the_end(cast, call_id, "transfer", BODY)
