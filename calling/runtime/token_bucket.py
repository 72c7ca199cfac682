"""A token bucket for one socket. Pure: the clock is a value."""

from __future__ import annotations


class TokenBucket:
    """`rate` messages a second on the long run, `burst` at once."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate, self.burst = rate, burst
        self.level, self.at = float(burst), now

    def take(self, now: float) -> bool:
        """Whether one more message may pass."""
        self.level = min(self.burst, self.level + max(0.0, now - self.at) * self.rate)
        self.at = max(self.at, now)
        if self.level < 1:
            return False
        self.level -= 1
        return True
