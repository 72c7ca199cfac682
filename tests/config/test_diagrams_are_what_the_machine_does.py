"""The state diagrams of the documentation are drawn by walking the machine, and are up to date."""

from __future__ import annotations

import subprocess
import sys

from config.env import ROOT


def test_the_checked_in_diagrams_are_what_a_walk_finds() -> None:
    command = [sys.executable, "docs/make_diagrams.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_the_concepts_page_shows_them() -> None:
    page = (ROOT / "docs" / "concepts.md").read_text()
    for name in ("states.mmd", "leg-states.mmd"):
        assert (ROOT / "docs" / name).read_text().strip() in page, f"docs/concepts.md is behind docs/{name}"
