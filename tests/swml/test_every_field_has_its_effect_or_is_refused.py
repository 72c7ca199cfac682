"""Every parameter of every SWML verb changes what is asked of the call, or is refused with a reason.

Two halves make "accepted without effect" impossible: a parameter with a value of its own changes the Action
(or the run), and every field of an Action is read by who carries it out.
"""

from __future__ import annotations

import ast
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from calling.swml import actions
from calling.swml.checks import BadScript
from calling.swml.interpret import advance, start
from calling.swml.parse import check_document
from calling.swml.verbs import DEVICE, VERBS

ROOT = Path(__file__).parents[2]
BASES: dict[str, dict[str, Any]] = {
    "play": {"url": "say:a"},
    "prompt": {"play": "say:a"},
    "connect": {"to": "sip:a@b.example"},
    "join_room": {"name": "x"},
    "join_conference": {"name": "x"},
    "transfer": {"dest": "other"},
    "execute": {"dest": "other"},
    "goto": {"label": "x"},
    "switch": {"variable": "b", "case": {"": ["hangup"]}, "default": ["answer"]},
    "send_digits": {"digits": "1"},
    "sleep": {"duration": 1},
    "request": {"url": "https://e.example/"},
    "tap": {"uri": "wss://e.example/"},
    "stream": {"url": "wss://e.example/"},
    "sip_refer": {"to_uri": "sip:a@b.example"},
    "user_event": {"event": {"a": 1}},
    "live_transcribe": {"action": "stop"},
}
# A value that is not the default, where the kind of the parameter does not give one.
SAMPLES: dict[str, Any] = {
    "action": {"start": {"lang": "de", "direction": ["remote-caller"]}},
    "answer_on_bridge": True,
    "auto_answer": False,
    "beep": True,
    "bidirectional": False,
    "body": "x",
    "call_state_events": ["answered"],
    "call_state_url": "https://e.example/states",
    "case": {"x": ["hangup"]},
    "coach": "somebody",
    "codec": "L16",
    "codecs": "PCMA",
    "confirm": ["hangup"],
    "conversation_relay": {"url": "wss://e.example/"},
    "custom_parameters": {"a": "b"},
    "default": ["hangup"],
    "dest": "third",
    "detect_message_end": True,
    "detectors": "amd",
    "digits": "2",
    "direction": "listen",
    "encryption": "mandatory",
    "end_on_exit": True,
    "event": {"a": 2},
    "format": "mp3",
    "headers": {"x-a": "b"},
    "label": "y",
    "max_participants": 3,
    "meta": {"a": 1},
    "method": "GET",
    "muted": True,
    "on_return": ["hangup"],
    "parallel": ["/private/a", "/private/b"],
    "params": {"a": 1},
    "play": "say:b",
    "reason": "busy",
    "record": "record-from-start",
    "result": {"case": {"connected": ["hangup"], "": ["hangup"]}},
    "ringback": ["ring:us"],
    "rtp_ptime": 40,
    "save_variables": True,
    "say_gender": "male",
    "say_language": "de-DE",
    "serial": ["/private/a", "/private/b"],
    "serial_parallel": [["/private/a"], ["/private/b"]],
    "speech_hints": ["yes"],
    "speech_language": "de-DE",
    "start_on_enter": False,
    "status_callback_method": "GET",
    "recording_status_callback_method": "GET",
    "status_url_method": "GET",
    "stereo": True,
    "terminators": "*",
    "to": "sip:c@d.example",
    "to_uri": "sip:c@d.example",
    "track": "both_tracks",
    "transfer_after_bridge": "other",
    "uri": "wss://e.example/other",
    "url": "https://e.example/other.wav",
    "urls": ["https://e.example/other.wav"],
    "variable": "c",
    "wait": False,
    "wait_url": "https://e.example/wait.wav",
    "webrtc_media": True,
    "when": "false",
}
INSTEAD = {
    "to",
    "serial",
    "parallel",
    "serial_parallel",
    "conversation_relay",
    "url",
    "urls",
    "play",
}  # one of them alone
# SignalWire: "user data, ignored"; the others act later than the step (tests of stepping show it).
LATER = {("goto", "max"), *((verb, "meta") for verb in ("transfer", "execute", "goto", "request"))}
LATER |= {("connect", "action")}
NUMBER = 7


def sample(name: str) -> list[Any]:
    """Values to try, the first that passes the check counts."""
    return [SAMPLES[name]] if name in SAMPLES else [NUMBER, "https://e.example/told", "text", 100, 0.5]


def given(verb: str, name: str | None, value: Any = None) -> dict[str, Any]:
    base = dict(BASES.get(verb, {}))
    if name is None:
        return base
    if name in INSTEAD and verb in ("play", "prompt", "connect"):
        base = {}
    return {**base, name: value}


