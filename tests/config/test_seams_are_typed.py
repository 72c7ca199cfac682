"""How many seams of the product are typed exactly `Any`: parameters, returns and annotated attributes.

`Any` inside another type (`dict[str, Any]`, JSON) is no such seam.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.env import ROOT
from tests.config.test_no_import_circles import modules

CEILING = 49  # may only fall
# Packages and modules in which none is allowed, by dotted name.
NONE_IN: tuple[str, ...] = ("calling.calls", "calling.commands", "calling.machine", "calling.models")


def seams(path: Path) -> Iterator[tuple[int, str]]:
    """(line, name) of each seam of a file that is annotated exactly `Any`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.arg) and is_any(node.annotation):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and is_any(node.returns):
            yield node.lineno, f"{node.name}()"
        elif isinstance(node, ast.AnnAssign) and is_any(node.annotation):
            yield node.lineno, ast.unparse(node.target)


def is_any(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation).strip("'\"") in ("Any", "typing.Any")


def product_seams() -> dict[str, list[str]]:
    """Each module's seams of type `Any` as `path:line name`; the benchmark is not part of the product."""
    return {
        name: [f"{path.relative_to(ROOT)}:{line} {seam}" for line, seam in seams(path)]
        for name, path in modules(ROOT).items()
        if name.split(".")[0] != "bench"
    }


def test_no_more_seams_are_any_than_before() -> None:
    counted = {name: len(found) for name, found in product_seams().items() if found}
    most = sorted(counted.items(), key=lambda each: -each[1])[:10]
    assert sum(counted.values()) <= CEILING, f"at most {CEILING} seams may be Any; the most are in {most}"


@pytest.mark.parametrize("room", NONE_IN)
def test_no_seam_of_this_room_is_any(room: str) -> None:
    inside = {n: found for n, found in product_seams().items() if n == room or n.startswith(f"{room}.")}
    assert inside, f"there is no {room}: mend NONE_IN"
    assert [seam for found in inside.values() for seam in found] == []


def test_each_kind_of_seam_is_counted_and_nothing_else(tmp_path: Path) -> None:
    text = "\n".join(
        (
            "x: Any = 1",
            "def f(a: Any, /, b: typing.Any, *c: Any, d: 'Any', **e: Any) -> Any: ...",
            "async def g(a: int, b: Any | None, c: dict[str, Any]) -> list[Any]: ...",
            "class C:",
            "    y: Any",
            "    z: ClassVar[Any]",
        )
    )
    (tmp_path / "sample.py").write_text(text)
    found = {name for _, name in seams(tmp_path / "sample.py")}
    assert found == {"x", "a", "b", "c", "d", "e", "f()", "y"}
