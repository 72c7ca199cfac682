"""`calling.transfer`, `calling.disconnect` and `calling.refer`: who is taken where."""

from __future__ import annotations

from calling.models import ScriptRun
from tests.signalwire.calling_api.conftest import SWML, refusal, to_strangers
from tests.support import fake_worker

REFER = {"type": "sip", "params": {"to": "sip:someone@example.com"}}


def test_the_answered_party_is_connected_to_an_address(calling, cast, answered):
    fake_worker.online(cast.carol)
    calling.transfer(answered, dest="/private/carol")
    call = fake_worker.call_of(answered)
    assert call.transfer is not None and call.transfer.waiting == fake_worker.leg_of(answered, "callee").id
    answer = cast.carol.rest.post(f"/api/calls/{answered}/answer", {"sdp": fake_worker.SDP})
    assert answer.status_code == 200, answer.content
    assert fake_worker.event_types(answered)[-1] == "call.transferred"
    # What is left of the call is bob and carol; parting them ends it, for no script is there any more.
    assert calling.disconnect(answered)["status"] == "ended"


def test_a_caller_is_taken_away_from_its_callee(calling, cast):
    call_id = fake_worker.talking(cast)
    calling.transfer(call_id, dest="/public/echo")
    assert fake_worker.leg_of(call_id, "caller").answered
    assert fake_worker.leg_of(call_id, "callee").end_reason == "transferred"
    assert fake_worker.leg_of(call_id, "target").address == "/public/echo"


def test_a_destination_may_be_a_script(calling, answered):
    calling.transfer(answered, dest=SWML)
    assert ScriptRun.objects.filter(call_id=answered, document=SWML, state="wanted").count() == 1
    calling.transfer(answered, dest="version: 1.0.0\nsections:\n  main:\n    - hangup\n")
    calling.transfer(answered, dest='{"version": "1.0.0", "sections": {"main": ["hangup"]}}')
    calling.transfer(answered, dest="http://127.0.0.1:9/swml")
    assert ScriptRun.objects.filter(call_id=answered).exclude(state="ended").get().url.endswith("/swml")


def test_wrong_destinations_and_people_are_refused(calling, stranger, post, cast, answered):
    for dest in ("nonsense", 7, [], "", {"sections": {"main": [{"dance": 1}]}}, "{broken", "x" * 400):
        error = refusal(422, calling.transfer, answered, dest=dest)
        assert error["attribute"] in ("dest", "to"), error
    refusal(404, calling.transfer, answered, dest="/private/nobody")
    to_strangers(stranger, post, "transfer", answered, dest="/private/carol")
    to_strangers(stranger, post, "disconnect", answered)
    to_strangers(stranger, post, "refer", answered, device=REFER)
    calling.end(answered)
    for act, words in ((calling.transfer, {"dest": "/private/carol"}), (calling.disconnect, {})):
        assert "ended" in refusal(409, act, answered, **words)["message"]


def test_disconnecting_needs_company(calling, cast, answered):
    assert refusal(409, calling.disconnect, answered)["code"] == "not_allowed"


def test_only_a_sip_party_can_be_referred(calling, answered):
    error = refusal(422, calling.refer, answered, device=REFER)
    assert error["code"] == "not_supported" and "calling.refer" in error["message"]
    for device in (7, {}, {"type": "phone", "params": {}}, {"type": "sip"}):
        assert refusal(422, calling.refer, answered, device=device)["attribute"] == "device"
