"""Every method of `client.calling`, and envelopes that nobody's client sends."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from calling.speech import installed
from tests.signalwire.calling_api.conftest import SWML, answered_call, refusal, rest
from tests.support import fake_worker, rest_client

START = {"start": {"lang": "en-US", "direction": ["remote-caller", "local-caller"]}}
ARGUMENTS: dict[str, Any] = {
    "from_": "/private/alice", "to": "/private/bob", "swml": SWML, "control_id": "c", "volume": 3.0,
    "play": [{"type": "silence", "params": {"duration": 1}}], "url": "wss://example.com/s",
    "dest": "/private/carol", "event": {"a": 1}, "detect": {"type": "machine"}, "action": START,
    "tap": {"type": "audio", "params": {"direction": "both"}}, "digits": {"max": 2},
    "device": {"type": "ws", "params": {"uri": "wss://example.com/t"}},
}  # fmt: skip
BEFORE = {  # what must go on before it can be steered
    "play_pause": "play", "play_resume": "play", "play_stop": "play", "play_volume": "play",
    "record_pause": "record", "record_resume": "record", "record_stop": "record",
    "collect_stop": "collect", "collect_start_input_timers": "collect",
    "stream_stop": "stream", "tap_stop": "tap", "transcribe_stop": "transcribe", "detect_stop": "detect",
    "denoise_stop": "denoise",
}  # fmt: skip
OPTIONAL = {"collect": ("digits", "control_id"), "dial": ("swml",), "update": ("swml",)}
NOT_SUPPORTED = {
    "ai_hold", "ai_unhold", "ai_message", "ai_stop", "live_translate",
    "send_fax_stop", "receive_fax_stop", "refer",
}  # fmt: skip
METHODS = sorted(
    name
    for name, _ in inspect.getmembers(
        rest.RestClient(project="p", token="t", host="127.0.0.1:1").calling.__class__, inspect.isfunction
    )
    if not name.startswith("_")
)


def do(calling: Any, name: str, call_id: str) -> Any:
    method = getattr(calling, name)
    words = {}
    for parameter in inspect.signature(method).parameters.values():
        wanted = parameter.default is parameter.empty or parameter.name in OPTIONAL.get(name, ("control_id",))
        if wanted and parameter.name in ARGUMENTS:
            words[parameter.name] = ARGUMENTS[parameter.name]
    if name == "refer":
        words["device"] = {"type": "sip", "params": {"to": "sip:a@example.com"}}
    return method(**({"id": call_id, **words} if name == "update" else words)) if name in (
        "update", "dial",
    ) else method(call_id, **words)  # fmt: skip


def test_the_sdk_has_the_commands_that_are_known_here():
    assert len(METHODS) >= 37 and set(METHODS) >= NOT_SUPPORTED | set(BEFORE)


@pytest.mark.sample(12)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_the_sdk_works_or_is_refused_by_name(name, cast, calling, settings, monkeypatch):
    settings.CALLWRIGHT_SPEECH_WORKERS = 1
    monkeypatch.setattr(installed, "recognisers", lambda own: (installed.ACCURATE,))
    monkeypatch.setattr(installed, "denoiser", lambda own: True)
    call_id = fake_worker.talking(cast) if name == "disconnect" else answered_call(cast, calling)
    if name in BEFORE:
        do(calling, BEFORE[name], call_id)
    if name in NOT_SUPPORTED:
        error = refusal(422, do, calling, name, call_id)
        assert (error["code"], error["attribute"]) == ("not_supported", "command")
        assert name.split("_")[0] in error["message"]
        return
    made = do(calling, name, call_id)
    assert made["id"] if name == "dial" else made["id"] == call_id


@pytest.mark.parametrize("name", ["transcribe", "live_transcribe", "detect", "denoise"])
def test_without_a_speech_worker_its_commands_are_refused_by_name(name, cast, calling, settings):
    settings.CALLWRIGHT_SPEECH_WORKERS = 0
    error = refusal(422, do, calling, name, answered_call(cast, calling))
    assert (error["code"], error["attribute"]) == ("speech_unavailable", "command")
    assert name in error["message"]


@pytest.mark.sample(6)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 422), ("dial", 422), (7, 422), ({}, 422), ({"command": 7}, 422), ({"command": ""}, 422),
        ({"command": "calling.fly"}, 422), ({"command": "calling.end"}, 422),
        ({"command": "calling.end", "id": 7}, 422), ({"command": "calling.end", "id": "x"}, 404),
        ({"command": "calling.end", "id": {"a": 1}}, 422), ({"command": "dial", "params": []}, 422),
        ({"command": "dial", "params": "x"}, 422), ({"command": "update", "params": {"id": []}}, 422),
        ({"command": "\u0000"}, 400), ({"command": "calling.__class__", "id": "x"}, 422),
    ],
)  # fmt: skip
def test_hostile_envelopes_are_refused_with_one_error(post, body, status):
    answer = post(body)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["message"]


def test_an_unknown_command_is_named(post):
    error = post({"command": "calling.fly", "id": "x"}).json()["errors"][0]
    assert error["code"] == "invalid_command_attempted" and "calling.fly" in error["message"]


def test_a_token_may_not_send_commands(cast):
    rest_client.error_of(cast.alice.rest.post("/api/calling/calls", {"command": "dial"}), 403)
