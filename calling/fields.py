"""The fields of commands: their types, bounds and exact errors, one function per rule (contract 2). Pure.

REST bodies and WebSocket frames are both read with `Form`, so a wrong field is wrong in the same words on
either way in. What a value means (scope, existence, legality) is not judged here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from calling.machine.states import Media

MAX_SDP = 64 * 1024
MAX_METADATA = 4096
MAX_HEADERS = 20
MAX_HEADER_VALUE = 1024
MAX_CANDIDATE = 1024
DIGITS = re.compile(r"[0-9A-Da-d*#w,]{1,64}")
HEADER_NAME = re.compile(r"[xX]-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,98}")
CONTROL_ID = re.compile(r"[\x21-\x2e\x30-\x7e]{1,100}")  # printable, no space, no slash: it stands in a path
CANDIDATE = re.compile(r"(a=)?candidate:[!-~]+( [!-~]+){5,}", re.ASCII)
CHANNELS = ("audio", "video")
STATUS_EVENTS = ("created", "ringing", "answered", "ended")
MEDIA_FIELDS = ("audio", "video", "receive_audio", "receive_video")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with one field."""

    code: str
    message: str
    attribute: str | None


class Invalid(Exception):
    """A command whose fields cannot be used (422); at least one fault."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


def invalid(attribute: str, message: str, code: str = "invalid_parameter") -> Invalid:
    return Invalid(Fault(code, message, attribute))


class Form:
    """Reads the fields of one JSON object. Every reader notes its fault and returns None for a bad value;
    `check()` raises Invalid with all of them. An absent field and `null` are the same."""

    def __init__(self, data: Any) -> None:
        if not isinstance(data, Mapping):
            raise Invalid(Fault("invalid_parameter", "The body must be a JSON object.", None))
        self.data = data
        self.faults: list[Fault] = []

    def check(self) -> None:
        if self.faults:
            raise Invalid(*self.faults)

    def wrong(self, name: str, message: str, code: str = "invalid_parameter") -> None:
        self.faults.append(Fault(code, message, name))

    def has(self, name: str) -> bool:
        return self.data.get(name) is not None

    def value(self, name: str, required: bool = False) -> Any:
        value = self.data.get(name)
        if value is None and required:
            self.wrong(name, f"{name} is required.", "missing_required_parameter")
        return value

    def text(
        self, name: str, limit: int, *, required: bool = False, pattern: re.Pattern[str] | None = None
    ) -> str | None:
        """Text of 1 to `limit` characters, wholly matching `pattern`."""
        value = self.value(name, required)
        if value is None:
            return None
        if not isinstance(value, str) or not 1 <= len(value) <= limit:
            self.wrong(name, f"{name} must be text of 1 to {limit} characters.")
        elif "\r" in value or "\n" in value:
            self.wrong(name, f"{name} must be one line.")
        elif pattern is not None and not pattern.fullmatch(value):
            self.wrong(name, f"{name} must match {pattern.pattern}.")
        else:
            return value
        return None

    def integer(self, name: str, low: int, high: int) -> int | None:
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.wrong(name, f"{name} must be a whole number from {low} to {high}.")
            return None
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.wrong(name, f"{name} must be a number from {low:g} to {high:g}.")
            return None
        return value

    def flag(self, name: str) -> bool | None:
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            self.wrong(name, f"{name} must be true or false.")
            return None
        return value

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str | None:
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, str) or value not in choices:
            self.wrong(name, f"{name} must be one of {', '.join(choices)}.")
            return None
        return value

    def uuid(self, name: str, required: bool = False) -> str | None:
        value = self.value(name, required)
        if value is None:
            return None
        try:
            if not isinstance(value, str) or len(value) > 45:
                raise ValueError
            return str(UUID(value))
        except ValueError:
            self.wrong(name, f"{name} must be a UUID.")
            return None

    def sdp(self, name: str = "sdp", required: bool = False) -> str | None:
        """A WebRTC session description of at most 64 kB (RFC 8866): version, media, ICE and fingerprint."""
        value = self.value(name, required)
        if value is None:
            return None
        fault = sdp_fault(value)
        if fault is not None:
            self.wrong(name, fault, "invalid_sdp")
            return None
        return str(value)

    def digits(self, name: str = "digits") -> str | None:
        value = self.value(name, True)
        if value is None:
            return None
        if not isinstance(value, str) or not DIGITS.fullmatch(value):
            self.wrong(name, f"{name} must be 1 to 64 of 0-9 A-D * # w and comma.", "invalid_digits")
            return None
        return value

    def channels(self, name: str = "channels", default: Sequence[str] = ("audio",)) -> frozenset[str]:
        """A list of `audio` and `video`; absent means `default`."""
        value = self.value(name)
        if value is None:
            return frozenset(default)
        known = isinstance(value, list) and value and all(each in CHANNELS for each in value)
        if not known or len(value) > len(CHANNELS):
            self.wrong(name, f"{name} must be a list of audio and video.")
            return frozenset()
        return frozenset(value)

    def media(self, name: str = "media") -> Media | None:
        """`{audio, video, receive_audio, receive_video}`, each true or false."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, Mapping) or not set(value) <= set(MEDIA_FIELDS):
            self.wrong(name, f"{name} must be an object of {', '.join(MEDIA_FIELDS)}.")
            return None
        if not all(isinstance(each, bool) for each in value.values()):
            self.wrong(name, f"the fields of {name} must be true or false.")
            return None
        # What is not named follows its other direction; audio alone is the usual call.
        audio, video = value.get("audio", True), value.get("video", False)
        return Media(audio, video, value.get("receive_audio", True), value.get("receive_video", video))

    def headers(self, name: str = "sip_headers") -> dict[str, str]:
        """At most 20 `x-` headers without CR or LF; names come back in lower case."""
        value = self.value(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or len(value) > MAX_HEADERS:
            self.wrong(name, f"{name} must be an object of at most {MAX_HEADERS} x- headers.")
            return {}
        for header, content in value.items():
            if not HEADER_NAME.fullmatch(header):
                self.wrong(name, f"{name}: a header's name must begin with x- and be a SIP token.")
                return {}
            plain = isinstance(content, str) and len(content) <= MAX_HEADER_VALUE
            if not plain or any(ord(character) < 32 or ord(character) == 127 for character in content):
                self.wrong(name, f"{name}: values must be text without control characters.")
                return {}
        return {header.lower(): content for header, content in value.items()}

    def metadata(self, name: str = "metadata") -> Any:
        """Any JSON of at most 4 kB as compact UTF-8."""
        value = self.value(name)
        if value is not None and len(compact(value)) > MAX_METADATA:
            self.wrong(name, f"{name} must not be larger than {MAX_METADATA} bytes as JSON.")
            return None
        return value

    def status_events(self, name: str = "status_events") -> tuple[str, ...]:
        value = self.value(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not value or not all(each in STATUS_EVENTS for each in value):
            self.wrong(name, f"{name} must be a list of {', '.join(STATUS_EVENTS)}.")
            return ()
        return tuple(dict.fromkeys(value))

    def script(self, name: str = "script") -> dict[str, Any] | None:
        """A SWML document as an object; its verbs are judged by the script checker."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, dict) or not isinstance(value.get("sections"), dict):
            self.wrong(name, f"{name} must be an object with sections.", "invalid_script")
            return None
        return value


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")


def sdp_fault(value: Any) -> str | None:
    """Why this is not a WebRTC session description, or None."""
    if not isinstance(value, str) or not value:
        return "sdp must be text."
    if len(value.encode(errors="surrogatepass")) > MAX_SDP:
        return "sdp must not be larger than 64 kB."
    lines = value.splitlines()
    if lines[0].strip() != "v=0":
        return "sdp must begin with v=0."
    if any(line.strip() and not re.match(r"[a-z]=", line) for line in lines):
        return "every line of sdp must be <letter>=<value>."
    if not any(line.startswith(("m=audio ", "m=video ")) for line in lines):
        return "sdp describes no audio and no video."
    for attribute in ("ice-ufrag", "ice-pwd", "fingerprint"):
        if not any(line.startswith(f"a={attribute}:") for line in lines):
            return f"sdp has no a={attribute}: only ICE and DTLS-SRTP are spoken here."
    return None


@dataclass(frozen=True)
class Candidate:
    """One trickled ICE candidate (RFC 8838); `candidate` empty means the device has no more."""

    candidate: str
    sdp_mid: str | None
    sdp_m_line_index: int | None


def candidate(form: Form) -> Candidate:
    """Read `ice.candidate {candidate, sdp_mid, sdp_m_line_index}`; raises Invalid."""
    text = form.value("candidate")
    if text is None and "candidate" not in form.data:
        form.wrong("candidate", "candidate is required.", "missing_required_parameter")
    text = text or ""
    if not isinstance(text, str) or len(text) > MAX_CANDIDATE or (text and not CANDIDATE.fullmatch(text)):
        form.wrong("candidate", "candidate must be an ICE candidate line (RFC 8839).")
    mid = form.text("sdp_mid", 64) if form.data.get("sdp_mid") != "" else ""
    index = form.integer("sdp_m_line_index", 0, 63)
    form.check()
    return Candidate(text, mid, index)
