"""docs/architecture.md: its layers are those that lint holds, and what it names is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
PACKAGES = ("calling", "clock", "config", "rest", "subscribers", "tokens", "bench", "tests")
DOTTED = re.compile(rf"(?<![\w./])((?:{'|'.join(PACKAGES)})(?:\.\w+)+)")
FOLDERS = re.compile(r"^\| ((?:`[\w/]+/` ?)+)\|", re.MULTILINE)


def test_its_layers_are_those_that_lint_holds() -> None:
    told = re.search(r"## Layers.*?```[^\n]*\n(.*?)```", PAGE, re.DOTALL)
    assert told is not None
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = next(each["layers"] for each in contracts if each["id"] == "one-way")
    assert told.group(1).split("\n")[:-1] == held


def test_every_package_of_calling_stands_in_the_layers() -> None:
    held = set(re.findall(r"calling\.(\w+)", PAGE.split("```")[3]))
    there = {each.name for each in (ROOT / "calling").iterdir() if (each / "__init__.py").exists()}
    there |= {each.stem for each in (ROOT / "calling").glob("*.py")}
    assert there - held - {"__init__", "migrations"} == set()


def test_its_folders_are_there() -> None:
    folders = [folder for row in FOLDERS.findall(PAGE) for folder in re.findall(r"`([\w/]+)`", row)]
    assert len(folders) > 30
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("page", ["architecture", "media", "security", "failure-modes"])
def test_modules_that_a_page_names_are_there(page: str) -> None:
    names = set(DOTTED.findall((ROOT / f"docs/{page}.md").read_text()))
    assert [name for name in sorted(names) if not leads_somewhere(name)] == []


def leads_somewhere(name: str) -> bool:
    """Whether a dotted name begins with a module, or with a package and something that its module has."""
    parts = name.split(".")
    if name.startswith("calling.") and re.match(r"calling\.(call|transcribe|denoise|detect)\b", name):
        return True  # SignalWire's event and command names
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:length])
        if path.with_suffix(".py").exists():
            return length >= len(parts) - 2
        if path.is_dir():
            return length == len(parts)
    return False


def test_the_root_of_the_switchboard_holds_eight_modules_at_most() -> None:
    modules = [each.name for each in (ROOT / "calling").glob("*.py") if each.name != "__init__.py"]
    assert len(modules) <= 8, modules


def test_the_root_of_media_holds_three_files_at_most() -> None:
    assert len(list((ROOT / "calling/media").glob("*.py"))) <= 3
