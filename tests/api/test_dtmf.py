"""`POST /api/calls/{id}/dtmf`."""

from __future__ import annotations

from calling import models
from tests import stage
from tests.api import refusals

BODY = {"digits": "12w#A"}


def test_digits_are_handed_to_the_worker_and_told_one_by_one(cast):
    call_id = stage.talking(cast)
    assert cast.alice.rest.post(f"/api/calls/{call_id}/dtmf", BODY).status_code == 200
    assert stage.event_types(call_id).count("call.dtmf") == 4
    assert models.Operation.objects.get(verb="digits").params == {"digits": "12w#A"}


def test_the_wrong_people_fields_and_moments_are_refused(cast, mallory):
    refusals.while_ringing(cast, stage.ringing(cast), "dtmf", BODY)
    call_id = stage.talking(cast)
    refusals.to_strangers(cast, mallory, call_id, "dtmf", BODY)
    refusals.wrong_leg(cast, call_id, "dtmf", BODY)
    for digits in (None, "", "12x", "1" * 65, 12, "１"):
        answer = cast.alice.rest.post(f"/api/calls/{call_id}/dtmf", {"digits": digits})
        assert stage.error_of(answer, 422)["attribute"] == "digits"
    refusals.after_the_end(cast, call_id, "dtmf", BODY)
