"""The retry schedule of deliveries, and when one is parked (docs/contract.md#webhook-schedule). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import accumulate

import clock

WAITS = (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 26 * 3600)
"""Seconds between tries: eleven tries over a little more than three days."""
JITTER = 0.1
CLOCKS_DIFFER = 1.0
"""Seconds by which a try may seem to come before its time: deliverers' clocks are not one."""
GIVE_UP_AFTER = timedelta(days=5)
LONGEST_RETRY_AFTER = 26 * 3600


@dataclass(frozen=True)
class Verdict:
    """The state of a delivery after a try: `delivered`, `pending` until `next_at`, `parked` or `gone`."""

    state: str
    next_at: datetime | None = None


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """`Retry-After` in seconds or as an HTTP date (RFC 9110 section 10.2.3); None if absent or unreadable."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text)
        seconds = (when - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def next_attempt(
    tries: int,
    status: int | None,
    now: datetime,
    retry_after: str | None = None,
    rng: clock.Dice | None = None,
    waits: Sequence[float] = WAITS,
    first: datetime | None = None,
) -> Verdict:
    """After try number `tries` (from 1) with this HTTP status (None: no answer).

    2xx is success, 410 disables the endpoint, everything else (redirects too) is a failure. `Retry-After`
    may put the next try off, never bring it forward. `waits` are the seconds between tries. first: when the
    first try was. A try that somebody asked for before its time is one more, and uses up none of the others.
    """
    if status is not None and 200 <= status < 300:
        return Verdict("delivered")
    if status == 410:
        return Verdict("gone")
    elapsed = (now - first).total_seconds() if first is not None else float("inf")
    place = min(tries, tries_scheduled(elapsed, waits))
    if place > len(waits):
        return Verdict("parked")
    left = sum(waits[:place]) - elapsed if place < tries else waits[place - 1]
    wait = min(left, waits[place - 1]) * (1 + (rng or clock.dice).uniform(0, JITTER))
    asked = retry_after_seconds(retry_after, now) or 0.0  # a shorter one must not burn the tries early
    return Verdict("pending", now + timedelta(seconds=max(asked, wait)))


def tries_scheduled(elapsed: float, waits: Sequence[float]) -> int:
    """How many tries the schedule makes within so many seconds of the first, including it."""
    return 1 + sum(moment <= elapsed + CLOCKS_DIFFER for moment in accumulate(waits))


def is_abandoned(failing_since: datetime | None, now: datetime) -> bool:
    """Whether an endpoint has been failing for so long that it is disabled."""
    return failing_since is not None and now - failing_since >= GIVE_UP_AFTER
