"""`'²'.isdigit()` is true and `int('²')` raises: `isdecimal` is asked of what is read as a number."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("bench", "calling", "clients", "clock", "config", "rest", "subscribers", "tokens")
BYTES = {"config/web/body_limits.py", "config/web/sign_in_pace.py"}  # of bytes, `isdigit` means 0 to 9 alone


def faults(name: str, source: str) -> Iterator[str]:
    if ".isdigit()" not in source:
        return
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Return | ast.Assign | ast.If | ast.Expr | ast.AnnAssign):
            last = node.body[0].end_lineno if isinstance(node, ast.If) else node.end_lineno
            text = "\n".join(lines[node.lineno - 1 : last])
            if ".isdigit()" in text and ("int(" in text or "float(" in text) and "isascii" not in text:
                yield f"{name}:{node.lineno}"


def test_no_number_is_read_behind_isdigit_alone() -> None:
    found = []
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if name not in BYTES:
                found += list(faults(name, path.read_text()))
    assert found == []


def test_the_check_itself_sees_one() -> None:
    assert list(faults("x", "start = int(text) if text.isdigit() else 0"))
    assert list(faults("x", "if text.isdigit():\n    return int(text)"))
    assert not list(faults("x", "start = int(text) if text.isdecimal() else 0"))
