"""What one parameter of an SWML verb may hold: small checks, put together in `verbs`. Pure.

A check takes `(path, value)` and gives the value in its plain form, or raises `BadScript` with the path.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, Final, TypeGuard
from urllib.parse import unquote

from calling.swml import rings
from calling.swml.expressions import compile_condition, compile_template
from calling.swml.grammar import BadExpression
from calling.swml.values import to_text


class BadScript(ValueError):
    """A document or a value that cannot run. `path` says where: `sections.main[2].play.url`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path, self.message = path, message


Check = Callable[[str, object], Any]
"""Takes (path, value) and gives the value in its plain form, or raises BadScript."""


def is_template(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and ("${" in value or "%{" in value)


def check_template(path: str, text: str) -> None:
    try:
        compile_template(text)
    except BadExpression as problem:
        raise BadScript(path, f"the expression cannot be read: {problem}") from None


def text(most: int = 4096, least: int = 0, pattern: str | None = None, what: str = "") -> Check:
    """Text; `pattern` holds for the whole of it."""
    shape = re.compile(pattern, re.DOTALL) if pattern else None

    def check(path: str, value: object) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = to_text(value)
        if not isinstance(value, str):
            raise BadScript(path, "must be text")
        if not least <= len(value) <= most:
            raise BadScript(path, f"must be {least} to {most} characters")
        if shape and not shape.fullmatch(value):
            raise BadScript(path, what or "is not valid")
        return value

    return check


def number(low: float, high: float, *, whole: bool = False) -> Check:
    def check(path: str, value: object) -> float | int:
        if isinstance(value, str):
            try:
                value = float(value) if len(value) < 40 else math.nan
            except ValueError:
                raise BadScript(path, "must be a number") from None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise BadScript(path, "must be a number")
        if whole and value != int(value):
            raise BadScript(path, "must be a whole number")
        if not low <= value <= high:
            raise BadScript(path, f"must be between {low:g} and {high:g}")
        return int(value) if value == int(value) else value

    return check


def boolean(path: str, value: object) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false", ""):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise BadScript(path, "must be true or false")
    return value


def choice(*names: str) -> Check:
    def check(path: str, value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise BadScript(path, f"must be one of {', '.join(names)}")
        return str(value)

    return check


def zero_or(low: float, high: float) -> Check:
    """A whole number, or 0 for what the platform takes by itself."""

    def check(path: str, value: object) -> float | int:
        found: float | int = number(0, high, whole=True)(path, value)
        if 0 < found < low:
            raise BadScript(path, f"must be 0 or between {low:g} and {high:g}")
        return found

    return check


def only(*values: object, why: str = "is not supported") -> Check:
    """What the platform does anyway; any other value is refused with the reason, never taken in silence."""

    def check(path: str, value: object) -> object:
        plain: object = value
        if isinstance(value, str):
            plain = {"true": True, "false": False}.get(value.lower(), value)
        if not any(plain == each and isinstance(plain, bool) == isinstance(each, bool) for each in values):
            raise BadScript(path, why)
        return plain

    return check


def many(one: Check, most: int, least: int = 1) -> Check:
    """A list of `one`."""

    def check(path: str, value: object) -> list[Any]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise BadScript(path, f"must be a list of {least} to {most} entries")
        return [one(f"{path}[{i}]", item) for i, item in enumerate(value)]

    return check


def either(single: Check, several: Check) -> Check:
    """One or a list of them; always gives a list."""

    def check(path: str, value: object) -> list[Any]:
        return list(several(path, value)) if isinstance(value, list) else [single(path, value)]

    return check


def table(path: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadScript(path, "must be an object")
    return value


def fitting(one: Check, most: int) -> Check:
    """`one`, in at most so many bytes as JSON."""

    def check(path: str, value: object) -> Any:
        found = one(path, value)
        if len(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")) > most:
            raise BadScript(path, f"must be at most {most} bytes as JSON")
        return found

    return check


def judged(one: Check, refusal: Callable[[str], str | None]) -> Check:
    """Text that is refused for a reason; an empty one is none."""

    def check(path: str, value: object) -> str:
        found = str(one(path, value))
        if found and (why := refusal(found)) is not None:
            raise BadScript(path, why)
        return found

    return check


def anything(_path: str, value: object) -> object:
    return value


def condition(path: str, value: object) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str):
        raise BadScript(path, "must be a condition as text")
    try:
        compile_condition(value)
    except BadExpression as problem:
        raise BadScript(path, f"the condition cannot be read: {problem}") from None
    return value


def headers(path: str, value: object) -> dict[str, str]:
    """`[{name, value}]` (connect) or `{name: value}` (request) as one dict, without CR, LF or NUL."""
    if isinstance(value, list):
        pairs = [
            (one.get("name"), one.get("value")) if isinstance(one, dict) else (None, None) for one in value
        ]
    else:
        pairs = list(table(path, value).items())
    if len(pairs) > 20:
        raise BadScript(path, "has more than 20 headers")
    found: dict[str, str] = {}
    for name, content in pairs:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", name):
            raise BadScript(path, "has a header whose name is not valid")
        found[name] = _header_value(f"{path}.{name}", content)
    return found


_header_value = text(1024, pattern=r"[^\r\n\x00]*", what="must be one line")
NOT_A_SOURCE: Final = "must begin with http://, https://, say:, silence: or ring:"


_ORIGIN: Final = re.compile(r"(?:https?|wss?)://[^/?#\\@\s]+[/?#]", re.IGNORECASE)


def only_fills(path: str, start: str, whole: str, *, query_only: bool = False) -> None:
    """A URL into which the caller's words went: the script itself says whom it asks, and the caller's words
    stay behind that. `start`: the URL up to the first of these words. `query_only`: they may not say which
    document it is either. Raises BadScript."""
    place = "the query" if query_only else "the path and the query"
    if _ORIGIN.match(start) is None or (query_only and "?" not in start):
        raise BadScript(path, f"may contain caller input only in {place} of a URL")
    if _climbs(whole):
        raise BadScript(path, "contains caller input that leaves the URL's path")


def _climbs(url: str) -> bool:
    way = unquote(re.split(r"[?#]", url, maxsplit=1)[0])
    return any(step in (".", "..") for step in re.split(r"[/\\]", way)[3:])


def source(path: str, value: object) -> str:
    """What `play` takes: a URL, `say:text`, `silence:seconds`, `ring:[seconds:]country`."""
    given = text(4096, 1)(path, value)
    scheme, colon, rest = given.partition(":")
    scheme = scheme.lower()
    if not colon:
        raise BadScript(path, NOT_A_SOURCE)
    if scheme in ("http", "https"):
        if not rest.startswith("//") or any(c <= " " for c in given):
            raise BadScript(path, "is not a URL")
    elif scheme == "say":
        if not rest.strip() and not is_template(value):
            raise BadScript(path, "has no text to speak")
    elif scheme == "silence":
        number(0, 3600)(path, rest.strip())
    elif scheme == "ring":
        seconds, _, country = rest.strip().rpartition(":")
        if seconds:
            number(0, 3600)(path, seconds.strip())
        if not re.fullmatch(r"\s*[A-Za-z]{2}\s*", country):
            raise BadScript(path, "must name a country, such as ring:us or ring:20:us")
        if (why := rings.refusal(country)) is not None:
            raise BadScript(path, why)
    else:
        raise BadScript(path, NOT_A_SOURCE)
    return str(given)
