"""`play say record collect stream` and what their owner wants of them later."""

from __future__ import annotations

import pytest

from calling.commands import operations
from tests.support import fake_worker, rest_client

BODIES = {
    "play": {"play": [{"type": "tts", "params": {"text": "hello"}}]},
    "say": {"text": "hello"},
    "record": {"format": "mp3", "stereo": True},
    "collect": {"digits": {"max": 4, "terminators": "#"}},
    "stream": {"url": "wss://example.com/socket"},
}
WRONG = {
    "play": [{}, {"play": []}, {"play": [{"type": "film"}]}, {"play": [7]}, {"url": "file:///etc/passwd"},
             {"play": [{"type": "audio", "params": {"url": "rtmp://x"}}]}, {"url": "silence:x"},
             {"play": BODIES["play"]["play"], "volume": 99}, {"play": [{"type": "silence"}]}],
    "say": [{}, {"text": ""}, {"text": 7}, {"text": "x" * 6000}, {"text": "x", "loop": -1}],
    "record": [{"format": "exe"}, {"stereo": "yes"}, {"max_length": 0}, {"terminators": "xyz"},
               {"record": 1}],
    "collect": [{"digits": {"max": 0}}, {"digits": 7}, {"initial_timeout": -1}],
    "stream": [{}, {"url": "https://example.com"}, {"url": "wss://e.com", "custom_parameters": {"a": 1}}],
}  # fmt: skip


@pytest.mark.parametrize("verb", BODIES)
def test_an_operation_is_asked_for_under_its_control_id(cast, verb):
    call_id = fake_worker.talking(cast)
    body = {**BODIES[verb], "control_id": "c-1", "leg": "callee"}
    made = cast.rest.post(f"/api/calls/{call_id}/{verb}", body)
    assert made.status_code == 200, made.content
    found = made.json()
    assert (found["control_id"], found["verb"], found["state"]) == ("c-1", verb, "wanted")
    assert found["leg_id"] == fake_worker.leg_of(call_id, "callee").id and found["call_id"] == call_id
    rest_client.error_of(cast.rest.post(f"/api/calls/{call_id}/{verb}", body), 409)
    operations.changed(found["id"], "finished", "finished", {})
    assert fake_worker.event_types(call_id)[-1] == f"{verb}.finished"
    assert cast.rest.post(f"/api/calls/{call_id}/{verb}", body).status_code == 200


def test_what_is_missing_is_said_once(cast):
    call_id = fake_worker.talking(cast)
    for verb, field in (("play", "play"), ("say", "text"), ("stream", "url")):
        answer = cast.rest.post(f"/api/calls/{call_id}/{verb}", {"leg": "caller"})
        found = [(each["code"], each["attribute"]) for each in answer.json()["errors"]]
        assert found == [("missing_required_parameter", field)]


def test_a_record_without_a_leg_takes_all(cast):
    call_id = fake_worker.talking(cast)
    made = cast.rest.post(f"/api/calls/{call_id}/record", {})
    assert made.json()["leg_id"] is None and made.json()["control_id"]


@pytest.mark.parametrize("verb", BODIES)
def test_wrong_fields_people_and_moments_are_refused(cast, mallory, verb):
    call_id = fake_worker.talking(cast)
    path = f"/api/calls/{call_id}/{verb}"
    for body in WRONG[verb]:
        rest_client.error_of(cast.rest.post(path, {**body, "leg": "caller"}), 422)
    rest_client.error_of(cast.rest.post(path, {**BODIES[verb], "leg": "caller", "control_id": "a b/c"}), 422)
    if verb != "record":
        assert rest_client.error_of(cast.rest.post(path, BODIES[verb]), 422)["code"] == "leg_required"
    rest_client.error_of(cast.alice.rest.post(path, BODIES[verb]), 403)
    rest_client.error_of(rest_client.client().post(path, BODIES[verb]), 401)
    rest_client.error_of(mallory.rest.post(path, {**BODIES[verb], "leg": "caller"}), 404)
    ringing = fake_worker.ringing(cast)
    rest_client.error_of(
        cast.rest.post(f"/api/calls/{ringing}/{verb}", {**BODIES[verb], "leg": "callee"}), 409
    )
    cast.rest.post(f"/api/calls/{call_id}/hangup")
    rest_client.error_of(cast.rest.post(path, {**BODIES[verb], "leg": "caller"}), 409)


def test_an_owner_may_pause_resume_turn_down_and_stop(cast, mallory):
    call_id = fake_worker.talking(cast)
    cast.rest.post(f"/api/calls/{call_id}/play", {**BODIES["play"], "leg": "caller", "control_id": "p"})
    path = f"/api/calls/{call_id}/play/p"
    for wish, body in [("pause", {}), ("resume", {}), ("volume", {"volume": -6}), ("stop", {})]:
        assert cast.rest.post(f"{path}/{wish}", body).status_code == 200
    for body in ({}, {"volume": 41}, {"volume": "loud"}):
        rest_client.error_of(cast.rest.post(f"{path}/volume", body), 422)
    rest_client.error_of(cast.rest.post(f"/api/calls/{call_id}/play/other/stop"), 404)
    rest_client.error_of(cast.rest.post(f"/api/calls/{call_id}/collect/p/volume"), 404)
    rest_client.error_of(cast.rest.post(f"{path}/explode"), 404)
    rest_client.error_of(cast.alice.rest.post(f"{path}/stop"), 403)
    rest_client.error_of(mallory.rest.post(f"{path}/stop"), 404)
    rest_client.error_of(rest_client.client().post(f"{path}/stop"), 401)


@pytest.mark.parametrize("control_id", ["a b", "a/b", "ü", "a\tb"])
def test_a_wrong_control_id_is_told_in_words(cast, control_id):
    call_id = fake_worker.talking(cast)
    body = {"leg": "callee", "control_id": control_id, "text": "Hello"}
    error = rest_client.error_of(cast.rest.post(f"/api/calls/{call_id}/say", body), 422)
    words = "control_id must be 1 to 100 ASCII characters without spaces and slashes."
    assert (error["attribute"], error["message"]) == ("control_id", words)
