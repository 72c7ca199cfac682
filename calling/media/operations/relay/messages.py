"""The frames of a conversation relay, typed and sized. Pure.

Shapes: Twilio's "WebSocket messages" of ConversationRelay, which Telnyx has as well. From the program:
`text play sendDigits language end`; to it: `setup prompt dtmf interrupt error info`. Fields that are not
known are passed over, as both do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Frame = dict[str, Any]
Mode = frozenset[str]
"""What of the caller's input something applies to: `speech`, `dtmf`, both or neither."""

MODES: Final[Mapping[str, Mode]] = {
    "none": frozenset(),
    "speech": frozenset({"speech"}),
    "dtmf": frozenset({"dtmf"}),
    "any": frozenset({"speech", "dtmf"}),
}
MAX_MESSAGE: Final = 64 * 1024  # characters
MAX_TOKEN: Final = 16_000
MAX_URL: Final = 2000
MAX_HANDOFF: Final = 8000
FOREVER: Final = 1000  # times, which `loop` 0 stands for
LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
DIGITS: Final = re.compile(r"[0-9A-Da-d*#wW,]{1,64}")


class BadMessage(Exception):
    """The program sent what is no message; the text is told in an `error` frame."""

    def __init__(self, why: str) -> None:
        super().__init__(f"Invalid message: {why}")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of what is to be said. `last`: it ends what is said now. None: as the session has it."""

    token: str
    last: bool = False
    language: str | None = None
    interruptible: Mode | None = None
    preemptible: bool | None = None


@dataclass(frozen=True, slots=True)
class Play:
    """A file to be played, `loops` times."""

    source: str
    loops: int = 1
    interruptible: Mode | None = None
    preemptible: bool | None = None


@dataclass(frozen=True, slots=True)
class SendDigits:
    digits: str


@dataclass(frozen=True, slots=True)
class Language:
    """From now on it speaks and hears other languages; None: as before."""

    tts: str | None = None
    transcription: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    handoff: str | None = None


Message = Text | Play | SendDigits | Language | End


def mode_of(value: object) -> Mode | None:
    """`none dtmf speech any`, or true and false for the last and the first. None for anything else."""
    if isinstance(value, bool):
        return MODES["any" if value else "none"]
    return MODES.get(value.lower()) if isinstance(value, str) else None


def read(data: str | bytes) -> Message:
    """One frame of the program's. Raises BadMessage."""
    if not isinstance(data, str):
        raise BadMessage("a frame must be text")
    if len(data) > MAX_MESSAGE:
        raise BadMessage(f"a frame has at most {MAX_MESSAGE} characters")
    try:
        given = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BadMessage("it is not JSON") from None
    if not isinstance(given, dict):
        raise BadMessage("it must be an object")
    kind = given.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise BadMessage(f"unknown type: {str(kind)[:40]}")
    return reader(given)


def _no_number(name: str) -> float:
    raise ValueError(name)


def _text(given: Frame) -> Text:
    return Text(
        _clean(_words(given, "token", MAX_TOKEN, least=0)),
        _flag(given, "last") or False,
        _language(given, "lang"),
        _mode(given),
        _flag(given, "preemptible"),
    )


def _play(given: Frame) -> Play:
    source = _words(given, "source", MAX_URL).strip()
    if not re.fullmatch(r"https?://\S+", source):
        raise BadMessage("source must be an http or https URL")
    loops = given.get("loop")
    if loops is None:
        loops = 1
    if isinstance(loops, bool) or not isinstance(loops, int) or not 0 <= loops <= FOREVER:
        raise BadMessage(f"loop must be a whole number from 0 to {FOREVER}")
    return Play(source, loops or FOREVER, _mode(given), _flag(given, "preemptible"))


def _digits(given: Frame) -> SendDigits:
    digits = _words(given, "digits", 64)
    if not DIGITS.fullmatch(digits):
        raise BadMessage("digits may contain only 0-9, A-D, *, #, w and comma")
    return SendDigits(digits)


def _languages(given: Frame) -> Language:
    found = Language(_language(given, "ttsLanguage"), _language(given, "transcriptionLanguage"))
    if found == Language():
        raise BadMessage("ttsLanguage or transcriptionLanguage is required")
    return found


def _end(given: Frame) -> End:
    if given.get("handoffData") is None:
        return End()
    return End(_clean(_words(given, "handoffData", MAX_HANDOFF, least=0)))


_READERS: Final[Mapping[str, Callable[[Frame], Message]]] = {
    "text": _text,
    "play": _play,
    "sendDigits": _digits,
    "language": _languages,
    "end": _end,
}


def _words(given: Frame, name: str, most: int, least: int = 1) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise BadMessage(f"{name} must be text of {least} to {most} characters")
    return value


def _clean(text: str) -> str:
    """Without NUL and halves of characters, which no row and no voice takes."""
    return re.sub("[\x00\ud800-\udfff]", "", text)


def _flag(given: Frame, name: str) -> bool | None:
    value = given.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadMessage(f"{name} must be true or false")
    return value


def _mode(given: Frame) -> Mode | None:
    value = given.get("interruptible")
    found = mode_of(value)
    if value is not None and found is None:
        raise BadMessage("interruptible must be true, false, none, dtmf, speech or any")
    return found


def _language(given: Frame, name: str) -> str | None:
    value = given.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > 20 or not LANGUAGE.fullmatch(value)):
        raise BadMessage(f"{name} must be a language such as en-US")
    return value


def prompt(text: str, language: str, *, last: bool) -> Frame:
    return {"type": "prompt", "voicePrompt": text, "lang": language, "last": last}


def dtmf(digit: str) -> Frame:
    return {"type": "dtmf", "digit": digit}


def interrupt(heard: str, milliseconds: int) -> Frame:
    """`heard`: what the caller had heard of what was being said, `milliseconds` after its beginning."""
    return {
        "type": "interrupt",
        "utteranceUntilInterrupt": heard,
        "durationUntilInterruptMs": milliseconds,
    }


def error(description: str) -> Frame:
    return {"type": "error", "description": description[:500]}


def info(name: str, value: str) -> Frame:
    return {"type": "info", "name": name, "value": value}
