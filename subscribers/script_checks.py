"""Where a higher layer hangs in its check of SWML documents, so that the directory need not know SWML."""

from __future__ import annotations

from collections.abc import Callable

# Gets the document's text; raises ValueError whose text says what is wrong with it.
Check = Callable[[str], object]
_checks: list[Check] = []


def register(check: Check) -> None:
    """Adds a check that every script's contents must pass; called once, when the app is ready."""
    if check not in _checks:
        _checks.append(check)


def fault(contents: str) -> str | None:
    """What the first check that refuses says, None where all pass."""
    for check in _checks:
        try:
            check(contents)
        except ValueError as error:
            return str(error)[:500] or "The document is not valid SWML."
    return None
