"""How many sockets of one source may be open before they have said who they are; counted per process.

Whoever is let in is counted no longer. Must not live here: how long a stranger may wait (`patience`).
"""

from __future__ import annotations

from collections import Counter

from tokens.rate_limits import source_of

MOST = 100

_waiting: Counter[str] = Counter()


class Stranger:
    """The place of one socket among those of its source; `leave` gives it back, once."""

    def __init__(self, address: str) -> None:
        self.source = source_of(address)
        self.waits = _waiting[self.source] < MOST
        if self.waits:
            _waiting[self.source] += 1

    def leave(self) -> None:
        if not self.waits:
            return
        self.waits = False
        _waiting[self.source] -= 1
        if _waiting[self.source] <= 0:
            del _waiting[self.source]


def waiting(address: str) -> int:
    """The sockets of that source that have not said yet who they are."""
    return _waiting.get(source_of(address), 0)
