"""When a failed delivery is tried again, and when it is parked (docs/contract.md#webhook-schedule). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import clock

WAITS = (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 26 * 3600)
"""Seconds between tries: eleven tries over a little more than three days."""
JITTER = 0.1
GIVE_UP_AFTER = timedelta(days=5)
LONGEST_RETRY_AFTER = 26 * 3600


@dataclass(frozen=True)
class Verdict:
    """What becomes of a delivery after a try: `delivered`, `pending` until `next_at`, `parked` or `gone`."""

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
) -> Verdict:
    """After try number `tries` (from 1) with this HTTP status (None: no answer).

    2xx is success, 410 disables the endpoint, everything else (redirects too) is a failure. `Retry-After`
    may put the next try off, never bring it forward. `waits` are the seconds between tries.
    """
    if status is not None and 200 <= status < 300:
        return Verdict("delivered")
    if status == 410:
        return Verdict("gone")
    if tries > len(waits):
        return Verdict("parked")
    wait = waits[tries - 1] * (1 + (rng or clock.dice).uniform(0, JITTER))
    asked = retry_after_seconds(retry_after, now) or 0.0  # a shorter one must not burn the tries early
    return Verdict("pending", now + timedelta(seconds=max(asked, wait)))


def is_abandoned(failing_since: datetime | None, now: datetime) -> bool:
    """Whether an endpoint has been failing for so long that it is disabled."""
    return failing_since is not None and now - failing_since >= GIVE_UP_AFTER
