"""What one parameter of an SWML verb may hold: small checks, put together in `verbs`. Pure.

A check takes `(path, value)` and gives the value in its plain form, or raises `BadScript` with the path.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from calling.scripts.expressions import BadExpression, compile_condition, compile_template
from calling.scripts.values import to_text


class BadScript(ValueError):
    """A document or a value that cannot run. `path` says where: `sections.main[2].play.url`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path, self.message = path, message


Check = Callable[[str, Any], Any]
"""Takes (path, value) and gives the value in its plain form, or raises BadScript."""


def is_template(value: Any) -> bool:
    return isinstance(value, str) and ("${" in value or "%{" in value)


def check_template(path: str, text: str) -> None:
    try:
        compile_template(text)
    except BadExpression as problem:
        raise BadScript(path, f"the expression cannot be read: {problem}") from None


def text(most: int = 4096, least: int = 0, pattern: str | None = None, what: str = "") -> Check:
    """Text; `pattern` holds for the whole of it."""
    shape = re.compile(pattern, re.DOTALL) if pattern else None

    def check(path: str, value: Any) -> str:
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
    def check(path: str, value: Any) -> float | int:
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


def boolean(path: str, value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false", ""):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise BadScript(path, "must be true or false")
    return value


def choice(*names: str) -> Check:
    def check(path: str, value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise BadScript(path, f"must be one of {', '.join(names)}")
        return str(value)

    return check


def many(one: Check, most: int, least: int = 1) -> Check:
    """A list of `one`."""

    def check(path: str, value: Any) -> list[Any]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise BadScript(path, f"must be a list of {least} to {most} entries")
        return [one(f"{path}[{i}]", item) for i, item in enumerate(value)]

    return check


def either(single: Check, several: Check) -> Check:
    """One or a list of them; always gives a list."""

    def check(path: str, value: Any) -> list[Any]:
        return list(several(path, value)) if isinstance(value, list) else [single(path, value)]

    return check


def table(path: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadScript(path, "must be an object")
    return value


def anything(_path: str, value: Any) -> Any:
    return value


def condition(path: str, value: Any) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, str):
        raise BadScript(path, "must be a condition as text")
    try:
        compile_condition(value)
    except BadExpression as problem:
        raise BadScript(path, f"the condition cannot be read: {problem}") from None
    return value


def headers(path: str, value: Any) -> dict[str, str]:
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


def source(path: str, value: Any) -> str:
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
            raise BadScript(path, "has nothing to say")
    elif scheme == "silence":
        number(0, 3600)(path, rest.strip())
    elif scheme == "ring":
        seconds, _, country = rest.strip().rpartition(":")
        if seconds:
            number(0, 3600)(path, seconds.strip())
        if not re.fullmatch(r"\s*[A-Za-z]{2}\s*", country):
            raise BadScript(path, "names no country: ring:us, ring:20:us")
    else:
        raise BadScript(path, NOT_A_SOURCE)
    return str(given)
