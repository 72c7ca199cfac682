"""Documents made by SignalWire's own builder, and its JSON schema, against ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from calling.swml.parse import check_document
from calling.swml.verbs import UNSUPPORTED, VERBS

signalwire = pytest.importorskip("signalwire", reason="signalwire-sdk is a development dependency")
SCHEMA = json.loads((Path(signalwire.__file__).parent / "schema.json").read_text())


def verb_names() -> dict[str, Any]:
    found = {}
    for one in SCHEMA["$defs"]["SWMLMethod"]["anyOf"]:
        shape = SCHEMA["$defs"][one["$ref"].rsplit("/", 1)[1]]
        found[shape["required"][0]] = shape["properties"][shape["required"][0]]
    return found


def test_every_verb_of_the_schema_is_run_or_named_unsupported() -> None:
    assert set(verb_names()) <= set(VERBS) | UNSUPPORTED


def parameters(shape: dict[str, Any]) -> set[str]:
    if "$ref" in shape:
        return parameters(SCHEMA["$defs"][shape["$ref"].rsplit("/", 1)[1]])
    found = set(shape.get("properties", {}))
    for key in ("anyOf", "oneOf"):
        for one in shape.get(key, []):
            found |= parameters(one)
    return found


@pytest.mark.parametrize("verb", sorted(set(VERBS) & set(verb_names())))
def test_every_parameter_of_the_schema_is_known(verb: str) -> None:
    if VERBS[verb].fields:
        assert parameters(verb_names()[verb]) - {"session_timeout"} <= set(VERBS[verb].fields)


EXAMPLES = [
    {"answer": {"max_duration": 60}},
    {"play": {"urls": ["https://e.example/a.mp3", "silence: 2", "ring:20.0:us", "say: hi"], "volume": -3}},
    {"prompt": {"play": ["say:1 or 2"], "max_digits": 4, "terminators": "#", "digit_timeout": 3.5}},
    {"record": {"stereo": True, "format": "wav", "beep": True, "max_length": 30}},
    {"record_call": {"control_id": "r1", "format": "mp3"}},
    {"stop_record_call": {"control_id": "r1"}},
    {
        "connect": {
            "to": "+15551234567",
            "from": "+15550001111",
            "timeout": 20,
            "ringback": ["ring:us"],
            "result": {"case": {"connected": [{"hangup": {}}]}, "default": [{"play": {"url": "say:busy"}}]},
        }
    },
    {
        "connect": {
            "serial_parallel": [[{"to": "sip:a@b.example"}, {"to": "/private/bob"}], [{"to": "+15551230000"}]]
        }
    },
    {"join_room": {"name": "lobby"}},
    {"join_conference": {"name": "c", "muted": True, "beep": "false"}},
    {"execute": {"dest": "https://e.example/x", "params": {"a": 1}, "on_return": [{"hangup": {}}]}},
    {"transfer": {"dest": "main"}},
    {"return": {"a": 1}},
    {"goto": {"label": "x", "when": "vars.n < 3", "max": 5}},
    {"label": "x"},
    {"cond": [{"when": "a == 1", "then": [{"hangup": {}}]}, {"else": [{"return": 1}]}]},
    {"switch": {"variable": "a", "case": {"1": [{"hangup": {}}]}, "default": [{"hangup": {}}]}},
    {"set": {"a": "${b}"}},
    {"unset": ["a", "b"]},
    {"send_digits": {"digits": "1w#"}},
    {"sleep": {"duration": 100}},
    {
        "request": {
            "url": "https://e.example",
            "method": "GET",
            "save_variables": True,
            "headers": {"x-a": "1"},
        }
    },
    {"tap": {"uri": "wss://e.example/t", "control_id": "t", "direction": "both"}},
    {"stop_tap": {"control_id": "t"}},
]


@pytest.mark.parametrize("step", EXAMPLES, ids=lambda step: next(iter(step)))
def test_an_example_valid_for_the_schema_is_valid_here(step: dict[str, Any]) -> None:
    document = {"version": "1.0.0", "sections": {"main": [step]}}
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    check_document(document)


def test_the_builders_document_is_accepted() -> None:
    from signalwire import SWMLBuilder, SWMLService

    builder = SWMLBuilder(SWMLService(name="menu", schema_validation=False))
    builder.answer(max_duration=100).play(url="https://e.example/welcome.mp3", volume=2)
    builder.say("hello", voice="x", language="en-US").add_section("other").hangup(reason="busy")
    document = builder.build()
    assert [next(iter(step)) for step in check_document(document).sections["main"]] == [
        "answer",
        "play",
        "play",
        "hangup",
    ]
