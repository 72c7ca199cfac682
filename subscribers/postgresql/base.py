"""Django's PostgreSQL backend with a second login: work for one project has a connection that sees no more.

A transaction begins in the same message as its first statement; psycopg would send BEGIN alone and wait.

The second login owns nothing and stands under row-level security. Which project a statement is for goes with
the statement that begins its transaction, in one message: nothing is kept in the session, so both logins work
through PgBouncer in transaction mode, and no trip to the database is added.

Lives here: which login a connection has, what goes in front of a transaction, and whether a connection of
the pool is still open. Must not live here: what the policies are and who asks for a project
(`subscribers.row_security`). DATABASES["default"]["REQUESTS"] names the second login; without it this is
Django's backend.
"""

from __future__ import annotations

import select
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Protocol, Self

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.utils import CursorWrapper
from django.db.utils import ProgrammingError
from psycopg.abc import Params, QueryNoTemplate
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg.sql import Composable

from subscribers.postgresql import prepared

UNDER_WAY = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
# The project of this context, as `subscribers.row_security` signed it: "uuid.proof". Hexadecimal and dashes.
asking: ContextVar[str | None] = ContextVar("asking", default=None)


def setting(project: str) -> str:
    """The statement that says, until the transaction ends, whom it is for."""
    return f"SELECT set_config('callwright.project', '{project}', true)"


