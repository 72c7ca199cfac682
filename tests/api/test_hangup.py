"""`POST /api/calls/{id}/hangup`: legal until the end, and a no-op after it."""

from __future__ import annotations

from tests.api import refusals
from tests.support import fake_worker, rest_client


def test_a_party_hangs_up(cast):
    call_id = fake_worker.talking(cast)
    call = cast.bob.rest.post(f"/api/calls/{call_id}/hangup").json()
    assert (call["state"], call["end_reason"], call["ended_by"]) == ("ended", "hangup", "callee")


def test_the_back_end_ends_the_call(cast):
    call_id = fake_worker.talking(cast)
    call = cast.rest.post(f"/api/calls/{call_id}/hangup", {}).json()
    assert (call["end_reason"], call["ended_by"]) == ("hangup", "api")


def test_a_caller_cancels_and_a_ringing_callee_rejects(cast):
    call_id = fake_worker.ringing(cast)
    assert cast.alice.rest.post(f"/api/calls/{call_id}/hangup").json()["end_reason"] == "cancelled"
    call_id = fake_worker.ringing(cast)
    assert cast.bob.rest.post(f"/api/calls/{call_id}/hangup").json()["end_reason"] == "rejected"


def test_a_hangup_of_an_ended_call_is_a_no_op(cast):
    call_id = fake_worker.talking(cast)
    first = cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    for rest in (cast.alice.rest, cast.bob.rest, cast.rest):
        again = rest.post(f"/api/calls/{call_id}/hangup")
        assert again.status_code == 200 and again.json()["ended_at"] == first.json()["ended_at"]
    assert fake_worker.event_types(call_id).count("call.ended") == 1


def test_the_wrong_people_are_refused(cast, mallory):
    call_id = fake_worker.talking(cast)
    refusals.to_strangers(cast, mallory, call_id, "hangup", {})
    rest_client.error_of(cast.rest.post(f"/api/calls/{call_id}/hangup", {"leg": "nobody"}), 422)
    rest_client.error_of(cast.alice.rest.post(f"/api/calls/{call_id}/hangup", {"leg": "callee"}), 403)


def test_whoever_calls_its_own_address_may_name_either_leg(cast):
    call_id = fake_worker.ringing(cast, "alice", "alice")
    path = f"/api/calls/{call_id}"
    answer = cast.alice.rest.post(f"{path}/answer", {"leg": "callee", "sdp": fake_worker.SDP})
    assert answer.json()["state"] == "answered"
    call = cast.alice.rest.post(f"{path}/hold", {"leg": "caller"}).json()
    assert [leg["held_by"] for leg in call["legs"]] == ["local", "remote"]
    assert cast.alice.rest.post(f"{path}/hangup", {"leg": "caller"}).json()["ended_by"] == "caller"
