"""The `action` of SWML's and SignalWire's `live_transcribe`: what it may hold, and what it asks for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from calling.swml.checks import BadScript, Check, boolean, choice, many, number, text

SIDES: Final = ("remote-caller", "local-caller")
WEBHOOK: Final = r"https?://[^\s]+"
START: Final[Mapping[str, Check]] = {
    "lang": text(20, 2, r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", "must be a language such as en-US"),
    "direction": many(choice(*SIDES), 2),
    "webhook": text(2048, 8, WEBHOOK, "must be an http or https URL"),
    "live_events": boolean,
    "vad_silence_ms": number(200, 5000, whole=True),
}


def live_transcript(path: str, value: object) -> str | dict[str, Any]:
    """`"stop"`, or `{"start": {lang, direction, webhook, live_events, vad_silence_ms}}`."""
    if value == "stop":
        return "stop"
    if not isinstance(value, Mapping) or set(value) != {"start"} or not isinstance(value["start"], Mapping):
        raise BadScript(path, "must be stop, or an object of start; a summary is not supported")
    start = value["start"]
    for name in start:
        if name not in START:
            raise BadScript(f"{path}.start.{name}", "is not supported")
    for name in ("lang", "direction"):
        if name not in start:
            raise BadScript(f"{path}.start.{name}", "is required")
    found = {name: START[name](f"{path}.start.{name}", each) for name, each in start.items()}
    if "remote-caller" not in found["direction"]:
        raise BadScript(f"{path}.start.direction", "local-caller alone is not supported")
    return {"start": found}


def asks(start: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `transcribe` that a start asks for."""
    asked = {"language": start["lang"], "partial_results": start.get("live_events", False)}
    if "vad_silence_ms" in start:
        asked["end_silence_timeout"] = start["vad_silence_ms"] / 1000
    return asked


def of_all(start: Mapping[str, Any]) -> bool:
    """Whether everybody in the call is meant, and not the party of the script alone."""
    return set(start["direction"]) == set(SIDES)
