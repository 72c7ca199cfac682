"""How often a stranger may try: failed passwords, and messages per source before any state is made.

Pure: time comes in as an argument, memory is bounded. What must not live here: what is counted.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict

MAX_TRACKED = 20_000


def source_of(host: str) -> str:
    """Who an address is to a limit: itself, or its /64, which one IPv6 host has to itself."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))


class AttemptLock:
    """Failures per key inside a window; a key with too many is locked until the window has passed."""

    def __init__(self, limit: int, window: float) -> None:
        self._limit, self._window = limit, window
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def locked(self, key: str, now: float) -> bool:
        count, since = self._failures.get(key, (0, now))
        return count >= self._limit and now - since < self._window

    def failed(self, key: str, now: float) -> None:
        count, since = self._failures.get(key, (0, now))
        if now - since >= self._window:
            count, since = 0, now
        # The time of the last failure counts once the limit is reached, so trying on prolongs the lock.
        self._failures[key] = (count + 1, now if count + 1 >= self._limit else since)
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_TRACKED:
            self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        self._failures.pop(key, None)


class SourceRateLimiter:
    """A token bucket per source and one for all sources together (docs/security.md#r20)."""

    def __init__(self, per_source: float, burst: float, overall: float) -> None:
        self._rate, self._burst, self._overall = per_source, burst, overall
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admits(self, source: str, now: float) -> bool:
        """Whether one more message of this source is looked at."""
        return self._take(source_of(source), self._rate, self._burst, now) and self._take(
            "", self._overall, self._overall, now
        )

    def _take(self, key: str, rate: float, burst: float, now: float) -> bool:
        left, seen = self._buckets.get(key, (burst, now))
        left = min(burst, left + (now - seen) * rate)
        allowed = left >= 1
        self._buckets[key] = (left - 1 if allowed else left, now)
        self._buckets.move_to_end(key)
        while len(self._buckets) > MAX_TRACKED:
            self._buckets.popitem(last=False)
        return allowed
