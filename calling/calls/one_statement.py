"""Changes of several rows that go to PostgreSQL as one statement: one trip for all that a turn changes.

All parts of such a statement see the rows as they were before it, so no part may need what another writes,
and a row may be in one part only. Must not live here: which rows and columns change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model
from django.db.models.sql import InsertQuery, UpdateQuery


class OneStatement:
    """Collects updates and inserts; `run` sends them, or nothing where there are none."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._params: list[Any] = []

    def update(self, model: type[Model], pk: UUID | str, columns: Mapping[str, Any]) -> None:
        """Set some columns of the row with that key; nothing where there are none to set."""
        if not columns:
            return
        query: UpdateQuery = model._default_manager.filter(pk=pk).query.chain(UpdateQuery)  # type: ignore[assignment]
        query.add_update_values(dict(columns))
        self._add(*query.get_compiler(connection=connection).as_sql())

    def insert(self, rows: Sequence[Model]) -> None:
        """Add rows of one model, in their order. They do not learn keys that PostgreSQL makes."""
        if not rows:
            return
        model = type(rows[0])
        query = InsertQuery(model)
        made = [field for field in model._meta.concrete_fields if field is not model._meta.auto_field]
        query.insert_values(made, list(rows))
        for sql, params in query.get_compiler(connection=connection).as_sql():
            self._add(sql, params)

    def _add(self, sql: str, params: Sequence[Any]) -> None:
        self._parts.append(sql)
        self._params += params

    def run(self) -> None:
        if not self._parts:
            return
        *parts, last = self._parts
        before = ", ".join(f"part_{number} AS ({sql})" for number, sql in enumerate(parts))
        with connection.cursor() as cursor:
            cursor.execute(f"WITH {before} {last}" if parts else last, self._params)
