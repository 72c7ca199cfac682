"""What a request asks for happens, or the request is refused: an option whose value this instance does not
have, one that needs another which did not come, one of two that exclude each other."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from tests.support import fake_worker
from tests.support.fake_worker import SDP
from tests.support.people import Cast
from tests.support.rest_client import code

SCRIPT = {"version": "1.0.0", "sections": {"main": ["hangup"]}}
HELLO = {"type": "tts", "params": {"text": "Hello"}}
URL = "https://app.example.com/x"


def tts(**more: Any) -> dict[str, Any]:
    return {"play": [{"type": "tts", "params": {"text": "Hello", **more}}]}


BOTH_WAYS = {"bidirectional": True}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("say", {"text": "Hello", "language": "xx-XX"}, "language"),
    ("say", {"text": "Hello", "language": "--help"}, "language"),
    ("say", {"text": "Hello", "language": "english"}, "language"),
    ("say", {"text": "Hello", "gender": "robot"}, "gender"),
    ("say", {"text": "Hello", "voice": "Polly.Joanna"}, "voice"),
    ("say", {"text": "Hello", "voice": "f6"}, "voice"),
    ("play", tts(language="xx-XX"), "play"),
    ("play", tts(gender="robot"), "play"),
    ("play", tts(voice="Polly.Joanna"), "play"),
    ("play", {"play": [HELLO], "url": URL}, "url"),
    ("play", {"url": URL, "urls": [URL]}, "urls"),
    ("stream", {"url": "wss://bot.example.com", "codec": "G729"}, "codec"),
    ("stream", {"url": "wss://bot.example.com", "codec": "L16@24000h"}, "codec"),
    (
        "stream",
        {"url": "wss://bot.example.com", "track": "both_tracks", "bidirectional": True},
        "bidirectional",
    ),
    ("collect", {"digits": {"max": 4}, "partial_results": True}, "partial_results"),
]


@pytest.mark.parametrize(("verb", "body", "attribute"), REFUSED)
def test_an_operation_with_a_value_that_is_not_to_be_had(
    cast: Cast, verb: str, body: dict[str, Any], attribute: str
) -> None:
    call_id = fake_worker.talking(cast)
    answer = cast.rest.post(f"/api/calls/{call_id}/{verb}", {"leg": "callee", **body})
    assert answer.status_code == 422 and code(answer)[2] == attribute, answer.content
    assert not models.Operation.objects.filter(call_id=call_id).exists()


@pytest.mark.parametrize(
    "more",
    [
        {}, {"language": "de"}, {"language": "pt-BR"}, {"language": "zh-CN"}, {"gender": "MALE"},
        {"voice": "m3"}, {"voice": "F2", "language": "fr-FR", "gender": "female"},
    ],
)  # fmt: skip
def test_a_voice_that_is_to_be_had_is_taken(cast: Cast, more: dict[str, Any]) -> None:
    call_id = fake_worker.talking(cast)
    body = {"leg": "callee", "text": "Hello", **more}
    assert cast.rest.post(f"/api/calls/{call_id}/say", body).status_code == 200


def test_signalwires_surface_takes_names_of_other_providers_voices_but_no_other_language(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)

    def play(**more: Any) -> Any:
        params = {"leg": "callee", **tts(**more)}
        return cast.rest.post(
            "/api/calling/calls", {"command": "calling.play", "id": call_id, "params": params}
        )

    assert play(voice="elevenlabs.rachel", gender="male").status_code == 200
    assert play(language="xx-XX").status_code == play(gender="robot").status_code == 422


@pytest.mark.parametrize(
    ("more", "attribute"),
    [
        ({"script": SCRIPT, "status_events": ["ended"]}, "status_events"),
        ({"script": SCRIPT, "fallback_url": URL}, "fallback_url"),
        ({"connect": "/public/echo", "fallback_url": URL}, "fallback_url"),
    ],
)
def test_an_option_that_needs_another_is_refused_without_it(
    cast: Cast, more: dict[str, Any], attribute: str
) -> None:
    answer = cast.rest.post("/api/calls", {"to": "/private/bob", **more})
    assert code(answer) == (422, "invalid_parameter", attribute)
    assert not models.Call.objects.exists()
    whole = {"status_url": URL} if attribute == "status_events" else {"script_url": URL}
    rest = {name: value for name, value in more.items() if attribute == "status_events" or name == attribute}
    assert cast.rest.post("/api/calls", {"to": "/private/bob", **rest, **whole}).status_code == 201


@pytest.mark.parametrize("direction", ["speak", "listen"])
def test_a_direction_is_of_a_leg(cast: Cast, direction: str) -> None:
    path = f"/api/calls/{fake_worker.talking(cast)}/record"
    assert code(cast.rest.post(path, {"direction": direction})) == (422, "leg_required", "leg")
    assert cast.rest.post(path, {"direction": direction, "leg": "callee"}).status_code == 200
    assert cast.rest.post(path, {"direction": "both"}).status_code == 200


def test_media_is_for_an_answer_with_an_sdp(cast: Cast) -> None:
    call_id = fake_worker.ringing(cast, to="carol")
    body = {"leg": "callee", "script": SCRIPT, "media": {"audio": True}}
    assert code(cast.rest.post(f"/api/calls/{call_id}/answer", body)) == (422, "invalid_parameter", "media")


def test_a_timeout_is_for_a_supervisor_who_is_called(cast: Cast) -> None:
    call_id = fake_worker.talking(cast)
    answer = cast.rest.post(f"/api/calls/{call_id}/listen", {"sdp": SDP, "timeout": 30})
    assert code(answer) == (422, "invalid_parameter", "timeout")
