"""SWML documents: what is refused, where the error points, and that every shorthand means the long form."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from calling.swml.checks import BadScript
from calling.swml.parse import check_document
from calling.swml.read import parse_text


def script(*steps: Any, **sections: Any) -> dict[str, Any]:
    return {"version": "1.0.0", "sections": {"main": list(steps), **sections}}


def steps(*given: Any) -> list[dict[str, Any]]:
    return check_document(script(*given)).sections["main"]


@pytest.mark.parametrize(
    ("step", "path", "words"),
    [
        ({"play": {"url": "ftp://x"}}, "sections.main[1].play.url", "must begin with"),
        ({"play": {}}, "sections.main[1].play.url", "missing"),
        (
            {"play": {"urls": ["say:a", "file:///etc/passwd"]}},
            "sections.main[1].play.urls[1]",
            "must begin with",
        ),
        ({"play": {"url": "say:x", "volume": 99}}, "sections.main[1].play.volume", "between -40 and 40"),
        ({"play": {"url": "say:x", "colour": 1}}, "sections.main[1].play.colour", "not a parameter"),
        ({"play": {"url": "say: ${1 +}"}}, "sections.main[1].play.url", "expression cannot be read"),
        ({"dance": {}}, "sections.main[1]", "unknown verb 'dance'"),
        ("dance", "sections.main[1]", "unknown verb 'dance'"),
        ({"ai": {}}, "sections.main[1].ai", "'ai' is not supported"),
        ({"send_fax": {}}, "sections.main[1].send_fax", "not supported"),
        ({"play": "say:x", "hangup": {}}, "sections.main[1]", "one verb"),
        (7, "sections.main[1]", "one verb"),
        ({"hangup": {"reason": "tired"}}, "sections.main[1].hangup.reason", "one of hangup, busy, decline"),
        ({"cond": [{"when": "1 ="}]}, "sections.main[1].cond[0].when", "condition cannot be read"),
        ({"cond": [{"when": "1", "then": ["x"]}]}, "sections.main[1].cond[0].then[0]", "unknown verb"),
        (
            {"switch": {"variable": "a", "case": {"1": [{"play": {}}]}}},
            "sections.main[1].switch.case.1[0].play.url",
            "",
        ),
        ({"switch": {"case": {}}}, "sections.main[1].switch.variable", "name of a variable"),
        ({"connect": {}}, "sections.main[1].connect.to", "missing"),
        ({"connect": {"to": "/private/bob", "parallel": []}}, "sections.main[1].connect.to", "only one of"),
        (
            {"connect": {"to": "/private/bob", "headers": [{"name": "x", "value": "a\r\nb"}]}},
            "sections.main[1].connect.headers.x",
            "one line",
        ),
        (
            {"connect": {"to": "/private/bob", "result": {"case": {"connected": ["nap"]}}}},
            "sections.main[1].connect.result.case.connected[0]",
            "unknown verb",
        ),
        ({"goto": {"label": "x", "max": 101}}, "sections.main[1].goto.max", "between 1 and 100"),
        ({"set": ["a"]}, "sections.main[1].set", "object of variables"),
        ({"set": {"1a": 1}}, "sections.main[1].set.1a", "name of a variable"),
        ({"sleep": -2}, "sections.main[1].sleep.duration", "between"),
        ({"send_digits": {"digits": "12x"}}, "sections.main[1].send_digits.digits", "may contain"),
        ({"request": {"url": "gopher://x", "method": "GET"}}, "sections.main[1].request.url", "http"),
        (
            {"request": {"url": "https://x.example", "method": "BREW"}},
            "sections.main[1].request.method",
            "one of",
        ),
        ({"join_room": {}}, "sections.main[1].join_room.name", "missing"),
        (
            {"execute": {"dest": "x", "on_return": ["y"]}},
            "sections.main[1].execute.on_return[0]",
            "unknown verb",
        ),
        ({"prompt": {"play": "say:x", "max_digits": 1.5}}, "sections.main[1].prompt.max_digits", "whole"),
    ],
)
def test_an_error_names_its_path(step: Any, path: str, words: str) -> None:
    with pytest.raises(BadScript) as caught:
        check_document(script("answer", step))
    assert caught.value.path == path
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "document",
    [
        None,
        1,
        "x",
        [],
        {},
        {"sections": {}},
        {"sections": {"other": []}},
        {"sections": {"main": {}}},
        {"version": "2.0.0", "sections": {"main": []}},
        {"sections": {"main": []}, "more": 1},
        script({"set": {"a": "\x00"}}),
        script({"set": {"a": "\ud800"}}),
        script({"set": {"a": 10**400}}),
        script({"set": {"a": float("nan")}}),
        script({"set": {1: 2}}),
        script({"set": {"a": {1, 2}}}),
    ],
)
def test_what_is_no_document_is_refused(document: Any) -> None:
    with pytest.raises(BadScript):
        check_document(document)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("hangup", {"hangup": {}}),
        ({"hangup": "busy"}, {"hangup": {"reason": "busy"}}),
        ({"play": "say:hi"}, {"play": {"url": "say:hi"}}),
        ({"play": ["say:hi", "ring:us"]}, {"play": {"urls": ["say:hi", "ring:us"]}}),
        ({"sleep": 5000}, {"sleep": {"duration": 5000}}),
        ({"sleep": "${x}"}, {"sleep": {"duration": "${x}"}}),
        ({"prompt": "say:?"}, {"prompt": {"play": "say:?"}}),
        ({"connect": "/private/bob"}, {"connect": {"serial": [{"to": "/private/bob"}]}}),
        (
            {"connect": {"parallel": ["/a/b", "/a/c"]}},
            {"connect": {"serial_parallel": [["/a/b", {"to": "/a/c"}]]}},
        ),
        ({"goto": "x"}, {"goto": {"label": "x"}}),
        ({"transfer": "x"}, {"transfer": {"dest": "x"}}),
        ({"execute": "x"}, {"execute": {"dest": "x"}}),
        ({"send_digits": "1w2"}, {"send_digits": {"digits": "1w2"}}),
        ({"join_room": "lobby"}, {"join_room": {"name": "lobby"}}),
        ({"unset": "a"}, {"unset": ["a"]}),
        ({"answer": None}, "answer"),
    ],
)
def test_a_shorthand_means_its_long_form(short: Any, long: Any) -> None:
    assert steps(short) == steps(long)


def test_yaml_and_json_give_the_same_document() -> None:
    text = """
    version: 1.0.0
    sections:
      main:
        - answer
        - play: 'say: hello'
        - set: {a: 1, b: true, c: null, d: yes, e: 1:30, f: 2024-01-01, g: +15551234567, h: 007, i: 1.5}
        - connect: {to: +15551234567, timeout: 30}
        - hangup
    """
    main = parse_text(text).sections["main"]
    assert main[2] == {
        "set": {
            "a": 1,
            "b": True,
            "c": None,
            "d": "yes",
            "e": "1:30",
            "f": "2024-01-01",
            "g": "+15551234567",
            "h": "007",
            "i": 1.5,
        }
    }
    assert main[3]["connect"]["groups"] == [[{"timeout": 30, "to": "+15551234567"}]]
    assert parse_text(json.dumps({"sections": {"main": ["answer"]}})).sections == {"main": [{"answer": {}}]}


def deep(n: int) -> Any:
    value: Any = []
    for _ in range(n):
        value = [value]
    return value


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{" * 100_000,
        '{"a":' * 50_000,
        "- " * 100_000,
        "a: &x [1]\nb: *x",
        "x" * 300_000,
        "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n",
        "\tbad",
        "%TAG ! x",
        "!!python/object/apply:os.system ['id']",
        b"\xff\xfe",
        "",
        "{",
        '{"a": 1e999}',
        "? [a]\n: b",
        "a: !!binary aGVsbG8=",
        "a: !!set {x}",
        "---\na\n---\nb",
        "[" * 3000 + "]" * 3000,
        json.dumps(script({"set": {"a": deep(40)}})),
    ],
)
def test_hostile_text_is_refused_fast(text: str | bytes) -> None:
    began = time.process_time()
    with pytest.raises(BadScript):
        parse_text(text)
    assert time.process_time() - began < 2
