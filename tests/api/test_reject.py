"""`POST /api/calls/{id}/reject`: over REST the whole leg."""

from __future__ import annotations

import pytest

from tests.api import refusals
from tests.support import fake_worker, rest_client


@pytest.mark.parametrize("reason", [None, "rejected", "busy"])
def test_the_whole_leg_is_rejected(cast, reason):
    call_id = fake_worker.ringing(cast)
    fake_worker.online(cast.bob)
    call = cast.bob.rest.post(f"/api/calls/{call_id}/reject", {"reason": reason}).json()
    assert (call["state"], call["end_reason"], call["ended_by"]) == ("ended", reason or "rejected", "callee")


def test_an_api_key_rejects_for_the_ringing_leg(cast):
    call_id = fake_worker.ringing(cast)
    assert cast.rest.post(f"/api/calls/{call_id}/reject", {}).json()["end_reason"] == "rejected"


def test_the_wrong_people_fields_and_moments_are_refused(cast, mallory):
    call_id = fake_worker.ringing(cast)
    refusals.to_strangers(cast, mallory, call_id, "reject", {})
    for reason in ("tired", 7, ""):
        answer = cast.bob.rest.post(f"/api/calls/{call_id}/reject", {"reason": reason})
        assert rest_client.error_of(answer, 422)["attribute"] == "reason"
    rest_client.error_of(cast.alice.rest.post(f"/api/calls/{call_id}/reject"), 409)
    talking = fake_worker.talking(cast)
    rest_client.error_of(cast.bob.rest.post(f"/api/calls/{talking}/reject"), 409)
    refusals.after_the_end(cast, talking, "reject", {})
