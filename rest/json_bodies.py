"""What may come in as a body: bounded, UTF-8, strict JSON (docs/contract.md#bounds).

Over 256 kB is 413; not JSON, deeper than 32, NUL or a lone surrogate anywhere, a name twice, NaN, or a
number no database holds is 400; another content type, or a compressed body, is 415. A byte order mark is
passed over (RFC 8259 8.1). The request line's Accept is not bargained over: every answer is JSON.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any, NoReturn, TypeAlias, overload

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from rest import errors

Json: TypeAlias = object
"""Parsed JSON of which nothing is known yet; its readers say what is wrong with it."""

MAX_DEPTH = 32
MAX_INTEGER = 2**63 - 1
# The closing quote is optional: a text that never ends is then passed over once, in linear time.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.S)
NOT_IN_A_LINE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
"""Line breaks and control characters, which no name holds: it stands in lists, logs and headers."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@overload
def rfc3339(when: datetime) -> str: ...
@overload
def rfc3339(when: datetime | None) -> str | None: ...
def rfc3339(when: datetime | None) -> str | None:
    """A time in an answer: UTC with milliseconds, ending in `Z`."""
    if when is None:
        return None
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole_number(value: Json) -> int | None:
    """Whether a number has no fraction: JSON does not distinguish 1 from 1.0 (RFC 8259 6)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return None
    return int(value)


class StrictJSONParser(BaseParser):
    """DRF's parser for every REST surface."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, object] | None = None,
    ) -> Any:
        return loads(stream.read())


def loads(raw: bytes | str) -> Any:
    """The value of one strict JSON text; raises errors.BadRequest, or TooLarge past the bound."""
    if isinstance(raw, str):
        try:
            raw = raw.encode()
        except UnicodeEncodeError:
            raise errors.BadRequest("invalid_json", "The text is not valid Unicode.") from None
    if len(raw) > max_body():
        raise errors.TooLarge
    _check_depth(raw)
    try:
        value = json.loads(
            raw.decode("utf-8-sig"),
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError:
        raise errors.BadRequest("invalid_json", "The body is not JSON in UTF-8.") from None
    except (ValueError, RecursionError):
        raise errors.BadRequest("invalid_json", "The body is not JSON.") from None
    _check_strings(value)
    return value


def max_body() -> int:
    """Bytes of the largest body or frame."""
    return int(settings.CALLWRIGHT_MAX_BODY)


def _check_depth(raw: bytes) -> None:
    """Counts brackets outside strings, before a parser recurses into them."""
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(raw):
        first = raw[token.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise errors.BadRequest("json_too_deep", f"JSON nests at most {MAX_DEPTH} deep.")
        elif first in b"]}":
            depth -= 1


def _check_strings(value: object) -> None:
    if isinstance(value, str):
        if "\x00" in value or _LONE_SURROGATE.search(value):
            raise errors.BadRequest("invalid_characters", "NUL and lone surrogates are not allowed.")
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_strings(name)
            _check_strings(item)


def _integer(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > MAX_INTEGER:
        raise errors.BadRequest("invalid_json", "An integer must fit in 64 bits; send larger ones as text.")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise errors.BadRequest("invalid_json", "A number is too large.")
    return value


def _constant(name: str) -> NoReturn:
    raise errors.BadRequest("invalid_json", f"{name} is not JSON.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise errors.BadRequest("invalid_json", "An object has a name twice.")
    return found


class BoundedBody:
    """Middleware: reads at most the bound, also without a Content-Length."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return self.get_response(request)
        coding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
        if coding not in ("", "identity"):
            return errors.answer(errors.UnsupportedMedia(message="Send the body without a Content-Encoding."))
        limit = max_body()
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isascii() or not length.isdigit():
            return errors.answer(errors.BadRequest("bad_request", "Content-Length is not a number."))
        if len(length) > 12 or int(length) > limit:
            return errors.answer(errors.TooLarge())
        try:
            raw = request.read(limit + 1)
        except OSError:
            return errors.answer(errors.BadRequest("bad_request", "The body broke off."))
        if len(raw) > limit:
            return errors.answer(errors.TooLarge())
        # Views and the layers above read the same bytes again through request.body.
        request._body = raw
        request._stream = io.BytesIO(raw)
        request.META["CONTENT_LENGTH"] = str(len(raw))
        return self.get_response(request)


class JsonOnly(BaseContentNegotiation):
    """DRF content negotiation: the first matching parser, and always a JSON answer."""

    def select_parser(self, request: Request, parsers: Sequence[BaseParser]) -> BaseParser | None:  # type: ignore[override]
        sent = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == sent), None)

    def select_renderer(  # type: ignore[override]
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type or "application/json"
