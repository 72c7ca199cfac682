"""A script as text: JSON or YAML with JSON's types, each key once, and refused otherwise."""

from __future__ import annotations

import pytest

from calling.swml.checks import BadScript
from calling.swml.read import parse_text

HEAD = "version: 1.0.0\nsections:\n  main:\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"sections": {"main": ["hangup"], "main": ["answer"]}}', "the key 'main' is written twice"),
        ('{"sections": {"main": [{"play": {"url": "say:a", "url": "say:b"}}]}}', "'url' is written twice"),
        (HEAD + "    - answer\n  main:\n    - hangup\n", "a key is written twice in the object at line 3"),
        (HEAD + "    - play: {url: 'say:a', url: 'say:b'}\n", "written twice in the object at line 4"),
    ],
)
def test_a_key_written_twice_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(BadScript, match=words):
        parse_text(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"sections": {"main": ["answer"], "main": ["hangup"]}}',
        HEAD + "    - answer\n  main:\n    - hangup\n",
    ],
)
def test_a_call_that_is_there_goes_on_with_the_last_of_them(text: str) -> None:
    assert parse_text(text, running=True).sections["main"] == [{"hangup": {}}]


@pytest.mark.parametrize(
    "value",
    [
        "!!bool maybe", "!!int ''", "!!int abc", "!!float ''", "!!timestamp abc", "!!timestamp 2026-01-01",
        "!!binary abc", "!!set {a}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!merge a", "!mine 1",
        "!!python/object/apply:os.system [ls]", "!!map [a]", "!!seq {a: 1}", "!!str {a: 1}",
    ],
)  # fmt: skip
def test_a_tag_that_does_not_fit_is_refused_and_raises_nothing_else(value: str) -> None:
    with pytest.raises(BadScript):
        parse_text(HEAD + f"    - sleep: {value}\n")


def test_tags_of_json_s_own_types_are_read() -> None:
    assert parse_text(HEAD + "    - sleep: !!int '5'\n").sections["main"] == [{"sleep": {"duration": 5}}]


def test_braces_with_single_quotes_are_read_as_signalwire_s_examples_write_them() -> None:
    document = parse_text(
        "{'version': '1.0.0', 'sections': { 'main': [{ 'answer': { 'max_duration': 60 }},"
        "{ 'play': { 'urls': ['silence:2', 'say:Hello from SignalWire!']}}]}}"
    )
    assert [next(iter(step)) for step in document.sections["main"]] == ["answer", "play"]


@pytest.mark.parametrize(("text", "line"), [('{"sections": {\n"main": [}}', 2), ("{broken", 1), ("[1,", 1)])
def test_broken_json_is_called_that_with_its_line(text: str, line: int) -> None:
    with pytest.raises(BadScript, match=f"the script is not JSON at line {line}$"):
        parse_text(text)
