"""A variable that is read has a row in the documentation, and one that is documented is read."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest

from config.env import ROOT

_NAME = re.compile(r"CALLWRIGHT_[A-Z_]+[A-Z]|DATABASE_(?:REPLICA_)?URL|REDIS_URL")
_ROW = re.compile(r"^\| `(CALLWRIGHT_[A-Z_]+|DATABASE_(?:REPLICA_)?URL|REDIS_URL)` \|", re.MULTILINE)


def read_by_the_code() -> set[str]:
    return set(_NAME.findall((ROOT / "config" / "env.py").read_text()))


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_rows_and_code_name_the_same_variables(page: str) -> None:
    assert set(_ROW.findall((ROOT / page).read_text())) == read_by_the_code()


def test_nothing_else_reads_our_variables() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for app in ("config", "subscribers", "tokens", "calling")
        for path in (ROOT / app).rglob("*.py")
        if re.search(
            r"(environ|getenv).{1,30}(CALLWRIGHT_|DATABASE_|REDIS_URL)",
            path.read_text(),
        )
    }
    assert readers == set()


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_environment", ROOT / "docs" / "make_environment.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages() -> tuple[str, str, str]:
    names = ("README.md", "config/env.py", "docs/configuration.md")
    readme, source, page = ((ROOT / name).read_text() for name in names)
    return readme, source, page


def test_the_table_of_the_readme_is_made_from_the_code_and_the_page() -> None:
    """`python docs/make_environment.py` writes it again."""
    readme, source, page = pages()
    make = maker()
    assert make.written(readme, source, page) == readme
    assert set(make.read_by_the_code(source)) == read_by_the_code()
    assert sum(default is not None for default in make.read_by_the_code(source).values()) > 15


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('take.number("CALLWRIGHT_HTTP_PORT", 8000', 'take.number("CALLWRIGHT_HTTP_PORT", 8001', "HTTP_PORT"),
        ('"CALLWRIGHT_BIND"', '"CALLWRIGHT_BINDING"', "CALLWRIGHT_BIND, CALLWRIGHT_BINDING"),
    ],
)
def test_a_page_that_tells_another_name_or_default_is_refused(old: str, new: str, words: str) -> None:
    _, source, page = pages()
    make = maker()
    assert old in source
    with pytest.raises(make.Untrue, match=words):
        make.table(source.replace(old, new), page)
