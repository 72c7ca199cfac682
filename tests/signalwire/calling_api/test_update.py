"""`update`: another script for an answered call, or its end."""

from __future__ import annotations

from calling import models
from calling.machine.plan import make_plan
from calling.models import ScriptRun
from tests.signalwire.calling_api.conftest import SWML, refusal, to_strangers
from tests.support import fake_worker

OTHER = {"version": "1.0.0", "sections": {"main": [{"play": "say:other"}]}}


def test_another_script_takes_the_place_of_the_first(calling, answered):
    first = ScriptRun.objects.get(call_id=answered)
    made = calling.update(id=answered, swml=OTHER)
    assert made["id"] == answered and made["status"] == "answered"
    run = ScriptRun.objects.exclude(pk=first.pk).get(call_id=answered)
    assert run.document == OTHER
    first.refresh_from_db()
    assert first.state == "ended"
    (program,) = make_plan([fake_worker.call_of(answered)]).script_runs
    assert program.run_id == str(run.pk) and program.leg_id == fake_worker.leg_of(answered, "callee").id


def test_a_document_may_come_from_a_url(calling, answered):
    made = calling.update(id=answered, url="http://127.0.0.1:9/x", fallback_url="http://127.0.0.1:9/y")
    assert made["url"] == "http://127.0.0.1:9/x"
    assert ScriptRun.objects.get(url="http://127.0.0.1:9/x").fallback_url == "http://127.0.0.1:9/y"


def test_the_other_party_leaves_when_one_gets_a_script(calling, cast):
    call_id = fake_worker.talking(cast)
    calling.update(id=call_id, swml=OTHER)
    assert fake_worker.leg_of(call_id, "callee").end_reason == "transferred"
    (program,) = make_plan([fake_worker.call_of(call_id)]).script_runs
    assert program.leg_id == fake_worker.leg_of(call_id, "caller").id
    assert fake_worker.event_types(call_id)[-1] == "leg.ended"


def test_canceled_is_for_unanswered_and_completed_for_answered_calls(calling, cast, answered):
    error = refusal(409, calling.update, id=answered, status="canceled")
    assert error["code"] == "not_allowed" and "answered" in error["message"]
    assert calling.update(id=answered, status="completed")["status"] == "ended"
    assert fake_worker.call_of(answered).end_reason == "hangup"
    for words in ({"swml": OTHER}, {"status": "completed"}, {"status": "canceled"}):
        assert "ended" in refusal(409, calling.update, id=answered, **words)["message"]
    ringing = fake_worker.ringing(cast)
    for words in ({"swml": OTHER}, {"status": "completed"}):
        assert "ringing" in refusal(409, calling.update, id=ringing, **words)["message"]
    calling.update(id=ringing, status="canceled")
    assert fake_worker.call_of(ringing).end_reason == "cancelled"


def test_a_status_url_may_be_set_later(calling, answered):
    calling.update(id=answered, status_url="http://127.0.0.1:9/a")
    calling.update(id=answered, status_url="http://127.0.0.1:9/b")
    assert models.WebhookEndpoint.objects.get(call_id=answered).url == "http://127.0.0.1:9/b"


def test_wrong_fields_and_people_are_refused(calling, stranger, post, answered):
    for words, attribute in [
        ({}, "url"),
        ({"swml": SWML, "url": "http://127.0.0.1/x"}, "swml"),
        ({"swml": SWML, "status": "completed"}, "status"),
        ({"status": "sleeping"}, "status"),
        ({"url": "gopher://x"}, "url"),
        ({"swml": {"sections": {"main": [{"dance": 1}]}}}, "swml"),
        ({"status_url": "x", "status": "completed"}, "status_url"),
    ]:
        assert refusal(422, calling.update, id=answered, **words)["attribute"] == attribute
    to_strangers(stranger, post, "update", answered, status="completed")
    missing = post({"command": "update", "params": {"status": "completed"}})
    assert missing.json()["errors"][0]["attribute"] == "id"
