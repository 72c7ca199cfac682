"""The fields of commands: their types, bounds and exact errors, one function per rule. No I/O.

The bounds are those of docs/contract.md#bounds.

REST bodies and WebSocket frames are both read with `Params`, so a wrong field is wrong in the same words on
either way in. What a value means (scope, existence, legality) is not judged here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard
from uuid import UUID

from django.conf import settings

from calling.machine.states import Media
from calling.outbound_http import url_text
from calling.sdp.peek import sdp_fault
from calling.swml import urls
from calling.swml.checks import BadScript
from rest import known_names
from rest.json_bodies import NOT_IN_A_LINE, Json, whole_number
from subscribers import addressing

MAX_METADATA = 4096
MAX_HEADERS = 20
MAX_HEADER_VALUE = 1024
DIGITS = re.compile(r"[0-9A-Da-d*#w,]{1,64}")
HEADER_NAME = re.compile(r"[xX]-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,98}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
RESERVED = ("signalwire_", "sw_", "rtc_", "internal_")
MAX_VARIABLES, MAX_VARIABLE = 20, 1024
MAX_CALLER_NAME = 100
CHANNELS = ("audio", "video")
STATUS_EVENTS = ("created", "ringing", "answered", "ended")
MEDIA_FIELDS = ("audio", "video", "receive_audio", "receive_video")


@dataclass(frozen=True)
class Spelling:
    """How a text must be written, and the same in words for who has written it otherwise."""

    pattern: re.Pattern[str]
    words: str


CONTROL_ID = Spelling(  # it stands in a path
    re.compile(r"[\x21-\x2e\x30-\x7e]{1,100}"), "1 to 100 ASCII characters without spaces and slashes"
)


@dataclass(frozen=True)
class Fault:
    """One fault of one field."""

    code: str
    message: str
    attribute: str | None


class InvalidParams(Exception):
    """A command whose fields cannot be used (422); at least one fault."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


def invalid(attribute: str, message: str, code: str = "invalid_parameter") -> InvalidParams:
    return InvalidParams(Fault(code, message, attribute))


