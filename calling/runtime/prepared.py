"""Looks that are made all the time: PostgreSQL parses and plans them once for a connection, not each time.

Planning one that reads a dozen tables takes longer than answering it. What is prepared lies in a session of
the server, so this is for a connection that has one to itself: behind a pooler (PgBouncer) the next statement
may meet another. Must not live here: what the statements are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection

from subscribers.postgresql.base import asking

ONCE = "SET plan_cache_mode = force_generic_plan"
"""Or else PostgreSQL takes a plan for any days of events to be dearer than a new one for those that are asked
for; it leaves the others out when it begins to run it too."""


def rows(sql: str, words: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What a statement returns. It is planned anew in a transaction, for a project's request, or where
    somebody watches what Django says."""
    connection.ensure_connection()
    plain, watched = connection.connection, bool(connection.execute_wrappers)
    if watched or connection.in_atomic_block or asking.get() is not None or not has_session(plain):
        with connection.cursor() as cursor:
            cursor.execute(sql, words)
            return list(cursor.fetchall())
    with connection.wrap_database_errors, psycopg.Cursor(plain) as prepared:
        prepared.execute(sql, words, prepare=True)
        return prepared.fetchall()


def has_session(plain: psycopg.Connection[Any]) -> bool:
    """Whether the server's process is the one that the connection was made to: a pooler names another."""
    known: bool | None = getattr(plain, "has_session", None)
    if known is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            known = cursor.fetchone()[0] == plain.info.backend_pid
            if known:
                cursor.execute(ONCE)
                plain.prepare_threshold = 0  # Django's are of another kind (`ClientCursor`), never prepared
        plain.has_session = known  # type: ignore[attr-defined]
    return known
