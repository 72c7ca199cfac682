"""The days of the event log: making their partitions, beginning a day, forgetting one as a whole.

Numbers of events come from one sequence, and a partition has the numbers of a day
(`calling.calls.event_days`). A day begins when its partition is there and the sequence is moved on to it;
until then events go on in the day before, so no write ever waits for this job, or fails without it. A
clock that jumps ahead begins a day too early, and the days until then have no partition of their own; one
that jumps back begins none.

Forgetting drops the partition. Rows in it that must stay, few of them, move into the partition before it; so
the oldest partition holds the rows that outlive their day, and this job deletes them row by row.

No lock is waited for longer than `LOCK_MS`, since everybody behind waits along: the next round tries again.
Must not live here: which events may be forgotten (`calling.retention`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.errors import LockNotAvailable

from calling.calls import event_days
from calling.calls.positions import TEST

log = logging.getLogger(__name__)

AHEAD = 1
"""Days whose partition is made before they begin. Each is one more for those who look at the newest."""
LOCK = 0x43444159  # "CDAY"
LOCK_MS = 200
MOVED = 10_000
"""So many rows are moved under a lock; a day with more to keep is emptied row by row instead."""

PARTITIONS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'calling_event'::regclass
"""
BOUNDS = re.compile(r"FROM \((MINVALUE|'-?\d+')\) TO \('(-?\d+)'\)")

MAKE = """
CREATE TABLE {name} (LIKE calling_event INCLUDING DEFAULTS INCLUDING STORAGE)
    WITH (fillfactor = 80, toast_tuple_target = 1000);
CREATE UNIQUE INDEX ON {name} (stream, sequence);
CREATE UNIQUE INDEX ON {name} (project_id, position);
CREATE UNIQUE INDEX ON {name} (call_id) WHERE type = 'call.ended';
ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_the_project ON {name} USING (
    NOT (SELECT callwright_fenced()) OR project_id = (SELECT callwright_project())
);
ALTER TABLE calling_event ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end});
"""
UNPUBLISHED = """
SELECT EXISTS (SELECT FROM calling_event WHERE position IS NULL AND type <> %s AND id < %s)
"""
LEFT = """
SELECT relname FROM pg_class
WHERE relname ~ '^calling_event_[0-9]{8}$' AND relkind = 'r' AND NOT relispartition
  AND pg_table_is_visible(oid)
"""
MERGE = """
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE calling_event DETACH PARTITION {into};
ALTER TABLE calling_event DETACH PARTITION {day};
INSERT INTO {into} SELECT * FROM {day} WHERE id = ANY(%(stay)s);
WITH gone AS (DELETE FROM calling_event_other WHERE id >= {begin} AND id < {end} RETURNING *)
INSERT INTO {into} SELECT * FROM gone;
ALTER TABLE calling_event ATTACH PARTITION {into} FOR VALUES FROM ({low}) TO ({end});
ALTER TABLE {into} DROP CONSTRAINT event_until;
DELETE FROM callwright_event_day WHERE first_number < {end} AND first_number < (
    SELECT first_number FROM callwright_event_day ORDER BY first_number DESC OFFSET 1 LIMIT 1);
"""
OUTSIDE = "calling_event_other"
"""Where numbers go that no other partition has."""

BEGIN = """
SELECT setval('calling_event_id_seq', %(first)s) FROM calling_event_id_seq WHERE last_value < %(first)s;
INSERT INTO callwright_event_day VALUES (%(first)s, clock_timestamp())
"""


@dataclass(frozen=True, order=True)
class Partition:
    """The events whose numbers are at least `first` (None: any) and below `end`."""

    end: int
    name: str
    first: int | None

    @property
    def lowest(self) -> int:
        return 0 if self.first is None else self.first


def partitions() -> list[Partition]:
    """Oldest first, without the one of numbers that no other has."""
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONS)
        bounds = [(str(name), BOUNDS.search(text or "")) for name, text in cursor.fetchall()]
    found = [
        Partition(int(bound[2]), name, None if bound[1] == "MINVALUE" else int(bound[1].strip("'")))
        for name, bound in bounds
        if bound is not None
    ]
    return sorted(found)


def keep_days() -> int:
    """Make the partitions that are to come and begin today's, where it has not begun. How many were made."""
    left_behind()
    made = make_days()
    begin_day()
    return made


