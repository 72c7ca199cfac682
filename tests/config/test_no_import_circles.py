"""Two files may not reach each other through imports of any kind.

Read from the syntax tree, so an import inside a function or under `TYPE_CHECKING` counts like any other.
A circle is a set of two or more files, each of which reaches each other one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from config.env import ROOT


def product_packages(root: Path) -> list[Path]:
    """The top-level packages of the repository but for the tests."""
    return sorted(found.parent for found in root.glob("*/__init__.py") if found.parent.name != "tests")


def modules(root: Path) -> dict[str, Path]:
    """Every module of the product by its dotted name; a package's name stands for its `__init__.py`."""
    found = {}
    for package in product_packages(root):
        apart = {each.parent for each in package.rglob("pyproject.toml")}
        for path in sorted(package.rglob("*.py")):
            if apart & set(path.parents):
                continue  # a distribution of its own, with its own dependencies
            found[".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


def imported(name: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules that one module names in its imports, wherever in the file they stand."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            source = absolute(name, path.name == "__init__.py", node)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                yield from (target for target in (inner if inner in known else source,) if target in known)


def absolute(name: str, is_package: bool, node: ast.ImportFrom) -> str:
    """The dotted name after `from`, relative imports resolved."""
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join([*parts, *([node.module] if node.module else [])])


def import_graph(root: Path) -> dict[str, set[str]]:
    known = modules(root)
    return {name: set(imported(name, path, known)) - {name} for name, path in known.items()}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected components with more than one member (Tarjan, without recursion)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found = []
    for start in sorted(graph):
        work = [(start, iter(sorted(graph[start])))] if start not in index else []
        while work:
            node, targets = work[-1]
            if node not in index:
                index[node] = lowest[node] = len(index)
                stack.append(node)
                on_stack.add(node)
            for target in targets:
                if target not in index:
                    work.append((target, iter(sorted(graph[target]))))
                    break
                if target in on_stack:
                    lowest[node] = min(lowest[node], index[target])
            else:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[node])
                if lowest[node] == index[node]:
                    cut = stack.index(node)
                    component = stack[cut:]
                    del stack[cut:]
                    on_stack -= set(component)
                    if len(component) > 1:
                        found.append(sorted(component))
    return found


def test_no_files_import_each_other() -> None:
    found = circles(import_graph(ROOT))
    assert not found, "\n".join(f"{len(each)} files: {', '.join(each)}" for each in found)


def test_every_kind_of_import_can_close_a_circle(tmp_path: Path) -> None:
    files = {
        "one/__init__.py": "",
        "one/plain.py": "import one.lazy\n",
        "one/lazy.py": "def f():\n    from one import typed\n",
        "one/typed.py": "if TYPE_CHECKING:\n    from .plain import x\n",
        "one/leaf.py": "from one.plain import y\nimport os\n",
        "two/__init__.py": "from two.inner import z\n",
        "two/inner.py": "from . import name_of_the_package\n",
        "tests/__init__.py": "from tests.a import b\n",
        "tests/a.py": "import tests\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert circles(import_graph(tmp_path)) == [["one.lazy", "one.plain", "one.typed"], ["two", "two.inner"]]


def test_a_long_chain_and_crossing_circles_are_counted_once() -> None:
    chain = {str(n): {str(n + 1)} for n in range(5000)} | {"5000": set()}
    assert circles(chain) == []
    eight = {"a": {"b", "c"}, "b": {"a"}, "c": {"d"}, "d": {"a"}, "e": {"a", "f"}, "f": set()}
    assert circles(eight) == [["a", "b", "c", "d"]]
