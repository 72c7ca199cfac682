"""PostgreSQL in the simulated world: real rows, locks and statements, on the world's time.

A schema before `pg_catalog` on the search path holds the clock functions, so that no statement is changed.
Each actor has a connection of its own, and pauses before each statement and each commit.
"""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from django.apps import apps
from django.db import OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.simulation.world import Actor, Broken, Hung, Killed, World

FUNCTIONS = """
CREATE SCHEMA IF NOT EXISTS sim;
CREATE OR REPLACE FUNCTION sim.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS $$ SELECT current_setting('sim.clock')::timestamptz $$;
CREATE OR REPLACE FUNCTION sim.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT current_setting('sim.clock')::timestamptz $$;
CREATE OR REPLACE FUNCTION sim.transaction_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT current_setting('sim.began')::timestamptz $$;
CREATE OR REPLACE FUNCTION sim.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT current_setting('sim.began')::timestamptz $$;
"""
SEARCH_PATH = "sim,pg_catalog,public"
CLOCKS = ("now()", "_timestamp()")
WRITES = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM)\b", re.IGNORECASE)


def make_clocks() -> None:
    """The functions, in the database of this thread's connection."""
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)


def drop_clocks() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS sim CASCADE")


def empty() -> None:
    """Every table of the product as on its first day, its numbers too."""
    names = ", ".join(
        sorted(f'"{model._meta.db_table}"' for model in apps.get_models() if model._meta.managed)
    )
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")


def drop_connection() -> None:
    """Forget this thread's connection object, whatever state it is in."""
    wrapper = getattr(connections._connections, "default", None)
    if wrapper is not None and wrapper.connection is not None:
        wrapper.connection.close()
    if wrapper is not None:
        del connections._connections.default


class Database:
    """The actors' connections of one world, and a look at PostgreSQL's locks from outside."""

    def __init__(self, world: World) -> None:
        self.world = world
        words = connection.get_connection_params()
        self.words = {k: v for k, v in words.items() if k in ("dbname", "user", "password", "host", "port")}
        self.monitor = psycopg.connect(**self.words, autocommit=True)
        self.faulty: Callable[[Actor, str, str], None] = lambda actor, when, sql: None
        self.before_commit: Callable[[Actor], None] = lambda actor: None
        world.enter, world.leave, world.reborn = self.enter, self.leave, self.reborn
        world.blockers, world.cancel = self.blockers, self.cancel

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
        options["options"] = f"{given} -c search_path={SEARCH_PATH} -c jit=off"
        wrapper.execute_wrappers.append(self.around)
        plain = wrapper._commit

        def commit() -> Any:
            try:
                self.before_commit(actor)
            except Broken as law:  # kept here: leaving the transaction half done raises errors of its own
                self.world.failure = self.world.failure or law
                raise
            self.at(actor, "before", "COMMIT")
            answer = plain()
            actor.began = None  # type: ignore[attr-defined]
            self.faulty(actor, "after", "COMMIT")
            return answer

        wrapper._commit = commit
        actor.wrapper = wrapper  # type: ignore[attr-defined]

    def leave(self, actor: Actor) -> None:
        drop_connection()

    def reborn(self, actor: Actor) -> None:
        drop_connection()

    def die(self, actor: Actor) -> None:
        """The process is killed: PostgreSQL sees its connection close. Raises Killed."""
        actor.dead = True
        self.world.counts["killed"] += 1
        self.hang_up(actor)
        raise Killed

    def hang_up(self, actor: Actor) -> None:
        """Close the actor's connection, and wait until PostgreSQL has let go of what it held."""
        wrapper = connections["default"]
        if wrapper.connection is None:
            return
        pid = wrapper.connection.info.backend_pid
        wrapper.connection.close()
        for _ in range(20000):
            found = self.monitor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
            if found is None:
                return
            threading.Event().wait(0.001)
        raise Hung("a closed connection stays")

    def at(self, actor: Actor, when: str, sql: str) -> None:
        self.world.pause(self.world.dice.expovariate(1 / 0.0004), gist(sql))
        self.faulty(actor, when, sql)

    def around(self, execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        actor = self.world.mine()
        if actor is None:
            return execute(sql, params, many, context)
        self.at(actor, "before", sql)
        raw = context["connection"].connection
        actor.pid = raw.info.backend_pid
        if any(word in sql.lower() for word in CLOCKS):
            self.tell_time(actor, raw)
        try:
            answer = self.world.statement(actor, lambda: execute(sql, params, many, context))
        except OperationalError as error:
            if actor.deadlocked:
                actor.deadlocked = False
                raise OperationalError("deadlock detected") from error
            raise
        if context["connection"].get_autocommit() and WRITES.search(sql):
            self.faulty(actor, "after", sql)
        return answer

    def tell_time(self, actor: Actor, raw: Any) -> None:
        """The clocks of the database have no skew; `now()` stands still in a transaction."""
        skew, actor.skew = actor.skew, 0.0
        moment = self.world.moment().isoformat()
        actor.skew = skew
        idle = raw.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        if idle or getattr(actor, "began", None) is None:
            actor.began = moment  # type: ignore[attr-defined]
        with raw.cursor() as cursor:
            cursor.execute(
                "SELECT pg_catalog.set_config('sim.clock', %s, false),"
                " pg_catalog.set_config('sim.began', %s, false)",
                [moment, actor.began],  # type: ignore[attr-defined]
            )

    # --- a look from outside

    def blockers(self, actor: Actor) -> list[int]:
        if not actor.pid:
            return []
        row = self.monitor.execute("SELECT pg_catalog.pg_blocking_pids(%s)", [actor.pid]).fetchone()
        return list(row[0]) if row else []

    def cancel(self, actor: Actor) -> None:
        if actor.pid:
            self.monitor.execute("SELECT pg_catalog.pg_cancel_backend(%s)", [actor.pid])


def gist(sql: str) -> str:
    """The first words of a statement, and the table it names."""
    words = sql.split()
    table = next((word for word in words if "calling_" in word or "subscribers_" in word), "")
    return f"{words[0]} {table.split('.')[0]}"[:60]