def what_happens(verb: str, parameters: dict[str, Any]) -> str:
    """The first Action and the run's own state after it, once an outcome has been taken."""
    labels = [{"label": "x"}, {"label": "y"}]
    sections = {"main": [{"set": {"b": "x"}}, {verb: parameters}, *labels, {"play": "say:end"}]}
    sections |= {"other": [{"play": "say:x${params.a}"}, {"return": "${params.a}"}], "third": ["hangup"]}
    run = start(check_document({"sections": sections}), call={"type": "sip"})
    seen = []
    for outcome in ({}, {"result": "connected", "body": "{}", "status": 200}):
        run, action = advance(run, outcome)
        state = {key: value for key, value in run.as_json().items() if key != "documents"}
        seen.append(f"{action!r} {json.dumps(state, sort_keys=True)}")
    return "\n".join(seen)


PARAMETERS = [
    (verb, name) for verb in sorted(VERBS) for name in sorted(VERBS[verb].fields) if (verb, name) not in LATER
]


@pytest.mark.parametrize(("verb", "name"), PARAMETERS, ids=lambda each: each)
def test_a_parameter_changes_something_or_is_refused(verb: str, name: str) -> None:
    plain = what_happens(verb, given(verb, None))
    refusals = []
    for value in sample(name):
        try:
            changed = what_happens(verb, given(verb, name, value))
        except BadScript as refused:
            assert name in refused.path and refused.message
            refusals.append(refused.message)
            continue
        if changed != plain:
            return
    assert refusals, f"{verb}.{name} is accepted and changes nothing"
    assert any("not supported" in words or "must be POST" in words for words in refusals), refusals


def test_every_shared_parameter_of_a_device_is_among_those_of_connect() -> None:
    assert set(DEVICE) <= set(VERBS["connect"].fields)


@pytest.mark.parametrize(
    ("verb", "parameters", "path"),
    [
        ("answer", {"codecs": "PCMU"}, "codecs"),
        ("join_conference", {"name": "x", "beep": "onEnter"}, "beep"),
        ("join_conference", {"name": "x", "status_callback": "https://e.example"}, "status_callback"),
        ("connect", {"to": "queue:support", "transfer_after_bridge": "x"}, "to"),
        ("connect", {"to": "sip:a@b", "session_timeout": 20}, "session_timeout"),
        ("prompt", {"play": "say:a", "speech_engine": "Deepgram"}, "speech_engine"),
        ("prompt", {"play": "say:a", "speech_language": "english!"}, "speech_language"),
        ("connect", {"to": "sip:a@b", "action": "other"}, "action"),
        ("live_transcribe", {"action": {"summarize": {}}}, "action"),
        (
            "live_transcribe",
            {"action": {"start": {"lang": "en", "direction": ["local-caller"]}}},
            "direction",
        ),
        ("live_transcribe", {"action": {"start": {"lang": "en"}}}, "direction"),
        (
            "live_transcribe",
            {"action": {"start": {"lang": "${x}", "direction": ["remote-caller"]}}},
            "action",
        ),
        ("live_transcribe", {"action": {"start": {"ai_summary": True}}}, "ai_summary"),
        ("tap", {"uri": "wss://e.example", "codec": "PCMA"}, "codec"),
        ("stream", {"url": "wss://e.example", "codec": "OPUS"}, "codec"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_path(
    verb: str, parameters: dict[str, Any], path: str
) -> None:
    with pytest.raises(BadScript) as refused:
        check_document({"sections": {"main": [{verb: parameters}]}})
    assert refused.value.path.endswith(f".{path}"), refused.value


@pytest.mark.parametrize(
    "parameters",
    [
        {"name": "x", "beep": "false", "start_on_enter": True, "end_on_exit": "false"},
        {"name": "x", "record": "do-not-record", "max_participants": 100000, "region": ""},
    ],
)
def test_what_every_conference_does_anyway_is_accepted(parameters: dict[str, Any]) -> None:
    check_document({"sections": {"main": [{"join_conference": parameters}]}})


@pytest.mark.parametrize("name", ["enter_queue", "pay", "send_sms", "ai", "live_translate"])
def test_a_verb_that_exists_elsewhere_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(BadScript, match=f"{name!r} is not supported"):
        check_document({"sections": {"main": [{name: {}}]}})


def test_every_field_of_an_action_is_read_by_who_carries_it_out() -> None:
    files = [ROOT / "calling" / "swml" / "run.py", *(ROOT / "calling" / "media" / "swml_host").glob("*.py")]
    trees = [ast.parse(path.read_text()) for path in files]
    read = {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    read |= {
        name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.MatchClass)
        for name in node.kwd_attrs
    }
    read |= {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    kinds = [each for each in vars(actions).values() if dataclasses.is_dataclass(each)]
    assert len(kinds) > 15
    for kind in kinds:
        for field in dataclasses.fields(kind):  # type: ignore[arg-type]
            unread = field.name not in read and field.name != "path"
            assert not unread, f"{kind} has {field.name}, which nobody reads"
