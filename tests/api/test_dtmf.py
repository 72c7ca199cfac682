"""`POST /api/calls/{id}/dtmf`."""

from __future__ import annotations

from django.utils import timezone

from calling import models
from tests.api import refusals
from tests.support import fake_worker, rest_client

BODY = {"digits": "12w#A"}


def test_digits_are_handed_to_the_worker_and_told_one_by_one(cast):
    call_id = fake_worker.talking(cast)
    assert cast.alice.rest.post(f"/api/calls/{call_id}/dtmf", BODY).status_code == 200
    assert fake_worker.event_types(call_id).count("call.dtmf") == 4
    assert models.Operation.objects.get(verb="digits").params == {"digits": "12w#A"}


def test_the_wrong_people_fields_and_moments_are_refused(cast, mallory):
    refusals.while_ringing(cast, fake_worker.ringing(cast), "dtmf", BODY)
    call_id = fake_worker.talking(cast)
    refusals.to_strangers(cast, mallory, call_id, "dtmf", BODY)
    refusals.wrong_leg(cast, call_id, "dtmf", BODY)
    for digits in (None, "", "12x", "1" * 65, 12, "１"):
        answer = cast.alice.rest.post(f"/api/calls/{call_id}/dtmf", {"digits": digits})
        assert rest_client.error_of(answer, 422)["attribute"] == "digits"
    refusals.after_the_end(cast, call_id, "dtmf", BODY)


def test_a_side_that_takes_no_digits_is_said_to_be_one(cast):
    call_id = fake_worker.talking(cast)
    callee = models.Leg.objects.get(call_id=call_id, role="callee")
    callee.codec = {"audio": "sendonly", "video": "inactive", "codec": "pcmu", "digits": None}
    callee.save()
    answer = cast.alice.rest.post(f"/api/calls/{call_id}/dtmf", BODY)
    assert rest_client.error_of(answer, 409)["code"] == "no_way_for_digits"
    assert "call.dtmf" not in fake_worker.event_types(call_id) and not models.Operation.objects.exists()
    row = models.SipDialog.objects.create(
        id=callee.id, call_id=call_id, leg_id=callee.id, edge=callee.id, takes_info=True,
        direction="in", lease_until=timezone.now(),
    )  # fmt: skip
    assert cast.alice.rest.post(f"/api/calls/{call_id}/dtmf", BODY).status_code == 200
    row.delete()
    for way in ("events", "tones"):
        callee.codec["digits"] = way
        callee.save()
        assert cast.alice.rest.post(f"/api/calls/{call_id}/dtmf", BODY).status_code == 200
