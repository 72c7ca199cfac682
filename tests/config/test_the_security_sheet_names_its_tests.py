"""docs/security.md: every test it names is there."""

from __future__ import annotations

import re

from config.env import ROOT


def test_every_test_of_the_sheet_exists() -> None:
    named = set(re.findall(r"`((?:\w+/)+test_\w+\.py)`", (ROOT / "docs" / "security.md").read_text()))
    assert len(named) > 40
    assert sorted(name for name in named if not (ROOT / "tests" / name).exists()) == []
