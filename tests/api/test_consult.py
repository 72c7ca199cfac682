"""`consult`, `transfer/complete` and `transfer/cancel`: attended transfer."""

from __future__ import annotations

import pytest

from tests.api import refusals
from tests.support import fake_worker, rest_client

BODY = {"to": "/private/carol"}


@pytest.fixture
def consulting(cast):
    """alice talks with bob and has asked carol: (first call id, second call id)."""
    first = fake_worker.talking(cast)
    fake_worker.online(cast.carol)
    answer = cast.alice.rest.post(f"/api/calls/{first}/consult", {**BODY, "sdp": fake_worker.SDP})
    assert answer.status_code == 201, answer.content
    second = answer.json()
    assert answer["Location"] == f"/api/calls/{second['id']}" and second["consult_of"] == first
    fake_worker.carry(second["id"])
    return first, second["id"]


def test_the_first_call_is_held_meanwhile(cast, consulting):
    first, _ = consulting
    legs = cast.rest.get(f"/api/calls/{first}").json()["legs"]
    assert [leg["held_by"] for leg in legs] == ["local", "remote"]


@pytest.mark.parametrize("by", ["token", "key"])
def test_on_complete_the_targets_leg_moves_into_the_first_call(cast, consulting, by):
    first, second = consulting
    cast.carol.rest.post(f"/api/calls/{second}/answer", {"sdp": fake_worker.SDP})
    rest = cast.alice.rest if by == "token" else cast.rest
    assert rest.post(f"/api/calls/{first}/transfer/complete").status_code == 200
    call = cast.bob.rest.get(f"/api/calls/{first}").json()
    assert [(leg["role"], leg["state"]) for leg in call["legs"]] == [
        ("caller", "ended"), ("callee", "answered"), ("target", "answered"),
    ]  # fmt: skip
    ended = cast.rest.get(f"/api/calls/{second}").json()
    assert (ended["state"], ended["end_reason"]) == ("ended", "transferred")
    # The target may go on using the consultation's id.
    assert cast.carol.rest.post(f"/api/calls/{second}/hold").json()["id"] == first


@pytest.mark.parametrize("verb", ["transfer/complete", "transfer/cancel"])
def test_only_who_consults_decides(cast, consulting, verb):
    first, second = consulting
    cast.carol.rest.post(f"/api/calls/{second}/answer", {"sdp": fake_worker.SDP})
    for rest, call_id, body in (
        (cast.bob.rest, first, {}),  # the held party
        (cast.carol.rest, second, {}),  # the party that is consulted
        (cast.rest, first, {"leg": "callee"}),
        (cast.rest, second, {"leg": "callee"}),
    ):
        rest_client.error_of(rest.post(f"/api/calls/{call_id}/{verb}", body), 409)
    legs = cast.rest.get(f"/api/calls/{first}").json()["legs"]
    assert [leg["held_by"] for leg in legs] == ["local", "remote"]
    assert (
        cast.rest.post(f"/api/calls/{second}/{verb}").status_code == 200
    )  # a key means the one who consults


def test_cancel_resumes_the_first_call(cast, consulting):
    first, second = consulting
    assert cast.alice.rest.post(f"/api/calls/{second}/transfer/cancel").status_code == 200
    assert cast.rest.get(f"/api/calls/{second}").json()["state"] == "ended"
    legs = cast.rest.get(f"/api/calls/{first}").json()["legs"]
    assert [leg["held_by"] for leg in legs] == [None, None]


def test_without_a_consultation_there_is_nothing_to_complete_or_cancel(cast):
    call_id = fake_worker.talking(cast)
    for verb in ("transfer/complete", "transfer/cancel"):
        rest_client.error_of(cast.alice.rest.post(f"/api/calls/{call_id}/{verb}"), 409)
        rest_client.error_of(cast.rest.post(f"/api/calls/{call_id}/{verb}"), 409)


def test_a_second_consultation_is_409(cast, consulting):
    rest_client.error_of(cast.alice.rest.post(f"/api/calls/{consulting[0]}/consult", BODY), 409)


def test_the_wrong_people_fields_and_moments_are_refused(cast, mallory):
    refusals.while_ringing(cast, fake_worker.ringing(cast), "consult", BODY)
    call_id = fake_worker.talking(cast)
    refusals.wrong_leg(cast, call_id, "consult", BODY)
    path = f"/api/calls/{call_id}/consult"
    rest_client.error_of(mallory.mallory.rest.post(path, BODY), 404)
    rest_client.error_of(cast.alice.rest.post(path, {"to": "+15551234567"}), 403)
    rest_client.error_of(cast.alice.rest.post(path, {"to": "/private/nobody"}), 404)
    for body in ({}, {"to": 7}, {**BODY, "sdp": "x"}, {**BODY, "timeout": 0}):
        rest_client.error_of(cast.alice.rest.post(path, body), 422)
    for verb in ("transfer/complete", "transfer/cancel"):
        refusals.to_strangers(cast, mallory, call_id, verb, {})
    refusals.after_the_end(cast, call_id, "consult", BODY)
