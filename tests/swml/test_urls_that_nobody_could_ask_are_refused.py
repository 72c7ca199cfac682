"""A script whose URL has a password in it, or a host or port that cannot be, is refused when it is saved."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from calling.swml import urls
from calling.swml.checks import BadScript
from calling.swml.read import parse_text


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ({"play": "%https"}, "[0].play"),
        ({"prompt": {"play": ["say:a", "%https"]}}, "prompt.play"),
        ({"record": {"status_url": "%https"}}, "record.status_url"),
        ({"request": {"url": "%https"}}, "request.url"),
        ({"transfer": "%https"}, "[0].transfer"),
        ({"execute": {"dest": "%https"}}, "execute.dest"),
        ({"stream": "%wss"}, "[0].stream"),
        ({"tap": "%wss"}, "[0].tap"),
        ({"connect": {"serial": [{"to": "/private/bob", "status_url": "%https"}]}}, "serial[0].status_url"),
        ({"connect": {"to": "/private/bob", "ringback": ["%https"]}}, "connect.ringback"),
        ({"connect": {"to": "/private/bob", "confirm": "%https"}}, "connect.confirm"),
        ({"connect": {"to": "/private/bob", "transfer_after_bridge": "%https"}}, "transfer_after_bridge"),
        ({"connect": {"conversation_relay": {"url": "%wss"}}}, "conversation_relay.url"),
        (
            {"live_transcribe": {"action": {"start": {"lang": "en", "direction": ["remote-caller"],
                                                      "webhook": "%https"}}}},
            "action.start.webhook",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("://user:secret@e.example/x", "user name or password"),
        ("://e..example/x", "host name is not valid"),
        ("://e.example:99999/x", "port is out of range"),
    ],
)
def test_a_url_that_nobody_could_ever_ask_is_refused(step: Any, path: str, rest: str, words: str) -> None:
    written = re.sub(r"%(https|wss)", lambda found: found[1] + rest, json.dumps(step))
    with pytest.raises(BadScript, match=words) as refused:
        urls.saved({"sections": {"main": [json.loads(written)]}})
    assert refused.value.path.endswith(path)
    assert "secret" not in str(refused.value)


def test_a_url_in_the_body_of_a_request_is_anybody_s() -> None:
    body = "https://user:secret@e.example/"
    urls.saved({"sections": {"main": [{"request": {"url": "https://e.example/", "body": body}}]}})


def test_a_call_that_is_there_is_not_lost_for_one() -> None:
    text = json.dumps({"sections": {"main": [{"request": "https://user:secret@e.example/"}]}})
    assert parse_text(text, running=True).sections
    with pytest.raises(BadScript):
        parse_text(text)