def still_open(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has not left a connection that was idle.

    One that is well says nothing while it is idle: then no trip is made. Whatever has come (its farewell, the
    end of the stream, a notice) is looked at by asking.
    """
    try:
        heard = select.poll()
        heard.register(connection.fileno(), select.POLLIN)
        if heard.poll(0):
            connection.execute("")
    except psycopg.Error:
        return False
    return True


class TakesNoWrites(psycopg.OperationalError):
    """PostgreSQL answers and takes nothing: a standby, as after a failover, or closed by somebody. To psycopg
    that is a fault of the statement, which nobody would try again."""

    sqlstate = psycopg.errors.ReadOnlySqlTransaction.sqlstate


class Pool(Protocol):
    """What is asked here of Django's pool of connections."""

    def putconn(self, conn: psycopg.Connection[Any], /) -> None: ...


def begin(connection: psycopg.Connection[Any]) -> str:
    """The statement that begins the transaction that Django has asked for; empty where none is to begin."""
    if not getattr(connection, "begins", False) or not idle(connection):
        return ""
    level, read_only = connection.isolation_level, connection.read_only
    words = ["BEGIN"]
    if level is not None:
        words.append(f"ISOLATION LEVEL {psycopg.IsolationLevel(level).name.replace('_', ' ')}")
    if read_only is not None:
        words.append("READ ONLY" if read_only else "READ WRITE")
    return " ".join(words)


def idle(connection: psycopg.Connection[Any]) -> bool:
    return connection.info.transaction_status == TransactionStatus.IDLE


class JoiningCursor(psycopg.ClientCursor[TupleRow]):
    """A cursor whose first statement of a transaction carries what belongs in front of it, in one message."""

    def before(self) -> list[str]:
        """The statements that go first now."""
        first = begin(self.connection)
        return [first] if first else []

    def execute(  # type: ignore[override]  # Django sends no template strings
        self, query: QueryNoTemplate, params: Params | None = None, **options: bool | None
    ) -> Self:
        before = self.before()
        # The simple protocol runs them one after the other, in one transaction also where none was begun.
        said = "; ".join([*before, self._text(query)]).encode() if before else query
        try:
            super().execute(said, params, **options)
        except psycopg.errors.ReadOnlySqlTransaction as error:
            raise TakesNoWrites(*error.args) from error
        for _ in before:
            self.nextset()
        return self

    def executemany(  # type: ignore[override]
        self, query: QueryNoTemplate, params_seq: Iterable[Params], *, returning: bool = False
    ) -> None:
        before = self.before()
        if before and getattr(self.connection, "begins", False):
            super().execute("; ".join(before).encode())
        elif before:
            with self.connection.transaction():
                super().execute("; ".join(before).encode())
                super().executemany(query, params_seq, returning=returning)
            return
        super().executemany(query, params_seq, returning=returning)

    def _text(self, query: QueryNoTemplate) -> str:
        if isinstance(query, Composable):
            return query.as_string(self)
        return query.decode() if isinstance(query, bytes) else str(query)


class ProjectCursor(JoiningCursor):
    """A cursor of the second login. The first statement of each transaction carries the project."""

    def before(self) -> list[str]:
        project = asking.get()
        if project is None or not idle(self.connection):
            return super().before()
        return [*super().before(), setting(project)]


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection at a time, of the login that the context wants; exchanged between two transactions."""

    _of_requests = False  # what the open connection is
    _twin: base.DatabaseWrapper | None = None

    @property
    def two_logins(self) -> bool:
        return bool(self.settings_dict.get("REQUESTS"))

    def ensure_connection(self) -> None:
        if self.connection is not None and self._of_requests != self._wants_requests():
            if self.in_atomic_block:
                raise ProgrammingError("A transaction cannot change between the instance and a project.")
            self.close()
        super().ensure_connection()

    def connect(self) -> None:
        self._of_requests = self._wants_requests()
        super().connect()

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        """One of the pool that is still open; the pool makes new ones for those that are not."""
        while True:
            found: psycopg.Connection[Any] = super().get_new_connection(conn_params)
            found.begins = False  # type: ignore[attr-defined]  # what `begin` looks at
            pool = self.pool
            if pool is None or still_open(found):
                try:
                    prepared.learn(found)
                except BaseException:  # else its place in the pool would be lost for ever
                    found.close()
                    if pool is not None:
                        pool.putconn(found)
                    raise
                if found.read_only:  # it was lost in the midst of a look (`calling.calls.queries`)
                    found.isolation_level = found.read_only = None
                return found
            found.close()
            pool.putconn(found)

    @property
    def pool(self) -> Pool | None:
        found: Pool | None = self._requests().pool if self._wants_requests() else super().pool
        return found

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = (
            self._requests().get_connection_params()
            if self._wants_requests()
            else super().get_connection_params()
        )
        if params["cursor_factory"] is base.Cursor:
            params["cursor_factory"] = JoiningCursor
        return params

    def _set_autocommit(self, autocommit: bool) -> None:
        """psycopg's connection stays in autocommit, or it would begin by itself; the cursor begins."""
        with self.wrap_database_errors:
            if autocommit and self.connection.info.transaction_status in UNDER_WAY:
                raise ProgrammingError("A transaction is under way.")
            if not self.connection.autocommit:
                self.connection.autocommit = True
            self.connection.begins = not autocommit

    def chunked_cursor(self) -> CursorWrapper:
        """A cursor that the server keeps would need a session of its own; a request reads whole answers."""
        if self._wants_requests():
            return self.cursor()
        self.ensure_connection()
        if first := begin(self.connection):  # its own class of cursor does not begin
            self.connection.execute(first)
        return super().chunked_cursor()

    def close_pool(self) -> None:
        super().close_pool()
        if self._twin is not None:
            self._twin.close_pool()

    def _wants_requests(self) -> bool:
        return self.two_logins and asking.get() is not None

    def _requests(self) -> base.DatabaseWrapper:
        """Django's own wrapper of the second login, for its pool alone (kept per alias in the class)."""
        if self._twin is None:
            own = self.settings_dict
            login = own["REQUESTS"]
            pool = own["OPTIONS"].get("pool")
            options = {**login["OPTIONS"], "cursor_factory": ProjectCursor, "pool": pool}
            self._twin = base.DatabaseWrapper({**own, **login, "OPTIONS": options}, f"{self.alias}-requests")
        return self._twin
