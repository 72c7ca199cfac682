"""Work that PostgreSQL undid because of another transaction begins anew: it has written nothing.

For work that commits once. What must not live here: how a failure is told (`errors`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from django.db import connection

from rest.errors import is_overtaken

TRIES: Final = 3
R = TypeVar("R")


def begin_anew(work: Callable[[], R], error: Exception) -> R:
    """`work` again, which has just failed with `error`; as often as another transaction overtakes it, TRIES
    times in all. Raises what it failed with last: `error` at once where nobody overtook it, or where it is
    part of a transaction that is still open."""
    for _ in range(TRIES - 1):
        if connection.in_atomic_block or not is_overtaken(error):
            break
        try:
            return work()
        except Exception as last:
            error = last
    raise error
