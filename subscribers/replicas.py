"""Reads that a standby of PostgreSQL may answer, so that lists, exports and charts cost the primary nothing.

A read says how fresh it must be, by its decorator. `caught_up`: the standby has replayed all that was
committed before the read began, so nobody misses what was written before, whoever wrote it; that is for lists
of the REST API. `may_be_late`: it may be CALLWRIGHT_REPLICA_LAG_SECONDS old; that is for charts and exports.
Everything else, and every read for which no standby is good enough, goes to the primary. So does a read that
a standby broke off: the work is done once more there, and must only read.

Which standby is behind is measured in the primary's own log and by its own clock, never by the standby's.

Lives here: the choice, and Django's router. Must not live here: how a connection is fenced
(`subscribers.row_security`, which holds on a standby too), which reads these are.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection, connections
from django.db.models import Model

import clock
from subscribers.database_roles import CLOSED

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

ALIAS = "replica"  # of the first: replica1
LOOK_SECONDS = 1.0  # how long a look at the lag holds for reads that may be late
AWAY_SECONDS = 5.0  # how long one that failed is left alone
# How long a read waits for a standby that is a moment behind: some milliseconds are what streaming takes.
WAITS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)

# Where its log ends. Just behind the header of a page (24 bytes; 40 on the first of a file) nothing has been
# written to that page, and a standby that has everything stands before the header.
PRIMARY = """
SELECT (place - CASE
    WHEN (place - '0/0') % pg_size_bytes(current_setting('wal_segment_size')) = 40 THEN 40
    WHEN (place - '0/0') % current_setting('wal_block_size')::int = 24 THEN 24
    ELSE 0
END)::text, clock_timestamp() FROM pg_current_wal_insert_lsn() AS place
"""
STANDBY = """
SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() >= %s::pg_lsn END,
       EXTRACT(EPOCH FROM %s::timestamptz - pg_last_xact_replay_timestamp())::float
"""

_chosen: ContextVar[str] = ContextVar("replica", default=DEFAULT_DB_ALIAS)
_lock = threading.Lock()
_away_until: dict[str, float] = {}
_looks: dict[str, tuple[float, State]] = {}
_turn = 0


@dataclass(frozen=True)
class State:
    """What a standby says of itself. `late`: seconds since the newest commit that it has replayed, by the
    primary's clock; 0 where it has replayed everything, None where it has replayed no commit since it began.
    """

    standby: bool
    caught_up: bool
    late: float | None

    def usable(self, bound: float) -> bool:
        return self.standby and self.late is not None and self.late <= bound


class Router:
    """Reads inside a decorated function go to the standby that it was given; all else to the primary."""

    def db_for_read(self, model: type[Model], **hints: object) -> str:
        meta = model._meta
        away = meta.app_label not in ("calling", "subscribers") or meta.db_table in CLOSED
        return DEFAULT_DB_ALIAS if away else _chosen.get()

    def db_for_write(self, model: type[Model], **hints: object) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Model, other: Model, **hints: object) -> bool:
        return True  # they are one database

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        return db == DEFAULT_DB_ALIAS


def aliases() -> list[str]:
    """The standbys of this process's settings, as Django knows them."""
    return [each for each in connections if each.startswith(ALIAS)]


def caught_up(work: Callable[P, T]) -> Callable[P, T]:
    """`work` sees at least what was committed before it was called."""
    return _read(work, _has_all)


def may_be_late(work: Callable[P, T]) -> Callable[P, T]:
    """`work` sees all but, perhaps, what was committed in the last CALLWRIGHT_REPLICA_LAG_SECONDS."""
    return _read(work, _is_near)


def state(alias: str) -> State:
    """What that standby has of the primary now. Raises what the database raises."""
    return _compare(alias, *_primary())


def usable() -> list[str]:
    """Those that may answer a read that may be late, looked at once a second at most."""
    found = []
    for alias in aliases():
        with _given_back(alias), contextlib.suppress(DatabaseError, InterfaceError):
            found += [alias] if _is_near(alias) else []
    return found


def forget() -> None:
    """The next read looks at every standby again."""
    with _lock:
        _away_until.clear()
        _looks.clear()


def _read(work: Callable[P, T], good: Callable[[str], bool]) -> Callable[P, T]:
    @wraps(work)
    def read(*args: P.args, **kwargs: P.kwargs) -> T:
        # Inside a transaction there may be rows that only its own connection sees.
        if not aliases() or _chosen.get() != DEFAULT_DB_ALIAS or connection.in_atomic_block:
            return work(*args, **kwargs)
        for alias in _in_turn():
            with _given_back(alias):
                try:
                    if not good(alias):
                        continue
                    token = _chosen.set(alias)
                    try:
                        return work(*args, **kwargs)
                    finally:
                        _chosen.reset(token)
                except (DatabaseError, InterfaceError) as error:
                    # Gone; or it ended the statement for the sake of its replay, or has not got a column yet.
                    _leave_alone(alias, error)
        return work(*args, **kwargs)

    return read


def _in_turn() -> list[str]:
    """Those not left alone, each first at its turn."""
    global _turn
    now = clock.monotonic()
    with _lock:
        _turn += 1
        found = [each for each in aliases() if _away_until.get(each, 0.0) <= now]
        first = _turn % len(found) if found else 0
    return found[first:] + found[:first]


def _leave_alone(alias: str, error: Exception) -> None:
    with _lock:
        _away_until[alias] = clock.monotonic() + AWAY_SECONDS
        _looks.pop(alias, None)
    log.warning("a read replica failed, the primary answers", extra={"replica": alias, "error": str(error)})


@contextlib.contextmanager
def _given_back(alias: str) -> Iterator[None]:
    """The connection goes back to its pool, which takes a project's role off it."""
    try:
        yield
    finally:
        connections[alias].close()


def _primary() -> tuple[str, datetime]:
    with connection.cursor() as cursor:
        cursor.execute(PRIMARY)
        place, now = cursor.fetchone()
    return place, now


def _compare(alias: str, place: str, now: datetime) -> State:
    with connections[alias].cursor() as cursor:
        cursor.execute(STANDBY, [place, now])
        standby, has_all, late = cursor.fetchone()
    return State(bool(standby), bool(has_all), 0.0 if has_all else late)


def _has_all(alias: str) -> bool:
    place, now = _primary()
    found = _compare(alias, place, now)
    for wait in WAITS:
        if found.caught_up or not found.usable(_bound()):
            break
        clock.sleep(wait)
        found = _compare(alias, place, now)
    return found.standby and found.caught_up


def _is_near(alias: str) -> bool:
    """One look for all reads of a second; the bound is kept counting its age."""
    with _lock:
        kept = _looks.get(alias)
    age = clock.monotonic() - kept[0] if kept is not None else LOOK_SECONDS
    if kept is None or age >= LOOK_SECONDS:
        age, kept = 0.0, (clock.monotonic(), state(alias))
        with _lock:
            _looks[alias] = kept
    return kept[1].usable(_bound() - age)


def _bound() -> float:
    return float(settings.CALLWRIGHT_REPLICA_LAG_SECONDS)
