"""Event types and patterns that help texts, pages and recipes give as examples can match something."""

from __future__ import annotations

import re
from pathlib import Path

from calling.calls.event_types import PATTERNS

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "clients").glob("*/README.md"),
    *(ROOT / "clients" / "command").glob("*.py"),
    *(ROOT / "recipes").glob("*.py"),
    ROOT / "README.md",
]
TYPE = r"[a-z]+\.(?:\*|[a-z_]+)"
TOLD = re.compile(
    rf"""(?:--type|types?=|like|"events":|"types":|events=)[^\w\s]*\s?[^\w\s]*({TYPE}(?:,\s?{TYPE})*)"""
)


def test_every_event_type_of_an_example_is_known() -> None:
    found = {
        (path.name, each)
        for path in TEXTS
        for told in TOLD.findall(path.read_text(encoding="utf-8"))
        for each in re.split(r",\s?", told)
    }
    assert {each for _, each in found} >= {"call.*", "record.finished"} and len(found) > 8
    assert [pair for pair in sorted(found) if pair[1] not in PATTERNS] == []
