"""The expiry of a token: unix seconds or RFC 3339, in the future, at most 30 days ahead. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MAX_LIFE = timedelta(days=30)


def moment_of(value: object, now: datetime) -> datetime:
    """The expiry that `value` gives; raises ValueError with the message for the field."""
    ends = _read(value)
    if ends <= now:
        raise ValueError("Must be greater than now.")
    if ends > now + MAX_LIFE:
        raise ValueError("Must be within 30 days.")
    return ends


def _read(value: object) -> datetime:
    words = "Must be unix seconds or an RFC 3339 time."
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(words)
    try:
        if isinstance(value, str):
            if len(value) > 40 or not value.isascii():
                raise ValueError(words)
            ends = datetime.fromisoformat(value.upper())  # RFC 3339 5.6 allows `t` and `z`
            if ends.tzinfo is None:
                raise ValueError(words)
            return ends.astimezone(UTC)
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(words) from None
