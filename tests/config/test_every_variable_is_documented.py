"""A variable that is read has a row in the documentation, and one that is documented is read."""

from __future__ import annotations

import re

import pytest

from config.env import ROOT

_NAME = re.compile(r"CALLWRIGHT_[A-Z_]+[A-Z]|DATABASE_URL|REDIS_URL")
_ROW = re.compile(r"^\| `(CALLWRIGHT_[A-Z_]+|DATABASE_URL|REDIS_URL)` \|", re.MULTILINE)


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
        if re.search(r"(environ|getenv).{1,30}(CALLWRIGHT_|DATABASE_URL|REDIS_URL)", path.read_text())
    }
    assert readers == set()
