"""`transcribe`, `detect` and `machine_detection` where a speech worker runs: what they take and refuse."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.commands import operations
from calling.speech import installed
from tests.support import fake_worker, rest_client

pytestmark = pytest.mark.usefixtures("speech_worker")


def test_what_is_wanted_of_a_transcript_is_kept(cast):
    call_id = fake_worker.talking(cast)
    body = {"leg": "caller", "language": "de-DE", "hints": ["Schmidt"], "end_silence_timeout": 1.2}
    answer = cast.rest.post(f"/api/calls/{call_id}/transcribe", body)
    assert answer.status_code == 200 and answer.json()["state"] == "wanted"
    assert models.Operation.objects.get(verb="transcribe").params == {
        "model": "accurate",
        "language": "de-DE",
        "hints": ["Schmidt"],
        "partial": True,
        "end_silence_ms": 1200,
    }


def test_numbers_leave_a_transcript_where_that_is_wished(cast):
    call_id = fake_worker.talking(cast)
    body = {"leg": "caller", "redact": ["digits", "card_numbers", "digits"], "captions": True}
    assert cast.rest.post(f"/api/calls/{call_id}/transcribe", body).status_code == 200
    kept = models.Operation.objects.get(verb="transcribe").params
    assert kept["redact"] == ["card_numbers", "digits"] and kept["captions"] is True


def test_a_collect_takes_words_alone_or_beside_digits(cast):
    call_id = fake_worker.talking(cast)
    spoken = {"language": "en-GB", "hints": ["sales"], "speech_timeout": 5}
    for number, digits in enumerate(({}, {"digits": {"max": 2}})):
        body = {"leg": "caller", "control_id": f"c{number}", "speech": spoken, **digits}
        assert cast.rest.post(f"/api/calls/{call_id}/collect", body).status_code == 200
    alone, beside = (models.Operation.objects.get(control_id=f"c{n}").params for n in (0, 1))
    assert alone["digits"] is None and beside["digits"]["max"] == 2
    assert alone["speech"] == {
        "model": "accurate",
        "language": "en-GB",
        "hints": ["sales"],
        "partial": False,
        "end_silence_ms": 700,
        "speech_timeout": 5,
    }


def test_a_collect_of_words_needs_a_worker(cast, settings: Any):
    settings.CALLWRIGHT_SPEECH_WORKERS = 0
    call_id = fake_worker.talking(cast)
    refused = cast.rest.post(f"/api/calls/{call_id}/collect", {"leg": "caller", "speech": {}})
    assert rest_client.error_of(refused, 422)["code"] == "speech_unavailable"


def test_without_a_leg_everybody_is_heard(cast):
    call_id = fake_worker.talking(cast)
    assert cast.rest.post(f"/api/calls/{call_id}/transcribe", {}).json()["leg_id"] is None


def test_words_are_told_with_their_leg_and_never_to_a_party(cast):
    call_id = fake_worker.talking(cast)
    made = cast.rest.post(f"/api/calls/{call_id}/transcribe", {}).json()
    leg_id = fake_worker.leg_of(call_id, "caller").id
    words = {"text": "Good morning.", "start_ms": 100, "end_ms": 900}
    operations.changed(made["id"], "running", "started")
    operations.told(made["id"], "final", words, leg_id=leg_id)
    wish = f"/api/calls/{call_id}/transcribe/{made['control_id']}/stop"
    assert cast.rest.post(wish).status_code == 200
    operations.changed(made["id"], "finished", "finished", {"segments": 1})
    operations.told(made["id"], "final", words, leg_id=leg_id)  # too late
    events = cast.rest.get(f"/api/calls/{call_id}/events").json()["data"]
    spoken = [each for each in events if each["type"].startswith("transcribe.")]
    assert [each["type"].split(".")[1] for each in spoken] == ["started", "final", "finished"]
    data = spoken[1]["data"]
    assert (data["leg_id"], data["text"], data["start_ms"]) == (leg_id, "Good morning.", 100)
    seen = cast.bob.rest.get(f"/api/calls/{call_id}/events").json()["data"]
    assert seen and not [each for each in seen if each["type"].startswith("transcribe.")]


@pytest.mark.parametrize(
    ("verb", "body", "attribute"),
    [
        ("transcribe", {"model": "best"}, "model"),
        ("transcribe", {"language": "english!"}, "language"),
        ("transcribe", {"model": "quick", "language": "fr"}, "language"),
        ("transcribe", {"hints": "Schmidt"}, "hints"),
        ("transcribe", {"redact": "digits"}, "redact"),
        ("transcribe", {"redact": ["names"]}, "redact"),
        ("transcribe", {"hints": ["x"] * 101}, "hints"),
        ("transcribe", {"end_silence_timeout": 0}, "end_silence_timeout"),
        ("detect", {"leg": "callee", "timeout": 0}, "timeout"),
        ("detect", {"leg": "callee", "wait_for_beep": "yes"}, "wait_for_beep"),
        ("detect", {"leg": "callee", "beep": True}, "beep"),
        ("detect", {}, "leg"),
        ("collect", {"speech": "yes"}, "speech"),
        ("collect", {"speech": {"language": "english!"}}, "language"),
        ("collect", {"speech": {"speech_timeout": 0}}, "speech_timeout"),
        ("collect", {"speech": {"langauge": "de"}}, "speech.langauge"),
    ],
)
def test_a_wrong_field_is_named(cast, verb: str, body: dict[str, Any], attribute: str):
    call_id = fake_worker.talking(cast)
    error = rest_client.error_of(cast.rest.post(f"/api/calls/{call_id}/{verb}", body), 422)
    assert error["attribute"] == attribute and not models.Operation.objects.exists()


def test_a_worker_without_a_recogniser_detects_and_does_not_transcribe(cast, monkeypatch):
    monkeypatch.setattr(installed, "recognisers", lambda own: ())
    call_id = fake_worker.talking(cast)
    error = rest_client.error_of(cast.rest.post(f"/api/calls/{call_id}/transcribe", {}), 422)
    assert error["code"] == "speech_unavailable" and "requirements-speech.lock" in error["message"]
    assert cast.rest.post(f"/api/calls/{call_id}/detect", {"leg": "callee"}).status_code == 200


def test_noise_is_taken_out_of_one_leg_where_a_denoiser_is_installed(cast, monkeypatch):
    call_id = fake_worker.talking(cast)
    path = f"/api/calls/{call_id}/denoise"
    monkeypatch.setattr(installed, "denoiser", lambda own: False)
    error = rest_client.error_of(cast.rest.post(path, {"leg": "caller"}), 422)
    assert error["code"] == "speech_unavailable" and "requirements-denoise.lock" in error["message"]
    monkeypatch.setattr(installed, "denoiser", lambda own: True)
    assert rest_client.error_of(cast.rest.post(path, {}), 422)["attribute"] == "leg"
    made = cast.rest.post(path, {"leg": "caller", "control_id": "quiet"}).json()
    assert (made["verb"], made["state"], made["control_id"]) == ("denoise", "wanted", "quiet")
    assert made["leg_id"] == fake_worker.leg_of(call_id, "caller").id
    assert cast.rest.post(f"{path}/quiet/stop").status_code == 200
    assert models.Operation.objects.get(verb="denoise").wish == "stop"
    assert cast.rest.post(f"{path}/quiet/pause").status_code == 404


@pytest.mark.parametrize(
    ("wish", "waits"),
    [
        (True, False),
        ("detect", False),
        ("detect_message_end", True),
        ({"mode": "detect_message_end", "timeout": 20}, True),
        ({"initial_timeout": 3}, False),
    ],
)
def test_a_dial_may_ask_who_will_answer(cast, wish: Any, waits: bool):
    fake_worker.online(cast.bob)
    body = {"to": "/private/bob", "connect": "/public/echo", "machine_detection": wish}
    answer = cast.rest.post("/api/calls", body)
    assert answer.status_code == 201, answer.content
    (row,) = models.Operation.objects.all()
    assert (row.verb, row.state, row.params["wait_for_beep"]) == ("detect", "wanted", waits)
    callee = next(leg for leg in answer.json()["legs"] if leg["role"] == "callee")
    assert str(row.leg_id) == callee["id"]


@pytest.mark.parametrize("wish", [7, "person", {"mode": "x"}, {"timeout": "long"}, {"unknown": 1}])
def test_a_wrong_wish_makes_no_call(cast, wish: Any):
    body = {"to": "/private/bob", "connect": "/public/echo", "machine_detection": wish}
    rest_client.error_of(cast.rest.post("/api/calls", body), 422)
    assert cast.rest.get("/api/calls").json()["data"] == []


def test_an_application_is_no_person_and_no_machine(cast):
    body = {"to": "/public/echo", "connect": "/private/bob", "machine_detection": True}
    error = rest_client.error_of(cast.rest.post("/api/calls", body), 422)
    assert error["attribute"] == "machine_detection"


def test_a_token_does_not_ask_who_answers(cast):
    body = {"to": "/private/bob", "sdp": fake_worker.SDP, "machine_detection": True}
    assert (
        rest_client.error_of(cast.alice.rest.post("/api/calls", body), 403)["attribute"]
        == "machine_detection"
    )