class Params:
    """Reads the fields of one JSON object. Every reader notes its fault and returns None for a bad value;
    `check()` raises InvalidParams with all of them. An absent field and `null` are the same.

    It remembers the names it was asked for. Where it is `strict`, `check()` refuses all others
    (docs/contract.md#unknown-names), so it must come after everything was read.
    """

    def __init__(self, data: Json, *, strict: bool = False) -> None:
        if not isinstance(data, Mapping):
            raise InvalidParams(Fault("invalid_parameter", "The body must be a JSON object.", None))
        self.data = data
        self.strict = strict
        self.asked: set[str] = set()
        self.parts: dict[str, Params] = {}
        self.faults: list[Fault] = []

    def check(self) -> None:
        unknown = self.unknown() if self.strict else []
        if unknown or self.faults:
            raise InvalidParams(*unknown, *self.faults)

    def know(self, *names: str) -> None:
        """Allow these names too, whether or not they are read."""
        self.asked.update(names)

    def unknown(self, under: str = "") -> list[Fault]:
        """What came and nobody asked for, here and in the parts; `under` is the path of this object."""
        found = [
            Fault(problem.code, problem.message, f"{under}{problem.attribute}")
            for problem in known_names.unknown((str(name) for name in self.data), self.asked)
        ]
        for label, inner in self.parts.items():
            found += inner.unknown(f"{under}{label}.")
        return found

    def part(self, label: str, value: Mapping[str, Json]) -> Params:
        """The form of an object within this one, by its path in it: as strict as this."""
        if label not in self.parts:
            self.parts[label] = Params(value, strict=self.strict)
        return self.parts[label]

    def fail(self, name: str, message: str, code: str = "invalid_parameter") -> None:
        self.faults.append(Fault(code, message, name))

    def given(self, name: str) -> bool:
        self.asked.add(name)
        return self.data.get(name) is not None

    def value(self, name: str, required: bool = False) -> Json:
        self.asked.add(name)
        value = self.data.get(name)
        if value is None and required:
            self.fail(name, f"{name} is required.", "missing_required_parameter")
        return value

    def text(
        self, name: str, limit: int, *, required: bool = False, spelling: Spelling | None = None
    ) -> str | None:
        """One line of 1 to `limit` characters, wholly as `spelling` has it."""
        value = self.value(name, required)
        if value is None:
            return None
        if not isinstance(value, str) or not 1 <= len(value) <= limit:
            self.fail(name, f"{name} must be text of 1 to {limit} characters.")
        elif NOT_IN_A_LINE.search(value):
            self.fail(name, f"{name} must be one line without control characters.")
        elif spelling is not None and not spelling.pattern.fullmatch(value):
            self.fail(name, f"{name} must be {spelling.words}.")
        else:
            return value
        return None

    def integer(self, name: str, low: int, high: int) -> int | None:
        value = self.value(name)
        if value is None:
            return None
        whole = whole_number(value)
        if whole is None or not low <= whole <= high:
            self.fail(name, f"{name} must be a whole number from {low} to {high}.")
            return None
        return whole

    def number(self, name: str, low: float, high: float) -> float | None:
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.fail(name, f"{name} must be a number from {low:g} to {high:g}.")
            return None
        return value

    def boolean(self, name: str) -> bool | None:
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            self.fail(name, f"{name} must be true or false.")
            return None
        return value

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str | None:
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, str) or value not in choices:
            self.fail(name, f"{name} must be one of {', '.join(choices)}.")
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
            self.fail(name, f"{name} must be a UUID.")
            return None

    def sdp(self, name: str = "sdp", required: bool = False) -> str | None:
        """A WebRTC session description of at most 64 kB (RFC 8866): version, media, ICE and fingerprint."""
        value = self.value(name, required)
        if value is None:
            return None
        fault = sdp_fault(value)
        if fault is not None:
            self.fail(name, fault, "invalid_sdp")
            return None
        return str(value)

    def digits(self, name: str = "digits") -> str | None:
        value = self.value(name, True)
        if value is None:
            return None
        if not isinstance(value, str) or not DIGITS.fullmatch(value):
            self.fail(name, f"{name} must be 1 to 64 of 0-9 A-D * # w and comma.", "invalid_digits")
            return None
        return value

    def channels(self) -> frozenset[str]:
        """A list of `audio` and `video`; by default `audio`."""
        value = self.value("channels")
        if value is None:
            return frozenset({"audio"})
        if not _list_of(value, CHANNELS) or len(value) > len(CHANNELS):
            self.fail("channels", "channels must be a list of audio and video.")
            return frozenset()
        return frozenset(value)

    def media(self) -> Media | None:
        """`{audio, video, receive_audio, receive_video}`, each true or false."""
        value = self.value("media")
        if value is None:
            return None
        if isinstance(value, Mapping) and self.strict:
            self.part("media", value).know(*MEDIA_FIELDS)
            value = {each: value[each] for each in MEDIA_FIELDS if each in value}
        if not isinstance(value, Mapping) or not set(value) <= set(MEDIA_FIELDS):
            self.fail("media", f"media must be an object of {', '.join(MEDIA_FIELDS)}.")
            return None
        if not all(isinstance(each, bool) for each in value.values()):
            self.fail("media", "the fields of media must be true or false.")
            return None
        # What is not named follows its other direction; audio alone is the usual call.
        audio, video = value.get("audio", True), value.get("video", False)
        return Media(audio, video, value.get("receive_audio", True), value.get("receive_video", video))

    def headers(self) -> dict[str, str]:
        """At most 20 `x-` headers without CR or LF; names come back in lower case."""
        value = self.value("sip_headers")
        if value is None:
            return {}
        if not isinstance(value, Mapping) or len(value) > MAX_HEADERS:
            self.fail("sip_headers", f"sip_headers must be an object of at most {MAX_HEADERS} x- headers.")
            return {}
        for header, content in value.items():
            if not HEADER_NAME.fullmatch(header):
                self.fail("sip_headers", "sip_headers: names must be SIP tokens that begin with x-.")
                return {}
            plain = isinstance(content, str) and len(content) <= MAX_HEADER_VALUE
            if not plain or any(ord(character) < 32 or ord(character) == 127 for character in content):
                self.fail("sip_headers", "sip_headers: values must be text without control characters.")
                return {}
        return {header.lower(): content for header, content in value.items()}

    def metadata(self) -> Json:
        """Any JSON of at most 4 kB as compact UTF-8."""
        value = self.value("metadata")
        if value is not None and len(compact(value)) > MAX_METADATA:
            self.fail("metadata", f"metadata must not be larger than {MAX_METADATA} bytes as JSON.")
            return None
        return value

    def status_events(self, name: str = "status_events") -> tuple[str, ...]:
        value = self.value(name)
        if value is None:
            return ()
        if not _list_of(value, STATUS_EVENTS):
            self.fail(name, f"{name} must be a list of {', '.join(STATUS_EVENTS)}.")
            return ()
        return tuple(dict.fromkeys(value))


