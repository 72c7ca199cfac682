"""The frames that Twilio and Telnyx publish, both ways, written from their documentation.

twilio.com/docs/voice/conversationrelay/websocket-messages;
developers.telnyx.com/api-reference/websockets/conversationrelay-websocket-channel
"""

from __future__ import annotations

from typing import Any

import pytest

from calling.media.operations.relay import messages
from calling.media.operations.relay.conversation import Wish
from tests.media.relay.talk import Talk

TWILIO: list[dict[str, Any]] = [
    {"type": "text", "token": "Life", "last": False},
    {"type": "text", "token": " is a complex set of", "last": False},
    {"type": "text", "token": " experiences.", "last": True, "lang": "en-US"},
    {"type": "text", "token": "Hello", "last": True, "interruptible": False, "preemptible": True},
    {
        "type": "play", "source": "https://api.example.com/Cowbell.mp3", "loop": 1, "preemptible": False,
        "interruptible": True,
    },
    {"type": "sendDigits", "digits": "9www4085551212"},
    {"type": "language", "ttsLanguage": "sv-SE", "transcriptionLanguage": "en-US"},
    {"type": "end", "handoffData": '{"reasonCode":"live-agent-handoff", "reason": "The caller wants one"}'},
]  # fmt: skip
TELNYX: list[dict[str, Any]] = [
    {"type": "text", "token": "Hello", "last": False},
    {"type": "play", "source": "https://example.com/audio/welcome.mp3"},
    {"type": "sendDigits", "digits": "1234#"},
    {"type": "language", "ttsLanguage": "es-ES", "transcriptionLanguage": "es-ES"},
    {"type": "end"},
]


@pytest.mark.parametrize("sample", [TWILIO, TELNYX], ids=["twilio", "telnyx"])
def test_every_sample_of_a_program_is_taken(sample: list[dict[str, Any]]) -> None:
    talk = Talk()
    for frame in sample:
        talk.say(**frame)
    talk.hear()
    assert talk.told("error") == [] and talk.end is not None
    assert talk.spoken[0].startswith(("Life is a complex set of experiences.", "Hello"))
    assert talk.end.handoff == sample[-1].get("handoffData")


def test_every_frame_to_a_program_has_the_published_fields() -> None:
    assert messages.prompt("Hi! Can you tell me about life?", "en-US", last=True) == {
        "type": "prompt", "voicePrompt": "Hi! Can you tell me about life?", "lang": "en-US", "last": True,
    }  # fmt: skip
    assert messages.dtmf("1") == {"type": "dtmf", "digit": "1"}
    assert messages.interrupt("Life is a complex set of", 460) == {
        "type": "interrupt", "utteranceUntilInterrupt": "Life is a complex set of",
        "durationUntilInterruptMs": 460,
    }  # fmt: skip
    talk = Talk(Wish())
    talk.say(type="foo")
    assert talk.frames == [{"type": "error", "description": "Invalid message: unknown type: foo"}]
