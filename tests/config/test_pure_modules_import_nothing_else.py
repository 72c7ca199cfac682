"""A module whose docstring says "Pure." knows no framework, engine or client, and of ours only pure modules.

The machine is stricter: the standard library alone.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

from config.env import ROOT

_APPS = ("config", "subscribers", "tokens", "calling")
_WORLD = {
    "django",
    "rest_framework",
    "channels",
    "celery",
    "kombu",
    "redis",
    "psycopg",
    "h11",
    "uvicorn",
}
_MARK = re.compile(r"\b[Pp]ure\b(?=[.;:,)]| apart)")


def pure_modules() -> dict[str, Path]:
    found = {}
    for app in _APPS:
        for path in (ROOT / app).rglob("*.py"):
            words = ast.get_docstring(ast.parse(path.read_text())) or ""
            if _MARK.search(words) or "calling/machine/" in path.as_posix():
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                found[name] = path
    return found


def imports(path: Path) -> set[str]:
    """What a module imports when it runs; what is there for the type checker alone does not count."""
    found = set()
    tree = ast.parse(path.read_text())
    tree.body = [n for n in tree.body if not (isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test))]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found |= {f"{module}.{alias.name}" for alias in node.names} if is_package(module) else {module}
    return found


def is_package(module: str) -> bool:
    return (ROOT / Path(*module.split("."))).is_dir()


def test_pure_modules_stay_pure() -> None:
    pure = pure_modules()
    assert "calling.machine.decide" in pure
    foreign = {
        f"{name} imports {imported}"
        for name, path in pure.items()
        for imported in imports(path)
        if imported.split(".")[0] in _WORLD or is_ours_and_not_pure(imported, pure)
    }
    assert foreign == set()


def test_the_machine_imports_the_standard_library_alone() -> None:
    machine = {name: path for name, path in pure_modules().items() if name.startswith("calling.machine")}
    foreign = {
        f"{name} imports {imported}"
        for name, path in machine.items()
        for imported in imports(path)
        if imported.split(".")[0] not in sys.stdlib_module_names
        and not imported.startswith("calling.machine")
    }
    assert foreign == set()


def is_ours_and_not_pure(imported: str, pure: dict[str, Path]) -> bool:
    ours = imported.split(".")[0] in _APPS
    return ours and imported not in pure and imported.rpartition(".")[0] not in pure
