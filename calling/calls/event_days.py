"""Which numbers events have, by the time they were written: what a look at the log need not read.

Events lie in partitions by number (`calling.models.event`). A look that does not say which numbers it wants
is planned for, and asks, every day that is kept; so those who look often say a lowest one. It is read from a
list of when each day's numbers began, kept for a while in each process: an old list gives a lower number,
which is as right. Must not live here: beginning and forgetting days (`calling.retention.partitions`).

Numbers of one day begin only when everything of the day before is committed, and when at most that day has
anything unpublished. So a project's positions grow from day to day, and what is to be published, and the
positions given last, are in the two newest days.
"""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import connection

import clock
from subscribers.postgresql.prepared import Planned

SHIFT = 36
"""Bits of a number below its day: as many events may be written before the next begins."""
KEPT_SECONDS = 300.0
SLACK = timedelta(days=1)
"""Times come from the clocks of several hosts."""

BEGUN = "SELECT first_number, begun_at FROM callwright_event_day ORDER BY first_number"

_lock = threading.Lock()
_kept: dict[str, tuple[float, list[tuple[int, datetime]]]] = {}


def first_number(day: date) -> int:
    """The first number of a day's range."""
    return (day - date(1970, 1, 1)).days << SHIFT


def begun() -> list[tuple[int, datetime]]:
    """(first number, since when numbers from there on are given) of each day, oldest first."""
    name, now = str(connection.settings_dict["NAME"]), clock.monotonic()
    with _lock:
        found = _kept.get(name)
    if found is not None and 0 <= now - found[0] < KEPT_SECONDS:
        return found[1]
    with connection.cursor() as cursor:
        cursor.execute(BEGUN)
        days = [(int(first), at) for first, at in cursor.fetchall()]
    with _lock:
        _kept[name] = now, days
    return days


def forget() -> None:
    """Read the list again: this process has changed it."""
    with _lock:
        _kept.clear()


def newest_two() -> Planned:
    """No event with a lower number is unpublished; nor has one a higher position than any of these."""
    days = begun()
    return Planned(days[-2][0] if len(days) > 1 else 0)


def since(moment: datetime) -> Planned:
    """No event that was written at that moment or later has a lower number."""
    return Planned(max((first for first, at in begun() if at <= moment - SLACK), default=0))


def of_call(call_id: UUID | str) -> Planned:
    """No event of that call has a lower number: its id says when it was made."""
    key = call_id if isinstance(call_id, UUID) else UUID(call_id)
    if key.version != 7:
        return Planned(0)
    return since(datetime.fromtimestamp((key.int >> 80) / 1000, UTC))
