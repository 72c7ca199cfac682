"""An error's `url` leads to a row of `/api/docs`: every code that the source can raise has one there."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from calling.commands import params
from calling.sockets import frames
from calling.telephony import phone_numbers
from config.error_codes import ERRORS
from rest import errors
from tokens.signing import InvalidToken

ROOT = Path(__file__).parents[2]


def family(kind: type) -> Iterator[type]:
    yield kind
    for each in kind.__subclasses__():
        yield from family(each)


def makers() -> dict[str, inspect.Signature]:
    """What takes a `code`, by name; of methods without `self`."""
    known: list[Any] = [*family(errors.ApiError), errors.Problem, errors.field, frames.error]
    known += [frames.BadFrame, params.Fault, params.invalid, phone_numbers.Refusal, InvalidToken]
    found = {each.__name__: inspect.signature(each) for each in known}
    wrong = inspect.signature(params.Params.fail)
    found["wrong"] = wrong.replace(parameters=list(wrong.parameters.values())[1:])
    return found


def raised() -> dict[str, str]:
    """Every code that stands in a call, and where."""
    by_name, found = makers(), {}
    for package in ("config", "subscribers", "tokens", "calling"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name not in by_name or any(isinstance(each, ast.Starred) for each in node.args):
                    continue
                named = {each.arg: each.value for each in node.keywords if each.arg}
                try:
                    code = by_name[name].bind_partial(*node.args, **named).arguments.get("code")
                except TypeError:
                    continue  # another thing of that name
                text = code.value if isinstance(code, ast.Constant) else None
                if isinstance(text, str) and re.fullmatch(r"[a-z0-9_]+", text):  # not a logger's `error`
                    found[text] = f"{path.relative_to(ROOT)}:{node.lineno}"
    return found


def test_every_code_that_is_raised_has_a_row() -> None:
    rows = {code for _, code, _ in ERRORS}
    codes = raised() | {kind.code: kind.__name__ for kind in family(errors.ApiError)}
    codes |= dict.fromkeys(errors._OWN_CODES, "rest/errors.py")
    assert len(codes) > 40
    assert {code: where for code, where in codes.items() if code not in rows} == {}


def test_no_code_has_two_rows() -> None:
    codes = [code for _, code, _ in ERRORS]
    assert len(codes) == len(set(codes))
