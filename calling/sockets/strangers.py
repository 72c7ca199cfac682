"""The limit of unauthenticated sockets per source, counted per process.

Whoever has spoken takes none of these places, and whoever is let in is counted no longer. Must not live here:
how long a stranger may wait (`patience`).
"""

from __future__ import annotations

from collections import Counter

from tokens.rate_limits import source_of

MOST = 100

MOST_JUDGED = 2000
"""So many of one source may wait for our answer to their first frame: an office whose proxy restarts."""

_waiting: Counter[str] = Counter()
_judged: Counter[str] = Counter()


class Stranger:
    """The place of one socket among those of its source; `leave` gives it back, once."""

    def __init__(self, address: str) -> None:
        self.source = source_of(address)
        self.waits = _waiting[self.source] < MOST
        self.asks = False
        if self.waits:
            _waiting[self.source] += 1

    def speak(self) -> bool:
        """Its first frame came: it waits for us now. False where too many of its source do."""
        self.leave()
        if _judged[self.source] >= MOST_JUDGED:
            return False
        self.asks = True
        _judged[self.source] += 1
        return True

    def leave(self) -> None:
        if self.waits:
            self.waits = False
            give_back(_waiting, self.source)
        if self.asks:
            self.asks = False
            give_back(_judged, self.source)


def give_back(places: Counter[str], source: str) -> None:
    places[source] -= 1
    if places[source] <= 0:
        del places[source]


def waiting(address: str) -> int:
    """The sockets of that source that have not said yet who they are."""
    return _waiting.get(source_of(address), 0)
