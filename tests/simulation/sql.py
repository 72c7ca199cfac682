"""PostgreSQL in the simulated world: real rows, locks and statements, on the world's time.

A schema before `pg_catalog` on the search path holds the clock functions, so that no statement is changed.
Each actor has a connection of its own, and pauses before each statement and each commit. While it waits for a
lock, others go on.
"""

from __future__ import annotations

import copy
import re
import select
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple
from unittest import mock

import psycopg
from django.apps import apps
from django.db import OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from greenlet import getcurrent
from psycopg.waiting import Ready, Wait

from tests.simulation.prepared import OPTIONS, Plans, Prepared
from tests.simulation.world import EPOCH, WALL_SECONDS, Actor, Broken, Hung, Killed, World

FUNCTIONS = """
CREATE SCHEMA IF NOT EXISTS sim;
CREATE OR REPLACE FUNCTION sim.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    RETURN current_setting('sim.clock')::timestamptz;
CREATE OR REPLACE FUNCTION sim.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    RETURN current_setting('sim.clock')::timestamptz;
CREATE OR REPLACE FUNCTION sim.transaction_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    RETURN current_setting('sim.began')::timestamptz;
CREATE OR REPLACE FUNCTION sim.now() RETURNS timestamptz LANGUAGE sql STABLE
    RETURN current_setting('sim.began')::timestamptz;
"""
SEARCH_PATH = "sim,pg_catalog,public"
CLOCKS = ("now()", "_timestamp()")
TELL_TIME = "SELECT {0}('sim.clock', '{1}', false), {0}('sim.began', '{2}', false); "
WRITES = re.compile(r'\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?([a-z_]+)', re.IGNORECASE)
LOCKS = re.compile(r"\bFOR (NO KEY )?UPDATE\b", re.IGNORECASE)
SHARES = re.compile(r"\bFOR (KEY )?SHARE\b", re.IGNORECASE)
NAMES = re.compile(r"\b(?:calling|subscribers|tokens|callwright)_[a-z_]+\b")
# A message of which the number of rows says whether it wrote: one statement, and none inside of it.
ALONE = re.compile(r"\s*(?:INSERT|UPDATE|DELETE)\b[^;]*\Z", re.IGNORECASE)

DUE = {
    "sweep": """
    SELECT min(deadline) AS moment FROM calling_call WHERE state <> 'ended'
    UNION ALL SELECT min(s.wanted_at) FROM calling_call c JOIN calling_mediasession s ON s.id = c.session_id
        WHERE c.state <> 'ended' AND s.state = 'ended'
    UNION ALL SELECT min(coalesce(w.heartbeat_at + interval '2.5 seconds', s.wanted_at))
        FROM calling_mediasession s LEFT JOIN calling_mediaworker w ON w.id = s.worker_id
        WHERE s.state = 'running'
    UNION ALL SELECT min(CASE s.state WHEN 'moving' THEN wanted_at + interval '2 seconds'
        ELSE coalesce(dispatched_at + interval '1.5 seconds', wanted_at + interval '0.7 seconds') END)
        FROM calling_mediasession s WHERE s.state IN ('moving', 'wanted')
    UNION ALL SELECT min(c.paid_until) - interval '5 seconds' FROM calling_phonecharge c
        WHERE c.settled_at IS NULL AND c.per_minute <> 0
    UNION ALL SELECT min(online_until) FROM calling_device
    UNION ALL SELECT min(until) FROM calling_presencelease
    UNION ALL SELECT min(created_at) FROM calling_event WHERE position IS NULL AND type <> 'webhook.test'
    UNION ALL SELECT min(park_before) FROM calling_webhookendpoint
    UNION ALL SELECT min(next_at) FROM calling_alert WHERE telling
    """,
    "dialogs": "SELECT min(lease_until) AS moment FROM calling_sipdialog WHERE state <> 'ended'",
    "deliveries": """
    SELECT min(greatest(d.claimed_until,
            CASE WHEN d.tried_at < e.hasten_at THEN d.tried_at ELSE d.next_at END)) AS moment
        FROM calling_delivery d JOIN calling_webhookendpoint e ON e.id = d.endpoint_id
        WHERE d.state = 'pending' AND d.head AND e.disabled_at IS NULL AND d.id = (
            SELECT o.id FROM calling_delivery o WHERE o.state = 'pending' AND o.endpoint_id = d.endpoint_id
            AND o.stream = d.stream ORDER BY o.event_id, o.id LIMIT 1)
    """,
}
"""The earliest moment that a row names and at which a look may find more, by who looks: every condition of
`calling.waiting`, the leases of dialogs, and a claim. Recordings, meetings, pushes and erasures do not happen
in this world."""
NEXT_DUE = "SELECT " + ", ".join(f"(SELECT min(moment) FROM ({each}) {name})" for name, each in DUE.items())
AHEAD = 0.5  # seconds: so far a process's clock may be before the database's
TURN_SECONDS, LONGEST_TURN_SECONDS = 0.0005, 0.1
STALLED_SECONDS = 0.02  # of the wall: no answer for so long, and a lock may be in the way


