"""Several writes that go to PostgreSQL together. Must not live here: what is written, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.db.models import Field, Model
from django.db.models.sql import InsertQuery

from subscribers.postgresql import prepared


class OneStatement:
    """Changes of several rows that go to PostgreSQL as one: one trip for all that a turn changes.

    All its parts see the rows as they were before it, so no part may need what another writes, and a row may
    be in one part only. What others need (a call, for the policies that guard its legs) goes in front, in the
    same message: `first`.
    """

    def __init__(self) -> None:
        self._first: list[prepared.Statement] = []
        self._parts: list[str] = []
        self._params: list[Any] = []

    def first(self, rows: Sequence[Model]) -> None:
        """Add rows of one model before everything else, after what was added so before."""
        for sql, params in inserts(rows):
            self.before(sql, params)
        for row in rows:
            row._state.adding, row._state.db = False, connection.alias  # as Django's own insert does

    def update(self, model: type[Model], pk: UUID | str, columns: Mapping[str, Any], also: str = "") -> None:
        """Set some columns of the row with that key; nothing where there are none to set. `also`: what is set
        beside them, in SQL."""
        if not columns:
            return
        sql, fields = update_of(model, tuple(columns), also)
        params = [
            field.get_db_prep_save(value, connection)
            for field, value in zip(fields, (*columns.values(), pk), strict=True)
        ]
        self.add(sql, params)

    def before(self, sql: str, params: Sequence[Any]) -> None:
        """Say something before it, in the same message, after what was added so before."""
        self._first.append((sql, params))

    def add(self, sql: str, params: Sequence[Any]) -> None:
        """Add a part in its own words."""
        self._parts.append(sql)
        self._params += params

    def run(self, *, commit: bool = False) -> list[tuple[Any, ...]]:
        """Send it, or nothing where there are no parts. Returns the rows that its last part returns.

        `commit`: the transaction ends with it, in the same message; what Django sends then finds none open.
        """
        statements = list(self._first)
        if self._parts:
            *parts, last = self._parts
            before = ", ".join(f"part_{number} AS ({sql})" for number, sql in enumerate(parts))
            statements.append((f"WITH {before} {last}" if parts else last, self._params))
        if statements:
            with connection.cursor() as cursor:
                prepared.send(cursor, *statements, then=["COMMIT"] if commit else [])
                for _ in statements[:-1]:
                    cursor.nextset()
                if self._parts and cursor.description is not None:
                    return list(cursor.fetchall())
        return []


@lru_cache(maxsize=1024)
def update_of(
    model: type[Model], names: tuple[str, ...], also: str = ""
) -> tuple[str, tuple[Field[Any, Any], ...]]:
    """The statement that sets these columns of one row, and the fields of its parameters, the key's last.

    It is kept: Django's query builder takes ten times as long for the same words.
    """
    quoted, meta = connection.ops.quote_name, model._meta
    table = quoted(meta.db_table)
    fields = [cast("Field[Any, Any]", meta.get_field(name)) for name in names]
    *sets, key = (f"{quoted(str(field.column))} = %s" for field in (*fields, meta.pk))
    words = ", ".join([*sets, also] if also else sets)
    return f"UPDATE {table} SET {words} WHERE {table}.{key}", (*fields, meta.pk)


def inserts(rows: Sequence[Model]) -> list[tuple[str, Sequence[Any]]]:
    """The statements that add rows of one model."""
    if not rows:
        return []
    model = type(rows[0])
    query = InsertQuery(model)
    made = [field for field in model._meta.concrete_fields if field is not model._meta.auto_field]
    query.insert_values(made, list(rows))
    return list(query.get_compiler(connection=connection).as_sql())
