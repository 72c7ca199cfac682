"""The `conversation_relay` of SWML's `connect`: what it may hold, and what it asks for. Pure.

Fields are those of the operation `relay` (docs/speech.md#conversation-relay); the names of Twilio's
`<ConversationRelay>` stand for the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from calling.swml.checks import (
    BadScript,
    Check,
    boolean,
    choice,
    fitting,
    is_template,
    number,
    only,
    table,
    text,
)

INPUT: Final = choice("none", "dtmf", "speech", "any")
NO_PROVIDER: Final = "is not supported: speech is recognised and spoken by this instance"
language: Final = text(20, 2, r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", "must be a language such as en-US")


def mode(path: str, value: object) -> object:
    """`none dtmf speech any`; true and false stand for the last and the first."""
    if isinstance(value, bool) or value in ("true", "false"):
        return "any" if value in (True, "true") else "none"
    return INPUT(path, value)


def parameters(path: str, value: object) -> dict[str, str]:
    """An object of texts, or a list of `{name, value}` as TwiML has it."""
    if isinstance(value, list):
        value = {str(each.get("name")): each.get("value") for each in value if isinstance(each, Mapping)}
    words = text(4096)
    return {name: words(f"{path}.{name[:64]}", each) for name, each in table(path, value).items()}


def hints(path: str, value: object) -> object:
    """One text with commas, or a list of texts."""
    words = text(4000)
    if isinstance(value, list):
        return [words(f"{path}[{i}]", each) for i, each in enumerate(value)]
    return words(path, value)


def kinds(path: str, value: object) -> object:
    """What is taken out of the words: one text with commas, or a list; an empty list takes nothing."""
    names = value.split(",") if isinstance(value, str) else value
    known = choice("digits", "card_numbers")
    if not isinstance(names, list):
        raise BadScript(path, "must be a list of digits and card_numbers")
    return [known(f"{path}[{i}]", str(each).strip()) for i, each in enumerate(names)]


FIELDS: Final[Mapping[str, Check]] = {
    "url": text(2000, 6, r"wss?://[^\s]+", "must be a wss:// URL"),
    "welcome_greeting": text(4000),
    "welcome_greeting_interruptible": mode,
    "language": language,
    "tts_language": language,
    "transcription_language": language,
    "voice": text(100),
    "gender": text(20),
    "model": choice("accurate", "quick"),
    "hints": hints,
    "interruptible": mode,
    "preemptible": boolean,
    "dtmf_detection": boolean,
    "partial_prompts": boolean,
    "report_input_during_agent_speech": mode,
    "end_silence_timeout": number(0.2, 5),
    "debug": text(100),
    "redact": kinds,
    "parameters": fitting(parameters, 4096),
    "status_url": text(2048, 8, r"https?://[^\s]+", "must be an http or https URL"),
    "tts_provider": only("", why=NO_PROVIDER),
    "transcription_provider": only("", why=NO_PROVIDER),
    "speech_model": only("", why=NO_PROVIDER),
}
IGNORED: Final = ("tts_provider", "transcription_provider", "speech_model", "status_url")

AFTER: Final[Mapping[str, str]] = {
    "session_id": "${relay_session_id}",
    "session_status": "${relay_result}",
    "reason": "${connect_failed_reason}",
    "handoff_data": "${relay_handoff_data}",
}
"""What a relay's `action` is told, as `params`."""


def named(path: str, value: object) -> dict[str, Any]:
    """The fields under our names, none that is not known, none twice. Raises BadScript."""
    found: dict[str, Any] = {}
    for key, each in table(path, value).items():
        name = re.sub(r"(?<=[a-z])([A-Z])", lambda big: "_" + big.group().lower(), key)
        if name not in FIELDS or name in found:
            raise BadScript(f"{path}.{key[:64]}", "is not a parameter of conversation_relay")
        if each is not None:
            found[name] = each
    if not found.get("url"):
        raise BadScript(f"{path}.url", "is missing")
    return found


def written(path: str, value: object) -> dict[str, Any]:
    """As a document may have it: what holds an expression waits until it runs."""
    return {
        name: each if _waits(each) else FIELDS[name](f"{path}.{name}", each)
        for name, each in named(path, value).items()
    }


def settled(path: str, value: object) -> dict[str, Any]:
    """As it runs: every expression has its value. One without a value leaves the default."""
    found = {name: each for name, each in named(path, value).items() if each != ""}
    if "url" not in found:
        raise BadScript(f"{path}.url", "is empty")
    return {name: FIELDS[name](f"{path}.{name}", each) for name, each in found.items()}


def asks(relay: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an operation `relay`."""
    return {name: each for name, each in relay.items() if name not in IGNORED}


def _waits(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_waits(each) for each in value.values())
    return any(_waits(each) for each in value) if isinstance(value, list) else is_template(value)
