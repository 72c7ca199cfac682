"""`POST /api/calls`: who may dial what, with which fields, and what comes back."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection

from calling import models
from calling.calls import control
from calling.machine import inputs
from tests.support import fake_worker, rest_client

KEY_DIAL = {"to": "/private/bob", "from": "/private/alice", "script": fake_worker.SCRIPT}
TOKEN_DIAL = {"to": "/private/bob", "sdp": fake_worker.SDP}


def test_a_token_dials_with_its_offer(cast):
    answer = cast.alice.rest.post("/api/calls", {**TOKEN_DIAL, "metadata": {"order": 7}})
    assert answer.status_code == 201
    call = answer.json()
    assert answer["Location"] == f"/api/calls/{call['id']}"
    assert (call["state"], call["from"], call["to"]) == ("created", "/private/alice", "/private/bob")
    assert (call["kind"], call["metadata"]) == ("subscriber", {"order": 7})
    assert [leg["role"] for leg in call["legs"]] == ["caller", "callee"]
    assert call["legs"][0]["answer"] is None and "answer" not in call["legs"][1]


def test_an_api_key_dials_without_a_caller_leg(cast):
    call = cast.rest.post("/api/calls", KEY_DIAL).json()
    assert [leg["role"] for leg in call["legs"]] == ["callee"]
    assert call["from"] == "/private/alice"


@pytest.mark.django_db(transaction=True)
def test_the_answer_of_a_worker_within_two_seconds_comes_with_the_201(cast, monkeypatch):
    monkeypatch.setattr("calling.api.view.ANSWER_SECONDS", 5.0)

    def work() -> None:
        end = time.monotonic() + 5
        while not models.Call.objects.exists() and time.monotonic() < end:
            time.sleep(0.01)
        fake_worker.carry(models.Call.objects.get().id)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    answer = cast.alice.rest.post("/api/calls", TOKEN_DIAL)
    worker.join(10)
    own, other = answer.json()["legs"]
    assert own["answer"] == fake_worker.ANSWER_SDP and "answer" not in other


def test_the_answer_is_shown_to_its_own_leg_only(cast):
    call_id = fake_worker.talking(cast)
    for person, role in ((cast.alice, "caller"), (cast.bob, "callee")):
        legs = person.rest.get(f"/api/calls/{call_id}").json()["legs"]
        assert {leg["role"]: "answer" in leg for leg in legs} == {
            "caller": role == "caller",
            "callee": role == "callee",
        }
    legs = cast.rest.get(f"/api/calls/{call_id}").json()["legs"]
    assert not any("answer" in leg for leg in legs)


def test_a_dial_without_credentials_is_401(cast):
    rest_client.error_of(rest_client.client().post("/api/calls", KEY_DIAL), 401)
    rest_client.error_of(rest_client.client("Bearer nonsense").post("/api/calls", TOKEN_DIAL), 401)
    rest_client.error_of(
        rest_client.client(rest_client.basic(cast.project.id, "wrong")).post("/api/calls", KEY_DIAL), 401
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("script", fake_worker.SCRIPT),
        ("script_url", "https://example.com/x"),
        ("connect", "/private/carol"),
        ("status_url", "https://example.com/x"),
        ("status_events", ["ended"]),
    ],
)
def test_what_only_a_back_end_may_send_is_403_for_a_token(cast, field, value):
    error = rest_client.error_of(cast.alice.rest.post("/api/calls", {**TOKEN_DIAL, field: value}), 403)
    assert error["attribute"] == field
    assert not models.Call.objects.exists()


def test_a_destination_outside_the_scope_is_403_known_or_not(cast):
    for person, to in (
        (cast.alice, "+15551234567"),
        (cast.alice, "sip:a@example.com"),
        (cast.gus, "/public/x"),
    ):
        error = rest_client.error_of(person.rest.post("/api/calls", {**TOKEN_DIAL, "to": to}), 403)
        assert error["code"] == "address_not_allowed"


def test_an_unknown_destination_is_404_and_a_malformed_one_422(cast):
    rest_client.error_of(cast.alice.rest.post("/api/calls", {**TOKEN_DIAL, "to": "/private/nobody"}), 404)
    error = rest_client.error_of(cast.alice.rest.post("/api/calls", {**TOKEN_DIAL, "to": "bob bob"}), 422)
    assert error["code"] == "invalid_destination"
    assert not models.Call.objects.exists()


def test_another_projects_people_are_unknown(cast, mallory):
    answer = mallory.mallory.rest.post("/api/calls", TOKEN_DIAL)
    rest_client.error_of(answer, 404)


@pytest.mark.parametrize(
    ("change", "attribute"),
    [
        ({"to": None}, "to"),
        ({"to": 7}, "to"),
        ({"to": ""}, "to"),
        ({"script": None}, "script"),
        ({"script": "x"}, "script"),
        ({"script": {"version": "1.0.0"}}, "script"),
        ({"script": {"version": "1.0.0", "sections": {"main": [{"explode": {}}]}}}, "script"),
        ({"connect": "/private/carol"}, "connect"),
        ({"script_url": "https://example.com/x"}, "script_url"),
        ({"script": None, "script_url": "ftp://x"}, "script_url"),
        ({"from": "nobody at all"}, "from"),
        ({"caller_id": "\n"}, "caller_id"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 601}, "timeout"),
        ({"timeout": "45"}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"timeout": 1.5}, "timeout"),
        ({"max_duration": 0}, "max_duration"),
        ({"max_duration": 86401}, "max_duration"),
        ({"metadata": {"x": "y" * 4096}}, "metadata"),
        ({"sip_headers": {f"x-{n}": "" for n in range(21)}}, "sip_headers"),
        ({"sip_headers": {"via": "x"}}, "sip_headers"),
        ({"sip_headers": {"x-a": "b\r\nvia: c"}}, "sip_headers"),
        ({"sip_headers": {"x-a": 1}}, "sip_headers"),
        ({"sip_headers": []}, "sip_headers"),
        ({"media": []}, "media"),
        ({"media": {"sound": True}}, "media.sound"),
        ({"media": {"audio": "yes"}}, "media"),
        ({"status_url": "file:///etc/passwd"}, "status_url"),
        ({"status_url": 7}, "status_url"),
        ({"status_events": ["hugs"]}, "status_events"),
        ({"status_events": "ended"}, "status_events"),
        ({"sdp": fake_worker.SDP}, "sdp"),
    ],
)
def test_every_wrong_field_is_422_and_named(cast, change, attribute):
    error = rest_client.error_of(cast.rest.post("/api/calls", {**KEY_DIAL, **change}), 422)
    assert error["attribute"] == attribute
    assert not models.Call.objects.exists()


@pytest.mark.parametrize(
    "sdp", [None, "", "v=1", "v=0", "hello", fake_worker.SDP + "a=x:y\r\n" * 20_000, {"a": 1}]
)
def test_a_token_needs_a_usable_offer(cast, sdp):
    error = rest_client.error_of(cast.alice.rest.post("/api/calls", {**TOKEN_DIAL, "sdp": sdp}), 422)
    assert error["attribute"] == "sdp"


def test_several_wrong_fields_are_told_together(cast):
    answer = cast.rest.post("/api/calls", {**KEY_DIAL, "timeout": 0, "media": 1, "from": ""})
    assert {each["attribute"] for each in answer.json()["errors"]} == {"timeout", "media", "from"}


def test_a_phone_destination_needs_a_number_of_the_project(cast):
    error = rest_client.error_of(cast.rest.post("/api/calls", {**KEY_DIAL, "to": "+15551234567"}), 422)
    assert (error["code"], error["attribute"]) == ("invalid_from_number", "from")


@pytest.mark.parametrize("body", ["[]", "7", '"x"', "null"])
def test_a_body_that_is_no_object_is_422(cast, body):
    answer = cast.rest.post("/api/calls", body, content_type="application/json")
    rest_client.error_of(answer, 422)


def test_a_body_that_is_not_json_is_400_and_another_type_415(cast):
    rest_client.error_of(cast.rest.post("/api/calls", "{", content_type="application/json"), 400)
    rest_client.error_of(cast.rest.post("/api/calls", "to=x", content_type="text/plain"), 415)


def test_the_channel_of_the_address_is_default_media_and_media_wins(cast):
    wanted = {"to": "/private/bob?channel=video", "from": "/private/alice", "script": fake_worker.SCRIPT}
    legs = cast.rest.post("/api/calls", wanted).json()["legs"]
    assert legs[0]["media"]["video"] == "sendrecv"
    legs = cast.rest.post("/api/calls", {**wanted, "media": {"audio": True}}).json()["legs"]
    assert legs[0]["media"]["video"] == "inactive"


def test_a_call_that_no_worker_takes_ends_failed(cast):
    call_id = cast.alice.rest.post("/api/calls", TOKEN_DIAL).json()["id"]
    row = models.Call.objects.get(pk=call_id)
    assert row.deadline is not None
    control.apply(call_id, inputs.WorkerLost("no_capacity"))
    call = cast.alice.rest.get(f"/api/calls/{call_id}").json()
    assert (call["state"], call["end_reason"], call["end_cause"]) == ("ended", "failed", "no_capacity")


@pytest.mark.parametrize("name", ["a\nb", "a\u2028b", "\x1b[31mred", "a\x07", "a\x7f", "a\x85b"])
def test_a_caller_name_is_one_line_without_control_characters(cast, name):
    error = rest_client.error_of(cast.rest.post("/api/calls", {**KEY_DIAL, "caller_name": name}), 422)
    assert error["attribute"] == "caller_name"
