"""SWML text, JSON or YAML, to a checked `Document`: the one place that knows PyYAML."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from calling.swml import urls
from calling.swml.checks import BadScript
from calling.swml.parse import MAX_BYTES, MAX_DEPTH, MAX_NODES, Document, check_document


def parse_text(source: str | bytes, *, running: bool = False) -> Document:
    """A document from JSON or YAML text. Raises BadScript.

    `running`: for a call that is there, which is not lost for a key that stands twice (the last one
    holds), nor for a URL that leads nowhere.
    What begins with a brace is JSON; SignalWire's own examples write it with single quotes, which is YAML.
    """
    raw = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    judge = check_document if running else urls.saved
    if len(raw) > MAX_BYTES:
        raise BadScript("", f"a script is at most {MAX_BYTES // 1024} kB")
    try:
        written = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadScript("", "a script must be UTF-8 text") from None
    if written.lstrip().startswith(("{", "[")):
        try:
            return judge(json.loads(written, object_pairs_hook=None if running else _once))
        except (ValueError, RecursionError) as problem:
            if isinstance(problem, BadScript):
                raise
            where = f" at line {problem.lineno}" if isinstance(problem, json.JSONDecodeError) else ""
        value = _yaml(written, f"the script is not JSON{where}", _Plain if running else _Once)
    else:
        value = _yaml(written, "the script is neither JSON nor YAML", _Plain if running else _Once)
    return judge(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise BadScript("", f"the key {key[:40]!r} is written twice in one object")
        found[key] = value
    return found


class _Plain(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML with JSON's types only (YAML 1.2 core schema); `+15551234567` is text: a phone number."""


class _Once(_Plain):
    """The same with each key once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        if len(found) != len(node.value):
            raise BadScript(
                "", f"a key is written twice in the object at line {node.start_mark.line + 1} of the script"
            )
        return found


_Plain.yaml_implicit_resolvers = {}
for _tag, _shape, _first in (
    ("null", r"(~|null|Null|NULL|)\Z", ["~", "n", "N", ""]),
    ("bool", r"(true|True|TRUE|false|False|FALSE)\Z", list("tTfF")),
    ("int", r"-?(0|[1-9][0-9]{0,18})\Z", list("-0123456789")),
    ("float", r"-?[0-9]{1,30}\.[0-9]{1,30}([eE][-+]?[0-9]{1,3})?\Z", list("-0123456789")),
):
    _Plain.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_shape), _first)


TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}


def _yaml(written: str, otherwise: str, how: type[_Plain]) -> Any:
    """YAML text to JSON values; `otherwise` is said of what is none. Nesting, aliases and tags are judged on
    the events, before anything is built."""
    depth = nodes = 0
    try:
        for event in yaml.parse(written, Loader=_Plain):
            if isinstance(event, yaml.AliasEvent):
                raise BadScript("", "anchors and aliases are not accepted in a script")
            tag = getattr(event, "tag", None)
            if tag not in (None, "!", *TAGS):
                raise BadScript("", f"the tag {str(tag)[:60]!r} is not one of JSON's types")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            nodes += 1
            if depth > MAX_DEPTH + 1:
                raise BadScript("", f"the script nests deeper than {MAX_DEPTH}")
            if nodes > MAX_NODES:
                raise BadScript("", "the script is too large")
        return yaml.load(written, Loader=how)  # a SafeLoader with fewer types
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, LookupError) as problem:
        if isinstance(problem, BadScript):  # `!!bool maybe` and `!!int ''` are LookupErrors
            raise
        mark = getattr(problem, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None and "line" not in otherwise else ""
        raise BadScript("", otherwise + where) from None
