"""Every frame of a program's is a message or a clear error, whatever it holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calling.media.operations.relay import messages
from calling.media.operations.relay.messages import BadMessage, End, Language, Play, SendDigits, Text
from tests.media.relay.talk import Talk

ANY = frozenset({"speech", "dtmf"})


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"type": "text", "token": "Hi"}, Text("Hi")),
        ({"type": "text", "token": "", "last": True}, Text("", True)),
        (
            {"type": "text", "token": "Hallo", "last": True, "lang": "de-DE", "interruptible": False},
            Text("Hallo", True, "de-DE", frozenset()),
        ),
        (
            {"type": "text", "token": "x", "preemptible": True, "interruptible": "dtmf"},
            Text("x", False, None, frozenset({"dtmf"}), True),
        ),
        ({"type": "text", "token": "x", "interruptible": True}, Text("x", interruptible=ANY)),
        ({"type": "text", "token": "a\x00b", "unknown": [1]}, Text("ab")),
        ({"type": "play", "source": "https://a.example/b.mp3"}, Play("https://a.example/b.mp3")),
        (
            {"type": "play", "source": "http://a.example/b", "loop": 0, "preemptible": False},
            Play("http://a.example/b", 1000, None, False),
        ),
        ({"type": "sendDigits", "digits": "9www4085551212"}, SendDigits("9www4085551212")),
        (
            {"type": "language", "ttsLanguage": "sv-SE", "transcriptionLanguage": "en-US"},
            Language("sv-SE", "en-US"),
        ),
        ({"type": "language", "ttsLanguage": "fr"}, Language("fr")),
        ({"type": "end"}, End()),
        ({"type": "end", "handoffData": '{"reason": "done"}'}, End('{"reason": "done"}')),
    ],
)
def test_a_message_is_read(frame: dict[str, Any], message: messages.Message) -> None:
    assert messages.read(json.dumps(frame)) == message


BAD = [
    *({"type": "text", "token": value} for value in (None, 1, True, [], {}, "x" * 16_001)),
    *({"type": "text", "token": "x", "last": value} for value in (1, "true", [], {})),
    *({"type": "text", "token": "x", "lang": value} for value in (1, "", "english!", "a" * 30, ["en"])),
    *({"type": "text", "token": "x", "interruptible": value} for value in (1, "maybe", [], {})),
    *({"type": "text", "token": "x", "preemptible": value} for value in (0, "no", [])),
    *(
        {"type": "play", "source": value}
        for value in (None, 1, "", "say:x", "ftp://a/b", "http://" + "a" * 2000)
    ),
    *({"type": "play", "source": "https://a/b", "loop": value} for value in (-1, 1001, 1.5, True, "2", [])),
    *({"type": "sendDigits", "digits": value} for value in (None, 5, "", "x", "1" * 65, [])),
    {"type": "language"},
    *({"type": "language", "ttsLanguage": value} for value in (1, "", "x", {})),
    *({"type": "end", "handoffData": value} for value in (1, {}, [], True, "x" * 8001)),
    *({"type": value} for value in (None, 1, True, [], {}, "", "prompt", "TEXT", "x" * 1000)),
    {},
]
RAW = [
    "",
    "text",
    "[]",
    "1",
    "null",
    '"x"',
    "{",
    '{"type": NaN}',
    "[" * 60_000,
    "{" * 70_000,
    "\ud800",
    b"\x00\xff",
]


@pytest.mark.parametrize("frame", BAD, ids=lambda frame: json.dumps(frame)[:60])
def test_what_is_no_message_is_refused_in_words(frame: dict[str, Any]) -> None:
    with pytest.raises(BadMessage, match=r"^Invalid message: ") as refused:
        messages.read(json.dumps(frame))
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("data", RAW, ids=range(len(RAW)))
def test_what_is_no_json_object_is_refused_in_words(data: str | bytes) -> None:
    with pytest.raises(BadMessage):
        messages.read(data)


def test_a_bad_frame_is_told_and_changes_nothing() -> None:
    talk = Talk()
    talk.text("Good morning.", last=True)
    for frame in BAD[:9]:
        talk.say(**frame)
    talk.hear()
    assert talk.spoken == ["Good morning."]
    assert len(talk.told("error")) == 9 and talk.end is None


def test_ten_bad_frames_in_a_row_end_it_and_nine_do_not() -> None:
    talk = Talk()
    for _ in range(3):
        for frame in BAD[:9]:
            talk.say(**frame)
        talk.text("x", last=True)
    assert talk.end is None
    for frame in BAD[:10]:
        talk.say(**frame)
    assert talk.end is not None and talk.end.reason == "program_invalid"
    talk.text("Nobody hears this.", last=True)
    assert "Nobody hears this." not in talk.spoken
