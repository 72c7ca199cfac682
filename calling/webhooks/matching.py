"""Which events an endpoint wants. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

PATTERN = re.compile(r"\*|[a-z][a-z_]*(\.[a-z][a-z_]*)*(\.\*)?")


def is_pattern(text: object) -> bool:
    """`*`, `call.*`, `call.ended`: dotted lower-case words, a star only at the end."""
    return isinstance(text, str) and len(text) <= 60 and PATTERN.fullmatch(text) is not None


def wants(patterns: Iterable[str], type: str) -> bool:
    """Whether any pattern covers the event type."""
    return any(
        pattern == "*" or pattern == type or (pattern.endswith(".*") and type.startswith(pattern[:-1]))
        for pattern in patterns
    )
