"""A scenario of `callwright rehearse`: what a caller does, step by step, and what may not happen. Pure.

name: booking
to: /public/agent
limits: {turn_latency_ms: 1500, dead_air_ms: 4000, talk_over_ms: 400, barge_in_ms: 1000}
steps:
  - listen: {timeout: 15, pause: 0.8}   # until the other side has spoken, and then paused
  - say: I would like a table for two
  - interrupt: {text: stop please, after: 1}  # so long after the other side began
  - mumble: 2                           # seconds of a voice without words
  - silent: 3                           # seconds
  - digits: "1234"
expect: {digits: "1234", words: [table]}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

MOST_STEPS: Final = 100
MOST_TEXT: Final = 1000
MOST_SECONDS: Final = 120.0
MOST_BYTES: Final = 256 * 1024
DIGITS: Final = frozenset("0123456789ABCD*#")


class BadScenario(Exception):
    """The text names the place."""


@dataclass(frozen=True)
class Step:
    """`kind`: listen, say, interrupt, mumble, silent, digits. Seconds, where it has any."""

    kind: str
    text: str = ""
    seconds: float = 0.0
    timeout: float = 15.0


@dataclass(frozen=True)
class Limits:
    """Milliseconds. What is longer is a finding."""

    turn_latency_ms: float = 2000
    dead_air_ms: float = 4000
    talk_over_ms: float = 500
    barge_in_ms: float = 1500


@dataclass(frozen=True)
class Scenario:
    """`words` and `digits`: what the other side must say and must have taken."""

    name: str
    to: str
    steps: tuple[Step, ...]
    limits: Limits = field(default_factory=Limits)
    words: tuple[str, ...] = ()
    digits: str = ""
    voice: str = "en-us"


def parse(text: str) -> Scenario:
    """Raises BadScenario."""
    if len(text.encode()) > MOST_BYTES:
        raise BadScenario("the file is longer than 256 kB")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadScenario(f"not YAML: {str(error).splitlines()[0]}") from None
    top = _mapping(found, "the scenario")
    _known(top, "the scenario", ("name", "to", "steps", "limits", "expect", "voice"))
    steps = top.get("steps")
    if not isinstance(steps, list) or not 1 <= len(steps) <= MOST_STEPS:
        raise BadScenario(f"steps must be a list of 1 to {MOST_STEPS}")
    expect = _mapping(top.get("expect") or {}, "expect")
    _known(expect, "expect", ("words", "digits"))
    words = expect.get("words") or []
    if not isinstance(words, list):
        raise BadScenario("expect.words must be a list")
    return Scenario(
        _text(top.get("name") or "scenario", "name"),
        _text(top.get("to"), "to"),
        tuple(_step(each, f"steps[{number}]") for number, each in enumerate(steps)),
        _limits(top.get("limits") or {}),
        tuple(_text(each, f"expect.words[{number}]").lower() for number, each in enumerate(words)),
        _digits(expect["digits"], "expect.digits") if "digits" in expect else "",
        _text(top.get("voice") or "en-us", "voice"),
    )


def _step(value: Any, place: str) -> Step:
    if isinstance(value, str):
        value = {value: {}}
    step = _mapping(value, place)
    if len(step) != 1:
        raise BadScenario(f"{place} must have one name")
    ((kind, given),) = step.items()
    where = f"{place}.{kind}"
    match kind:
        case "listen":
            inner = _mapping(given or {}, where)
            _known(inner, where, ("timeout", "pause"))
            pause = _seconds(inner.get("pause", 0.8), f"{where}.pause")
            return Step(kind, seconds=pause, timeout=_seconds(inner.get("timeout", 15), f"{where}.timeout"))
        case "say":
            return Step(kind, text=_text(given, where))
        case "interrupt":
            inner = _mapping({"text": given} if isinstance(given, str) else given, where)
            _known(inner, where, ("text", "after", "timeout"))
            return Step(
                kind,
                text=_text(inner.get("text"), f"{where}.text"),
                seconds=_seconds(inner.get("after", 1), f"{where}.after"),
                timeout=_seconds(inner.get("timeout", 15), f"{where}.timeout"),
            )
        case "mumble" | "silent":
            return Step(kind, seconds=_seconds(given, where))
        case "digits":
            return Step(kind, text=_digits(given, where))
        case _:
            raise BadScenario(f"{place}: {kind} is no step")


def _limits(value: Any) -> Limits:
    given = _mapping(value, "limits")
    names = tuple(Limits.__dataclass_fields__)
    _known(given, "limits", names)
    for name, each in given.items():
        if isinstance(each, bool) or not isinstance(each, int | float) or not 0 < each <= 600_000:
            raise BadScenario(f"limits.{name} must be milliseconds")
    return Limits(**{name: float(each) for name, each in given.items()})


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(each, str) for each in value):
        raise BadScenario(f"{place} must be an object")
    return value


def _known(value: Mapping[str, Any], place: str, names: tuple[str, ...]) -> None:
    for name in value:
        if name not in names:
            raise BadScenario(f"{place} has no {name}")


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= MOST_TEXT:
        raise BadScenario(f"{place} must be a text of at most {MOST_TEXT} characters")
    return value.strip()


def _digits(value: Any, place: str) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 1 <= len(text) <= 64 or not DIGITS.issuperset(text):
        raise BadScenario(f"{place} must be of 0-9 A-D * and #")
    return text


def _seconds(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_SECONDS:
        raise BadScenario(f"{place} must be 0 to {MOST_SECONDS:g} seconds")
    return float(value)