def as_form(data: Json) -> Params:
    """A form as its edge made it; bare fields (a device's, our own) in one that ignores unknown names."""
    return data if isinstance(data, Params) else Params(data)


def _list_of(value: Json, words: Sequence[str]) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(each in words for each in value)


def compact(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")


def read_url(form: Params, name: str) -> str | None:
    """A URL that Callwright may fetch: its text is checked now, its address when it is fetched."""
    value = form.value(name)
    if value is None:
        return None
    try:
        return url_text.parse_url(value, allow_private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS).url
    except url_text.UnsafeUrl as error:
        form.fail(name, f"{name}: {error}", "url_is_unsafe")
        return None


def read_script(form: Params) -> dict[str, Any] | None:
    """A valid SWML document: checked completely, before a call is made."""
    script = form.value("script")
    if script is None:
        return None
    if not isinstance(script, dict) or not isinstance(script.get("sections"), dict):
        form.fail("script", "script must be an object with sections.", "invalid_script")
        return None
    try:
        urls.saved(script)
    except BadScript as error:
        form.fail("script", f"script: {error}", "invalid_script")
        return None
    return script


def read_variables(form: Params, name: str) -> dict[str, str]:
    """At most 20 texts by name, as SignalWire's custom variables."""
    value = form.value(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        form.fail(name, f"{name} must be an object of strings.")
        return {}
    if len(value) > MAX_VARIABLES:
        form.fail(name, f"{name} has at most {MAX_VARIABLES} entries.", "too_many_custom_variables")
        return {}
    for key, text in value.items():
        if not VARIABLE.fullmatch(key):
            form.fail(name, f"{name}: names consist of letters, digits and _ and do not begin with a digit.")
        elif key.lower().startswith(RESERVED):
            form.fail(name, f"{name}: {key} is a reserved name.", "reserved_custom_variable_name")
        elif not isinstance(text, str) or not 1 <= len(text.encode(errors="replace")) <= MAX_VARIABLE:
            form.fail(name, f"{name}: values are strings of 1 to {MAX_VARIABLE} bytes.")
    return dict(value)


def read_metadata(form: Params) -> Json:
    """`metadata`, with `user_variables` (4 kB as JSON, as metadata itself) within it under that name."""
    metadata, variables = form.metadata(), read_variables(form, "user_variables")
    if not variables:
        return metadata
    if len(compact(variables)) > MAX_METADATA:
        form.fail("user_variables", f"user_variables must not be larger than {MAX_METADATA} bytes as JSON.")
    if metadata is not None and not isinstance(metadata, dict):
        form.fail("metadata", "metadata must be an object if user_variables is sent.")
        return None
    if (metadata or {}).get("user_variables", variables) != variables:
        form.fail("metadata", "metadata.user_variables differs from user_variables: send only one of them.")
        return None
    return {**(metadata or {}), "user_variables": variables}


def read_party(form: Params, name: str) -> str | None:
    """An E.164, SIP or address string that names a party without being dialled."""
    value = form.text(name, addressing.MAX_DESTINATION)
    if value is None:
        return None
    try:
        return addressing.parse_destination(value).text
    except addressing.MalformedDestination as error:
        form.fail(name, f"{name}: {error}")
        return None
