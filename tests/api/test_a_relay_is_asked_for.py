"""`relay` of a leg: what it takes, what it refuses, and who may see it."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.commands import operations
from calling.media.operations.relay.relay import wish_of
from calling.speech import installed
from tests.support import fake_worker, rest_client

URL = "wss://agent.example.com/talk"


pytestmark = pytest.mark.usefixtures("speech_worker")


def test_what_is_wanted_is_kept_with_every_default(cast):
    call_id = fake_worker.talking(cast)
    answer = cast.rest.post(f"/api/calls/{call_id}/relay", {"leg": "caller", "url": URL})
    assert answer.status_code == 200 and answer.json()["state"] == "wanted"
    params = models.Operation.objects.get(verb="relay").params
    assert params == {
        "url": URL,
        "parameters": {},
        "language": "en-US",
        "voice": None,
        "gender": "female",
        "greeting": "",
        "greeting_interruptible": "any",
        "interruptible": "any",
        "report": "none",
        "preemptible": False,
        "digits": False,
        "partial": False,
        "debug": [],
        "hear": {"language": "en-US", "hints": [], "end_silence_ms": 500, "model": "accurate"},
    }
    assert wish_of(params).interruptible == {"speech", "dtmf"}


def test_every_field_has_its_effect(cast):
    call_id = fake_worker.talking(cast)
    body = {
        "leg": "caller", "url": URL, "control_id": "c1", "welcome_greeting": "Hello.\nHow are you?",
        "welcome_greeting_interruptible": False, "language": "en-GB", "tts_language": "de-DE", "voice": "m3",
        "gender": "male", "transcription_language": "fr-FR", "interruptible": "speech", "preemptible": True,
        "dtmf_detection": True, "partial_prompts": True, "report_input_during_agent_speech": "dtmf",
        "hints": "sales, support", "parameters": {"order": "7"}, "model": "accurate",
        "end_silence_timeout": 1.5, "debug": "tokens-played speaker-events",
    }  # fmt: skip
    assert cast.rest.post(f"/api/calls/{call_id}/relay", body).status_code == 200
    params = models.Operation.objects.get(control_id="c1").params
    assert params["hear"] == {
        "language": "fr-FR", "hints": ["sales", "support"], "end_silence_ms": 1500, "model": "accurate",
    }  # fmt: skip
    wish = wish_of(params)
    assert (wish.greeting, wish.greeting_interruptible) == ("Hello.\nHow are you?", frozenset())
    assert (wish.language, wish.heard_language) == ("de-DE", "fr-FR")
    assert (wish.interruptible, wish.report) == ({"speech"}, {"dtmf"})
    assert wish.preemptible and wish.digits and wish.partial
    assert wish.debug == {"speaker-events", "tokens-played"}
    assert (params["voice"], params["gender"], params["parameters"]) == ("m3", "male", {"order": "7"})


@pytest.mark.parametrize(
    ("body", "attribute"),
    [
        ({}, "url"),
        ({"url": "https://agent.example.com"}, "url"),
        ({"url": "ws://agent.example.com/"}, "url"),
        ({"url": "wss://user:word@agent.example.com/"}, "url"),
        ({"url": URL, "language": "english!"}, "language"),
        ({"url": URL, "tts_language": 5}, "tts_language"),
        ({"url": URL, "transcription_language": ""}, "transcription_language"),
        ({"url": URL, "model": "quick", "language": "fr"}, "language"),
        ({"url": URL, "model": "quick", "transcription_language": "fr"}, "transcription_language"),
        ({"url": URL, "model": "best"}, "model"),
        ({"url": URL, "welcome_greeting": "x" * 4001}, "welcome_greeting"),
        ({"url": URL, "welcome_greeting": ["x"]}, "welcome_greeting"),
        ({"url": URL, "welcome_greeting_interruptible": "maybe"}, "welcome_greeting_interruptible"),
        ({"url": URL, "interruptible": []}, "interruptible"),
        ({"url": URL, "report_input_during_agent_speech": 1}, "report_input_during_agent_speech"),
        ({"url": URL, "dtmf_detection": "yes"}, "dtmf_detection"),
        ({"url": URL, "hints": "x" * 5000}, "hints"),
        ({"url": URL, "hints": [1]}, "hints"),
        ({"url": URL, "parameters": {"a": 1}}, "parameters"),
        ({"url": URL, "parameters": {"a": "x" * 5000}}, "parameters"),
        ({"url": URL, "parameters": [{"name": "a"}]}, "parameters"),
        ({"url": URL, "debug": "everything"}, "debug"),
        ({"url": URL, "debug": [{}]}, "debug"),
        ({"url": URL, "end_silence_timeout": 0}, "end_silence_timeout"),
        ({"url": URL, "redact": ["names"]}, "redact"),
        ({"url": URL, "redact": "digits"}, "redact"),
        ({"url": URL, "welcomeGreeting": "Hi"}, "welcomeGreeting"),
    ],
)
def test_a_wrong_field_is_named(cast, settings: Any, body: dict[str, Any], attribute: str):
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = False
    call_id = fake_worker.talking(cast)
    error = rest_client.error_of(
        cast.rest.post(f"/api/calls/{call_id}/relay", {"leg": "caller", **body}), 422
    )
    assert error["attribute"] == attribute and not models.Operation.objects.exists()


def test_it_needs_a_leg_a_worker_and_a_recogniser(cast, settings: Any, monkeypatch: pytest.MonkeyPatch):
    call_id = fake_worker.talking(cast)
    where, body = f"/api/calls/{call_id}/relay", {"leg": "caller", "url": URL}
    assert rest_client.error_of(cast.rest.post(where, {"url": URL}), 422)["attribute"] == "leg"
    monkeypatch.setattr(installed, "recognisers", lambda own: ())
    assert rest_client.error_of(cast.rest.post(where, body), 422)["code"] == "speech_unavailable"
    settings.CALLWRIGHT_SPEECH_WORKERS = 0
    assert rest_client.error_of(cast.rest.post(where, body), 422)["code"] == "speech_unavailable"


def test_a_model_of_english_alone_is_not_chosen_for_another_language(cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(installed, "recognisers", lambda own: ("quick",))
    call_id = fake_worker.talking(cast)
    body = {"leg": "caller", "url": URL, "transcription_language": "de-DE", "tts_language": "en-US"}
    error = rest_client.error_of(cast.rest.post(f"/api/calls/{call_id}/relay", body), 422)
    assert (error["code"], error["attribute"]) == ("speech_unavailable", "transcription_language")


def test_a_party_neither_asks_for_it_nor_sees_it(cast):
    call_id = fake_worker.talking(cast)
    body = {"leg": "caller", "url": URL}
    assert cast.alice.rest.post(f"/api/calls/{call_id}/relay", body).status_code in (401, 403)
    made = cast.rest.post(f"/api/calls/{call_id}/relay", body).json()
    operations.changed(made["id"], "running", "started", {"session_id": "VX1"})
    operations.changed(made["id"], "finished", "finished", {"reason": "ended", "handoff_data": "secret"})
    told = cast.rest.get(f"/api/calls/{call_id}/events").json()["data"]
    assert [each["data"].get("handoff_data") for each in told if each["type"] == "relay.finished"] == [
        "secret"
    ]
    seen = cast.alice.rest.get(f"/api/calls/{call_id}/events").json()["data"]
    assert seen and not [each for each in seen if each["type"].startswith("relay.")]


def test_another_project_reaches_none_of_it(cast, mallory):
    call_id = fake_worker.talking(cast)
    made = cast.rest.post(f"/api/calls/{call_id}/relay", {"leg": "caller", "url": URL}).json()
    assert mallory.rest.post(f"/api/calls/{call_id}/relay", {"leg": "caller", "url": URL}).status_code == 404
    stop = f"/api/calls/{call_id}/relay/{made['control_id']}/stop"
    assert mallory.rest.post(stop).status_code == 404
    assert cast.rest.post(stop).status_code == 200
    assert models.Operation.objects.get(verb="relay").wish == "stop"
