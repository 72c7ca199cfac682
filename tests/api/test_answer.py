"""`POST /api/calls/{id}/answer`: a device with its SDP, or a back end with a script."""

from __future__ import annotations

from tests.api import refusals
from tests.support import fake_worker, rest_client

BODY = {"sdp": fake_worker.SDP}


def test_a_device_answers_over_rest(cast):
    call_id = fake_worker.ringing(cast)
    call = cast.bob.rest.post(f"/api/calls/{call_id}/answer", BODY).json()
    assert call["state"] == "answered" and {leg["state"] for leg in call["legs"]} == {"answered"}


def test_a_back_end_takes_the_call_with_a_script_and_devices_stop_ringing(cast):
    call_id = fake_worker.ringing(cast)
    call = cast.rest.post(f"/api/calls/{call_id}/answer", {"script": fake_worker.SCRIPT}).json()
    assert call["state"] == "answered"
    assert {a.state.value for a in fake_worker.leg_of(call_id, "callee").attempts} == {"answered_elsewhere"}


def test_the_second_answer_is_409(cast):
    call_id = fake_worker.ringing(cast)
    assert cast.bob.rest.post(f"/api/calls/{call_id}/answer", BODY).status_code == 200
    error = rest_client.error_of(cast.bob.rest.post(f"/api/calls/{call_id}/answer", BODY), 409)
    assert "answered" in error["message"]


def test_the_caller_cannot_answer_its_own_call(cast):
    call_id = fake_worker.ringing(cast)
    rest_client.error_of(cast.alice.rest.post(f"/api/calls/{call_id}/answer", BODY), 409)


def test_a_token_may_not_answer_with_a_script(cast):
    call_id = fake_worker.ringing(cast)
    rest_client.error_of(
        cast.bob.rest.post(f"/api/calls/{call_id}/answer", {"script": fake_worker.SCRIPT}), 403
    )


def test_wrong_fields_are_422(cast):
    call_id = fake_worker.ringing(cast)
    path = f"/api/calls/{call_id}/answer"
    for body in ({}, {"sdp": "v=0"}, {"sdp": 1}, {"sdp": fake_worker.SDP, "media": 1}):
        rest_client.error_of(cast.bob.rest.post(path, body), 422)
    for body in (
        {},
        {"script": []},
        {"script": fake_worker.SCRIPT, "sdp": fake_worker.SDP},
        {"script_url": "x"},
    ):
        rest_client.error_of(cast.rest.post(path, body), 422)


def test_the_wrong_people_and_moments_are_refused(cast, mallory):
    call_id = fake_worker.ringing(cast)
    refusals.to_strangers(cast, mallory, call_id, "answer", BODY)
    refusals.after_the_end(cast, call_id, "answer", BODY)