def today() -> date:
    """PostgreSQL's, in UTC: one clock for all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (now() AT TIME ZONE 'UTC')::date")
        found: date = cursor.fetchone()[0]
    return found


def make_days() -> int:
    known, made = partitions(), 0
    for day in (today() + timedelta(days=ahead) for ahead in range(AHEAD + 1)):
        first, end = event_days.first_number(day), event_days.first_number(day + timedelta(days=1))
        if not any(each.lowest < end and first < each.end for each in known):
            made += make(f"calling_event_{day:%Y%m%d}", first, end)
    return made


def make(name: str, first: int, end: int) -> bool:
    """Whether it is there now; not where another is at it, or numbers of that day were given away already."""
    try:
        with brief() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            cursor.execute(MAKE.format(name=name, first=first, end=end))
    except (Busy, ProgrammingError, IntegrityError) as error:
        log.warning("A day of events has no partition yet", extra={"error": str(error).splitlines()[0]})
        return False
    return True


def begin_day() -> bool:
    """Give numbers of today from now on. False where they are given already, or it is not the moment."""
    first = event_days.first_number(today())
    if not any(each.first == first for each in partitions()):
        return False
    try:
        with brief() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            if not cursor.fetchone()[0]:
                return False
            cursor.execute("SELECT coalesce(max(first_number), 0) FROM callwright_event_day")
            (newest,) = cursor.fetchone()
            cursor.execute(UNPUBLISHED, [TEST, newest])
            (behind,) = cursor.fetchone()
            if first <= newest or behind:
                return False
            # Everything that has a number of the day before is committed once this lock is ours.
            cursor.execute("LOCK TABLE ONLY calling_event IN SHARE MODE")
            cursor.execute(BEGIN, {"first": first})
    except Busy:
        return False
    event_days.forget()
    return True


def drop(day: Partition, kept: str, words: dict[str, Any]) -> bool:
    """Drop a day. `kept`: a statement that returns the ids of its events that are to stay; they move into the
    partition before. False where these are too many. Raises Busy where the locks are not to be had now."""
    known = partitions()
    if day not in known:  # another sweep has done it
        return True
    into = known[known.index(day) - 1]
    low, check = ("MINVALUE", "") if into.first is None else (into.first, f"id >= {into.first} AND ")
    with brief() as cursor:
        cursor.execute(
            f"ALTER TABLE {into.name} DROP CONSTRAINT IF EXISTS event_until,"
            f" ADD CONSTRAINT event_until CHECK ({check}id < {day.end}) NOT VALID"
        )
    with connection.cursor() as cursor:  # reads the partition beside writers, so that no lock waits for it
        cursor.execute(f"ALTER TABLE {into.name} VALIDATE CONSTRAINT event_until")
        cursor.execute(f"SELECT count(*) FROM ({kept} LIMIT {MOVED + 1}) few", words)
        if cursor.fetchone()[0] > MOVED:
            return False
    with brief() as cursor:
        cursor.execute("LOCK TABLE ONLY calling_event IN ACCESS EXCLUSIVE MODE")
        if not {into, day} <= set(partitions()):
            raise Busy("another sweep is at it")
        cursor.execute(kept, words)
        stay = [row[0] for row in cursor.fetchall()]
        merge = MERGE.format(into=into.name, day=day.name, low=low, begin=into.end, end=day.end)
        cursor.execute(merge, {"stay": stay})
    event_days.forget()
    left_behind()
    return True


def size(day: Partition) -> int:
    """About how many events: numbers are given one after the other, few of them in vain."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(id) - min(id) + 1, 0) FROM {day.name}")
        return int(cursor.fetchone()[0])


def left_behind() -> None:
    """Remove days that were taken out of the log and are still there."""
    with connection.cursor() as cursor:
        cursor.execute(LEFT)
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        try:
            with brief() as cursor:
                cursor.execute(f"DROP TABLE IF EXISTS {name}")
        except Busy:
            log.info("A day of events is removed later", extra={"partition": name})


def ended_by(day: Partition, moment: datetime) -> bool:
    """Whether everything in it was written before that moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(begun_at) <= %s FROM callwright_event_day WHERE first_number >= %s", [moment, day.end]
        )
        return bool(cursor.fetchone()[0])


class Busy(Exception):
    """Somebody has the lock."""


@contextmanager
def brief() -> Iterator[CursorWrapper]:
    """A transaction that waits for no lock. Raises Busy."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_MS}ms'")
            yield cursor
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise Busy(str(error)) from error
        raise
