"""The kept corpus: inputs that each took a reader somewhere no other had, and those that once broke one.

One file for each target in `kept/`, one input in base64 on a line; `grow` adds to them.
"""

from __future__ import annotations

import base64
from pathlib import Path

KEPT = Path(__file__).parent / "kept"


def load(name: str) -> list[bytes]:
    """The inputs kept for a target, in the order they were found."""
    path = KEPT / f"{name}.b64"
    return [base64.b64decode(line) for line in path.read_text().splitlines()] if path.exists() else []


def keep(name: str, found: list[bytes]) -> None:
    KEPT.mkdir(exist_ok=True)
    lines = [base64.b64encode(each).decode() for each in found]
    (KEPT / f"{name}.b64").write_text("\n".join(lines) + "\n")