def make_clocks() -> None:
    """The functions, in the database of this thread's connection; and no vacuum at a time of its own.

    A vacuum moves rows, and with them the order in which statements without ORDER BY find them.
    """
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        cursor.execute(
            "SELECT p.relid::regclass::text FROM unnest(%s::text[]) AS t(name),"
            " pg_partition_tree(t.name::regclass) p WHERE p.isleaf ORDER BY 1",
            [tables()],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {name} SET (autovacuum_enabled = off)")


def drop_clocks() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS sim CASCADE")


def empty() -> None:
    """Every table of the product as on its first day, its numbers too."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables())} RESTART IDENTITY CASCADE")


def tables() -> list[str]:
    return sorted(f'"{model._meta.db_table}"' for model in apps.get_models() if model._meta.managed)


def drop_connection() -> None:
    """Forget the connection object of whoever is at work, whatever state it is in."""
    wrapper = getattr(connections._connections, "default", None)
    if wrapper is not None and wrapper.connection is not None:
        wrapper.connection.close()
    if wrapper is not None:
        del connections._connections.default


class OfEach:
    """Django's store of connections, by greenlet instead of by thread; the hub has this thread's own."""

    def __init__(self, hub: Any, before: Any) -> None:
        self.__dict__["_places"] = lambda: before if getcurrent() is hub else getcurrent()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._places(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._places(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._places(), name)


@contextmanager
def connections_of_actors(world: World) -> Iterator[None]:
    with mock.patch.object(connections, "_connections", OfEach(world.hub, connections._connections)):
        yield


class Patience:
    """How an actor's connection waits for PostgreSQL: briefly, then it asks whether a lock is in the way."""

    def __init__(self, world: World, actor: Actor, raw: psycopg.Connection[Any], plans: Plans) -> None:
        self.world, self.actor, self.raw = world, actor, raw
        self.prepared = Prepared(plans)
        self.poll = select.poll()
        self.poll.register(raw.pgconn.socket, select.POLLIN)

    def arrived(self, seconds: float) -> bool:
        return bool(self.poll.poll(seconds * 1000))

    def __call__(self, work: Generator[Any, Any, Any], *args: Any, **options: Any) -> Any:
        try:
            wanted = next(work)
            while True:
                # What is sent goes to a socket of this machine, which takes it.
                wanted = work.send(Ready.W if wanted & Wait.W else self.answer())
        except StopIteration as end:
            return end.value

    def answer(self) -> Ready:
        began = 0.0
        while not self.arrived(STALLED_SECONDS):
            if self.world.mine() is self.actor:
                try:
                    self.world.stalled(self.actor, self.arrived)
                except Killed:  # in the midst of a statement
                    self.raw.pgconn.finish()
                    raise
            began = began or time.monotonic()
            if time.monotonic() - began > WALL_SECONDS and not self.arrived(0.0):
                raise Hung(f"{self.actor.name} has no answer from PostgreSQL")
        return Ready.R


class Database:
    """The actors' connections of one world, and a look at PostgreSQL's locks from outside."""

    def __init__(self, world: World) -> None:
        self.world = world
        words = connection.get_connection_params()
        self.words = {k: v for k, v in words.items() if k in ("dbname", "user", "password", "host", "port")}
        self.monitor = psycopg.connect(**self.words, autocommit=True, options=OPTIONS)
        self.plans = Plans(self.monitor)
        self.faulty: Callable[[Actor, str, str], None] = lambda actor, when, sql: None
        self.before_commit: Callable[[Actor], None] = lambda actor: None
        self.after_statement: dict[str, Callable[[Actor], None]] = {}  # by the statement; nobody else has run
        world.enter, world.leave, world.reborn = self.enter, self.leave, self.reborn
        world.blockers, world.cancel, world.next_due = self.blockers, self.cancel, self.next_due

    def close(self) -> None:
        self.monitor.close()

    # --- an actor's connection

    def enter(self, actor: Actor) -> None:
        drop_connection()
        wrapper: BaseDatabaseWrapper = connections["default"]
        wrapper.settings_dict = copy.deepcopy(wrapper.settings_dict)
        wrapper.settings_dict["CONN_MAX_AGE"] = None
        options = wrapper.settings_dict["OPTIONS"]
        options.pop("pool", None)
        given = options.get("options", "")
        options["options"] = f"{given} -c search_path={SEARCH_PATH} -c jit=off {OPTIONS}"
        wrapper.execute_wrappers.append(self.around)
        plain, plain_rollback = wrapper._commit, wrapper._rollback

        def rollback() -> Any:
            answer = plain_rollback()
            self.over(actor)
            return answer

        def commit() -> Any:
            if wrapper.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                return plain()  # its last statement has ended it
            self.may_commit(actor)
            self.at(actor, "before", "COMMIT")
            answer = self.waiting(actor, plain)  # foreign keys are checked here, behind others' locks
            self.over(actor)
            self.faulty(actor, "after", "COMMIT")
            return answer

        wrapper._commit, wrapper._rollback = commit, rollback
        actor.began, actor.dirty, actor.holds = None, set(), False

    def may_commit(self, actor: Actor) -> None:
        try:
            self.before_commit(actor)
        except Broken as law:  # kept here: leaving the transaction half done raises errors of its own
            self.world.failure = self.world.failure or law
            raise

    def over(self, actor: Actor) -> None:
        """A transaction of the actor's has ended: what it wrote is to be seen, and its locks are free."""
        actor.began, actor.holds = None, False
        if actor.dirty:
            tables, actor.dirty = actor.dirty, set()
            if not actor.quiet:
                self.world.wrote(tables)

    def leave(self, actor: Actor) -> None:
        drop_connection()

    def reborn(self, actor: Actor) -> None:
        self.hang_up(actor)
        drop_connection()

    def die(self, actor: Actor) -> None:
        """The process is killed: PostgreSQL sees its connection close. Raises Killed."""
        actor.dead = True
        self.hang_up(actor)
        raise Killed

    def hang_up(self, actor: Actor) -> None:
        """Close the actor's connection, and wait until PostgreSQL has let go of what it held."""
        wrapper = connections["default"]
        if wrapper.connection is None:
            return
        pid = actor.pid
        if wrapper.connection.closed:  # in a statement that waits for a lock, and would go on
            self.monitor.execute("SELECT pg_catalog.pg_terminate_backend(%s)", [pid])
        else:
            pid = wrapper.connection.info.backend_pid
            wrapper.connection.close()
        actor.dirty, actor.began, actor.holds = set(), None, False
        self.world.wrote()  # its locks are free
        for _ in range(20000):
            found = self.monitor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
            if found is None:
                return
            time.sleep(0.001)
        raise Hung("a closed connection stays")

    def at(self, actor: Actor, when: str, sql: str) -> None:
        self.world.pause(actor.dice.expovariate(1 / 0.0004), read(sql).gist)
        self.faulty(actor, when, sql)

    def around(self, execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        actor = self.world.mine()
        if actor is None:
            return execute(sql, params, many, context)
        self.at(actor, "before", sql)
        raw = context["connection"].connection
        if not isinstance(raw.wait, Patience):
            actor.pid, raw.wait = raw.info.backend_pid, Patience(self.world, actor, raw, self.plans)
        about = read(sql)
        if about.holds and not actor.holds:
            self.take_turn(actor, about.names)
        ends = sql.endswith("; COMMIT")
        if ends:
            self.may_commit(actor)
        told = about.told and not many
        before, text = raw.wait.prepared.message(sql, None if many else params)
        first = (self.told_time(actor, raw) if told else "") + before
        held, actor.holds = actor.holds, actor.holds or about.holds  # also while it waits for another lock
        actor.locking = about.names if about.holds else frozenset()
        try:
            answer = self.waiting(actor, lambda: execute(first + text, params, many, context))
        except Exception:
            actor.holds = held
            raise
        raw.wait.prepared.answered()
        cursor = context["cursor"]
        for _ in range(bool(told) + bool(before)):
            cursor.nextset()
        if sql in self.after_statement:
            self.after_statement[sql](actor)
        if cursor.rowcount != 0 or not about.alone:
            actor.dirty |= about.written
        if ends or context["connection"].get_autocommit():
            self.over(actor)
            if about.written:
                self.faulty(actor, "after", sql)
        return answer

    def take_turn(self, actor: Actor, names: frozenset[str]) -> None:
        """Who holds nothing yet lets those go first who wait for a lock in the same tables.

        PostgreSQL wakes several who followed one row at once, and which of them is first then is chance.
        """
        pause = TURN_SECONDS
        while any(other.locking & names for other in self.world.blocked if other is not actor):
            self.world.pause(pause, "takes its turn")
            pause = min(2 * pause, LONGEST_TURN_SECONDS)

    def waiting(self, actor: Actor, work: Callable[[], Any]) -> Any:
        """What may wait for a lock, or be the one that gives up."""
        try:
            return work()
        except OperationalError as error:
            if actor.deadlocked:
                actor.deadlocked = False
                raise OperationalError("deadlock detected") from error
            raise

    def told_time(self, actor: Actor, raw: Any) -> str:
        """The clocks of the database have no skew; `now()` stands still in a transaction."""
        skew, actor.skew = actor.skew, 0.0
        moment = self.world.moment().isoformat()
        actor.skew = skew
        if raw.info.transaction_status == psycopg.pq.TransactionStatus.IDLE or actor.began is None:
            actor.began = moment
        return TELL_TIME.format("pg_catalog.set_config", moment, actor.began)

    # --- a look from outside

    def next_due(self) -> dict[str, float]:
        found = self.monitor.execute(NEXT_DUE).fetchone() or ()
        return {
            kind: (moment - EPOCH).total_seconds() - AHEAD if moment is not None else float("inf")
            for kind, moment in zip(DUE, found, strict=True)
        }

    def blockers(self, actor: Actor) -> list[int]:
        if not actor.pid:
            return []
        row = self.monitor.execute("SELECT pg_catalog.pg_blocking_pids(%s)", [actor.pid]).fetchone()
        return list(row[0]) if row else []

    def cancel(self, actor: Actor) -> None:
        if actor.pid:
            self.monitor.execute("SELECT pg_catalog.pg_cancel_backend(%s)", [actor.pid])


class Reading(NamedTuple):
    """What the text of a statement says: its first words and table, whether it asks for the time, the tables
    that it writes to, whether the number of rows says if it did, whether it may lock rows, and all tables."""

    gist: str
    told: bool
    written: frozenset[str]
    alone: bool
    holds: bool
    names: frozenset[str]


@lru_cache(maxsize=4096)
def read(sql: str) -> Reading:
    words = sql.split()
    table = next((word for word in words if "calling_" in word or "subscribers_" in word), "")
    return Reading(
        f"{words[0]} {table.split('.')[0]}"[:60],
        any(word in sql.lower() for word in CLOCKS),
        frozenset(WRITES.findall(LOCKS.sub("", sql))),
        bool(ALONE.match(sql)),
        any(pattern.search(sql) for pattern in (WRITES, LOCKS, SHARES)),
        frozenset(NAMES.findall(sql)),
    )
