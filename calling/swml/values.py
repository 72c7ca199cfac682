"""JavaScript's values as SWML expressions need them, on JSON types. Pure.

`undefined` and `null` are both None; numbers are int within 2**53 and float otherwise. Work is paid for from
a `Fuel`, so that no expression can hold the event loop.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

Value = Any
MAX_TEXT: Final = 65536
MAX_ITEMS: Final = 10_000


class TooMuchWork(Exception):
    """The script's expressions ask for more computing than one step may have."""


class Fuel:
    """A budget of work; one unit is about a microsecond."""

    def __init__(self, units: int = 200_000) -> None:
        self.left = units

    def burn(self, units: int) -> None:
        self.left -= units
        if self.left < 0:
            raise TooMuchWork


def tidy(number: float) -> int | float:
    """JavaScript has one kind of number: whole ones are int here."""
    if isinstance(number, int):
        return number if abs(number) <= 2**53 else float(number) if abs(number) < 10**300 else math.inf
    return int(number) if number.is_integer() and abs(number) <= 2**53 else number


def to_text(value: Value, depth: int = 0) -> str:
    """What a value reads as inside a text; nothing for null, as SWML's substitution does it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number_text(value)
    if isinstance(value, list):
        return "," * (len(value) - 1) if depth > 4 else ",".join(to_text(item, depth + 1) for item in value)
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return "[object Object]"


def _number_text(number: float) -> str:
    if isinstance(number, int):
        return str(number)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return str(int(number)) if number.is_integer() and abs(number) < 1e21 else repr(number)


_NUMERIC = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")


def to_number(value: Value) -> int | float:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if value is None:
        return 0
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return 0
        if re.fullmatch(r"0[xX][0-9a-fA-F]{1,13}", text):
            return int(text, 16)
        if _NUMERIC.fullmatch(text):
            return tidy(float(text))
    return math.nan


def truthy(value: Value) -> bool:
    if isinstance(value, float) and math.isnan(value):
        return False
    return isinstance(value, list | dict) or bool(value)


def kind(value: Value) -> str:
    if value is None:
        return "undefined"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "object"


def same(left: Value, right: Value) -> bool:
    """===: same kind and value; lists and objects by content (there are no identities here)."""
    if isinstance(left, bool) != isinstance(right, bool) or kind(left) != kind(right):
        return False
    try:
        return bool(left == right)
    except RecursionError:
        return False


def loosely_same(left: Value, right: Value) -> bool:
    """==: numbers in text count as numbers; null equals nothing but null."""
    if left is None or right is None:
        return left is None and right is None
    if kind(left) == kind(right):
        return same(left, right)
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return to_text(left) == to_text(right)
    return to_number(left) == to_number(right)


def compare(left: Value, right: Value) -> int | None:
    """-1, 0, 1, or None where the two have no order (NaN)."""
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    a, b = to_number(left), to_number(right)
    if math.isnan(a) or math.isnan(b):
        return None
    return (a > b) - (a < b)


def get(value: Value, key: Value) -> Value:
    """A member or an element; None where there is none."""
    if isinstance(value, Mapping):
        return value.get(to_text(key))
    if key == "length" and isinstance(value, str | list):
        return len(value)
    if isinstance(value, str | list):
        index = to_number(key) if not isinstance(key, str) or key.isdigit() else math.nan
        if isinstance(index, int) and 0 <= index < len(value):
            return value[index]
    return None


def _span(args: list[Value], size: int, *, swap: bool) -> tuple[int, int]:
    def clamp(position: int, default: int) -> int:
        if position >= len(args) or args[position] is None:
            return default
        number = to_number(args[position])
        if math.isnan(number):
            return 0
        whole = int(max(-1e15, min(1e15, number)))
        if whole < 0:
            return 0 if swap else max(0, size + whole)
        return min(whole, size)

    start, end = clamp(0, 0), clamp(1, size)
    return (end, start) if swap and start > end else (start, end)


def _pad(text: str, args: list[Value], *, left: bool) -> str:
    wanted = int(max(0, min(MAX_TEXT, _finite(args, 0))))
    filler = to_text(args[1]) if len(args) > 1 else " "
    missing = wanted - len(text)
    if missing <= 0 or not filler:
        return text
    pad = (filler * (missing // len(filler) + 1))[:missing]
    return pad + text if left else text + pad


def _finite(args: list[Value], position: int, default: float = 0) -> float:
    number = to_number(args[position]) if position < len(args) else default
    return default if math.isnan(number) else max(-1e15, min(1e15, number))


def _arg(args: list[Value], position: int = 0) -> str:
    return to_text(args[position]) if position < len(args) else "undefined"


def _substr(text: str, args: list[Value]) -> str:
    start = int(_finite(args, 0))
    start = max(0, len(text) + start) if start < 0 else start
    return text[start : start + int(max(0, _finite(args, 1, len(text))))]


def _replace_all(text: str, args: list[Value]) -> str:
    old, new = _arg(args), _arg(args, 1)
    if not old:
        return text
    if len(text) + text.count(old) * len(new) > 2 * MAX_TEXT:
        raise TooMuchWork
    return text.replace(old, new)


def _join(items: list[Value], args: list[Value]) -> str:
    texts, glue = [to_text(one) for one in items], _arg(args) if args else ","
    if sum(map(len, texts)) + len(texts) * len(glue) > 2 * MAX_TEXT:
        raise TooMuchWork
    return glue.join(texts)


TEXT: Final[Mapping[str, Callable[[str, list[Value]], Value]]] = {
    "toLowerCase": lambda s, a: s.lower(),
    "toUpperCase": lambda s, a: s.upper(),
    "toString": lambda s, a: s,
    "trim": lambda s, a: s.strip(),
    "trimStart": lambda s, a: s.lstrip(),
    "trimEnd": lambda s, a: s.rstrip(),
    "charAt": lambda s, a: get(s, int(_finite(a, 0))) or "",
    "charCodeAt": lambda s, a: ord(c) if (c := get(s, int(_finite(a, 0)))) else math.nan,
    "includes": lambda s, a: _arg(a) in s,
    "startsWith": lambda s, a: s.startswith(_arg(a)),
    "endsWith": lambda s, a: s.endswith(_arg(a)),
    "indexOf": lambda s, a: s.find(_arg(a)),
    "lastIndexOf": lambda s, a: s.rfind(_arg(a)),
    "substring": lambda s, a: s[slice(*_span(a, len(s), swap=True))],
    "slice": lambda s, a: s[slice(*_span(a, len(s), swap=False))],
    "substr": _substr,
    "replace": lambda s, a: s.replace(_arg(a), _arg(a, 1), 1),
    "replaceAll": _replace_all,
    "split": lambda s, a: ([s] if not a else s.split(_arg(a)) if _arg(a) else list(s))[:MAX_ITEMS],
    "concat": lambda s, a: s + "".join(to_text(one) for one in a),
    "repeat": lambda s, a: s * int(max(0, min(MAX_TEXT // max(1, len(s)), _finite(a, 0)))),
    "padStart": lambda s, a: _pad(s, a, left=True),
    "padEnd": lambda s, a: _pad(s, a, left=False),
}
LIST: Final[Mapping[str, Callable[[list[Value], list[Value]], Value]]] = {
    "includes": lambda v, a: any(same(one, a[0] if a else None) for one in v),
    "indexOf": lambda v, a: next((i for i, one in enumerate(v) if same(one, a[0] if a else None)), -1),
    "join": _join,
    "slice": lambda v, a: v[slice(*_span(a, len(v), swap=False))],
    "concat": lambda v, a: (v + [x for one in a for x in (one if isinstance(one, list) else [one])])[
        :MAX_ITEMS
    ],
    "reverse": lambda v, a: v[::-1],
    "toString": lambda v, a: to_text(v),
}
NUMBER: Final[Mapping[str, Callable[[float, list[Value]], Value]]] = {
    "toFixed": lambda n, a: (
        f"{n:.{int(max(0, min(20, _finite(a, 0))))}f}" if math.isfinite(n) else _number_text(n)
    ),
    "toString": lambda n, a: _number_text(n),
}


def _parse_int(args: list[Value]) -> int | float:
    found = re.match(r"\s{0,100}([+-]?[0-9]{1,300})", _arg(args))
    return tidy(int(found.group(1))) if found else math.nan


def _parse_float(args: list[Value]) -> int | float:
    found = re.match(r"\s{0,100}", _arg(args))
    number = _NUMERIC.match(_arg(args), found.end() if found else 0)
    return tidy(float(number.group())) if number else math.nan


def _round(args: list[Value], how: Callable[[float], int]) -> int | float:
    number = to_number(args[0]) if args else math.nan
    return tidy(how(number)) if math.isfinite(number) else number


def _extreme(args: list[Value], pick: Callable[[list[float]], float], empty: float) -> float:
    numbers = [to_number(one) for one in args]
    if any(math.isnan(number) for number in numbers):
        return math.nan
    return pick(numbers) if numbers else empty


FUNCTIONS: Final[Mapping[str, Callable[[list[Value]], Value]]] = {
    "parseInt": _parse_int,
    "parseFloat": _parse_float,
    "Number": lambda a: to_number(a[0]) if a else 0,
    "String": lambda a: to_text(a[0]) if a else "",
    "Boolean": lambda a: truthy(a[0]) if a else False,
    "isNaN": lambda a: math.isnan(to_number(a[0] if a else math.nan)),
    "encodeURIComponent": lambda a: quote(_arg(a), safe="!'()*-._~"),
    "JSON.stringify": lambda a: (
        to_text(a[0]) if a and isinstance(a[0], dict) else json.dumps(a[0] if a else None)
    ),
    "Math.floor": lambda a: _round(a, math.floor),
    "Math.ceil": lambda a: _round(a, math.ceil),
    "Math.round": lambda a: _round(a, lambda n: math.floor(n + 0.5)),
    "Math.trunc": lambda a: _round(a, math.trunc),
    "Math.abs": lambda a: abs(to_number(a[0])) if a else math.nan,
    "Math.min": lambda a: _extreme(a, min, math.inf),
    "Math.max": lambda a: _extreme(a, max, -math.inf),
}
