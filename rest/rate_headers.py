"""`RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` of an answer: the tightest limit it met.

Lives here: collecting what the limits of one request said, and their headers. The limits themselves are
`tokens.rate_limits`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Quota:
    """A bucket after one request: `limit` requests fit in it, `remaining` are left, and it is full again
    after `reset` seconds."""

    limit: float
    remaining: float
    reset: float

    def headers(self) -> dict[str, str]:
        """Whole numbers, as draft-ietf-httpapi-ratelimit-headers-03 has them."""
        return {
            "RateLimit-Limit": str(int(self.limit)),
            "RateLimit-Remaining": str(max(0, math.floor(self.remaining))),
            "RateLimit-Reset": str(max(0, math.ceil(self.reset))),
        }


_met: ContextVar[list[Quota] | None] = ContextVar("rate_limits_met", default=None)


@contextmanager
def collected() -> Iterator[list[Quota]]:
    """Collects what `note` reports inside the block."""
    met: list[Quota] = []
    token = _met.set(met)
    try:
        yield met
    finally:
        _met.reset(token)


def note(quota: Quota) -> None:
    """Record a limit that applied to the current request. Does nothing outside a request."""
    met = _met.get()
    if met is not None:
        met.append(quota)


def tightest(met: list[Quota]) -> Quota | None:
    """The limit with the fewest requests left."""
    return min(met, key=lambda quota: quota.remaining, default=None)
