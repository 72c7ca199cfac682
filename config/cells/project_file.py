"""A project as one file: written in the cell that has it, read in the cell that is to have it.

Which rows are a project's is what row-level security says: PostgreSQL copies them as the role that sees no
others. Numbers that a cell gives (events and their like) are given anew, in the same order; other keys are
UUIDs and stay. The file holds the secrets of the project, and those of webhooks and gateways as the key of
the cell sealed them.

Must not live here: files of recordings, staff and their roles, and what is over with the moment (workers,
sockets, candidates): they are not in the file.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from uuid import UUID

from django.apps import apps
from django.db import DataError, IntegrityError, ProgrammingError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import AutoField, Model
from psycopg import DataError as WrongData
from psycopg import sql

from calling.models import Call, LedgerEntry
from calling.retention import erasure
from config import sealed_columns
from subscribers import encryption
from subscribers.database_roles import CLOSED, ROLE
from subscribers.models import Project

FORMAT = 1
MANIFEST = "manifest.json"
APPS = ("subscribers", "tokens", "calling")
# Of this moment and this cell.
PASSING = {
    "calling_mediaworker",
    "calling_icecandidate",
    "calling_trunk",
    "calling_sipdialog",
    "calling_pushring",
}
# Nothing is ever deleted from it: a cell keeps the books of a project that has left. They are a beginning of
# those in the file, where the project comes back.
LEDGER = "calling_ledgerentry"
# What points at such a thing points at nothing elsewhere.
LOOSE = {"calling_mediasession": "worker_id"}
PIECE = 1 << 16
# What a file that is cut off, changed or none of ours leads to.
DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError,
    LookupError, ValueError, TypeError, AttributeError,
    DataError, WrongData, ProgrammingError,
)  # fmt: skip


class CannotMove(Exception):
    """The project stays where it is; `str()` is the one line to print."""


def tables() -> dict[str, type[Model]]:
    """What is in the file, by the table's name."""
    found = (model for app in APPS for model in apps.get_app_config(app).get_models())
    return {
        model._meta.db_table: model
        for model in found
        if model._meta.managed and model._meta.db_table not in {*CLOSED, *PASSING}
    }


def export(project_id: UUID, path: Path) -> dict[str, int]:
    """Writes the file; rows by table. Raises CannotMove where it has live calls, or is not here."""
    counted: dict[str, int] = {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if not Project.objects.filter(pk=project_id).exists():
            raise CannotMove(f"there is no project {project_id}")
        live = Call.objects.filter(project_id=project_id).exclude(state="ended").count()
        if live:
            raise CannotMove(f"{live} calls are live: end them, or wait")
        if erasure.unfinished().filter(project_id=project_id).exists():
            raise CannotMove("the erasure of a subscriber goes on, and the new cell would not know: wait")
        manifest = {"format": FORMAT, "project": str(project_id), "migrations": migrations()}
        columns = {name: columns_of(name) for name in tables()}
        cursor.execute("SELECT set_config('callwright.project', %s, true)", [str(project_id)])
        cursor.execute(f"SET LOCAL ROLE {ROLE}")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as made:
                made.writestr(MANIFEST, json.dumps({**manifest, "columns": columns}))
                for name in columns:
                    words = sql.SQL("COPY (SELECT {} FROM {} ORDER BY 1) TO STDOUT").format(
                        selected(name, columns[name]), sql.Identifier(name)
                    )
                    with made.open(name, "w", force_zip64=True) as member, cursor.copy(words) as copied:
                        for piece in copied:
                            member.write(piece)
                    counted[name] = cursor.rowcount
        except BaseException:
            path.unlink(missing_ok=True)  # a part of a project is of no use
            raise
        cursor.execute("RESET ROLE")
    return {name: count for name, count in counted.items() if count}


def load(path: Path) -> tuple[UUID, dict[str, int]]:
    """Reads the file into this cell, all of it or nothing: the project, and rows by table.

    Raises CannotMove where this cell has another version or a part of it already, where it cannot read the
    secrets, and for a file that says more than its project.
    """
    try:
        with zipfile.ZipFile(path) as given, transaction.atomic():
            return read(given)
    except IntegrityError as error:
        raise CannotMove(f"this cell has it, or a part of it: {str(error).splitlines()[0]}") from None
    except DAMAGED as error:
        words = (str(error) or type(error).__name__).splitlines()[0]
        raise CannotMove(f"the file is damaged, or was not written by `project export`: {words}") from None


def read(given: zipfile.ZipFile) -> tuple[UUID, dict[str, int]]:
    manifest = json.loads(given.read(MANIFEST))
    project_id = UUID(manifest["project"])
    judge(manifest, project_id)
    numbered: set[str] = set()
    for name in manifest["columns"]:
        stage(name, given)
        if isinstance(tables()[name]._meta.pk, AutoField):
            number(name)
            numbered.add(name)
    kept = books_kept(project_id)
    counted: dict[str, int] = {}
    with connection.cursor() as cursor:
        # As the role that writes rows of this project alone: the file may say what it likes.
        cursor.execute("SELECT set_config('callwright.project', %s, true)", [str(project_id)])
        cursor.execute(f"SET LOCAL ROLE {ROLE}")
        for name in reversed(parts_first()):
            counted[name] = insert(name, columns_of(name), numbered, kept if name == LEDGER else 0)
        cursor.execute("RESET ROLE")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    judge_secrets(project_id)
    return project_id, {name: count for name, count in counted.items() if count}


def books_kept(project_id: UUID) -> int:
    """How many entries of its ledger this cell has kept. They must be the beginning of those in the file."""
    kept = LedgerEntry.objects.filter(project_id=project_id).count()
    names = ("project_id", "number", "amount", "reserved", "balance_after", "reserved_after", "at")
    with connection.cursor() as cursor:
        words = sql.SQL("SELECT count(*) FROM {} s JOIN {} l USING ({}) WHERE l.project_id = %s")
        cursor.execute(
            words.format(
                staged(LEDGER), sql.Identifier(LEDGER), sql.SQL(", ").join(map(sql.Identifier, names))
            ),
            [project_id],
        )
        if cursor.fetchone()[0] != kept:
            raise CannotMove("the ledger that this cell kept goes on otherwise: is the file an older one?")
    return kept


def judge_secrets(project_id: UUID) -> None:
    """Webhooks whose secret cannot be read would be disabled by the next sweep."""
    unreadable = 0
    for model, column in sealed_columns.SEALED:
        if model._meta.db_table in tables():
            rows = model._default_manager.filter(project_id=project_id).exclude(**{column: ""})
            for sealed in rows.values_list(column, flat=True):
                try:
                    sealed_columns.anew(sealed)
                except encryption.Unreadable:
                    unreadable += 1
    if unreadable:
        words = "add the old cell's key to CALLWRIGHT_OLD_SECRET_KEYS of this one"
        raise CannotMove(f"{unreadable} of its secrets were sealed with a key that is not here: {words}")


def remove(project_id: UUID) -> int:
    """Deletes the project and all its own but the ledger, for the cell that it left; how many rows."""
    gone = 0
    with transaction.atomic(), connection.cursor() as cursor:
        if Call.objects.filter(project_id=project_id).exclude(state="ended").exists():
            raise CannotMove("it has live calls here")
        cursor.execute("SELECT set_config('callwright.project', %s, true)", [str(project_id)])
        cursor.execute(f"SET LOCAL ROLE {ROLE}")
        # What is found only by what it points at goes first. Workers and candidates are nobody's.
        for name in [*PASSING - {"calling_mediaworker", "calling_icecandidate"}, *parts_first()]:
            if name not in (Project._meta.db_table, LEDGER):
                cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
                gone += cursor.rowcount
        cursor.execute("RESET ROLE")
        gone += sum(Project.objects.filter(pk=project_id).delete()[1].values())
    return gone


def judge(manifest: dict[str, object], project_id: UUID) -> None:
    if manifest.get("format") != FORMAT or manifest.get("migrations") != migrations():
        raise CannotMove("the file is of another version: bring both cells to the same one")
    if manifest.get("columns") != {name: columns_of(name) for name in tables()}:
        raise CannotMove("the file has other columns than this cell")
    if Project.objects.filter(pk=project_id).exists():
        raise CannotMove(f"project {project_id} is here already")


def migrations() -> dict[str, str]:
    """The newest migration of each app, by name."""
    applied = MigrationRecorder(connection).applied_migrations()
    return {app: max(name for label, name in applied if label == app) for app in APPS}


def columns_of(table: str) -> list[str]:
    """Every column but generated ones, by name: the key first."""
    fields = tables()[table]._meta.concrete_fields
    names = [str(each.column) for each in fields if not each.generated]
    key = key_of(table)
    return [key, *sorted(name for name in names if name != key)]


def key_of(table: str) -> str:
    return str(tables()[table]._meta.pk.column)


def selected(table: str, columns: list[str]) -> sql.Composable:
    return sql.SQL(", ").join(
        sql.SQL("NULL") if LOOSE.get(table) == name else sql.Identifier(name) for name in columns
    )


def staged(table: str) -> sql.Identifier:
    return sql.Identifier(f"moved_{table}")


def stage(table: str, given: zipfile.ZipFile) -> None:
    """The rows of the file in a table of this transaction alone."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns_of(table)))
    with connection.cursor() as cursor:
        words = sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA")
        cursor.execute(words.format(staged(table), names, sql.Identifier(table)))
        cursor.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(staged(table), sql.Identifier(ROLE)))
        copying = sql.SQL("COPY {} ({}) FROM STDIN").format(staged(table), names)
        with given.open(table) as member, cursor.copy(copying) as copied:
            for piece in pieces(member):
                copied.write(piece)


def pieces(member: IO[bytes]) -> Iterator[bytes]:
    while piece := member.read(PIECE):
        yield piece


def numbers(table: str) -> sql.Identifier:
    return sql.Identifier(f"numbers_{table}")


def number(table: str) -> None:
    """New numbers for the staged rows, in their order, in a table of this transaction alone.

    They are drawn one by one: those of the file may lie further apart than this cell has room for (events).
    A day of events does not begin between the drawing and the end of this transaction.
    """
    key = sql.Identifier(key_of(table))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(sql.Identifier(table)))
        cursor.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS"
                " SELECT old, nextval(pg_get_serial_sequence({}, {})) AS new"
                " FROM (SELECT {} AS old FROM {} ORDER BY 1) rows"
            ).format(numbers(table), sql.Literal(table), sql.Literal(key_of(table)), key, staged(table))
        )
        cursor.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (old)").format(numbers(table)))
        cursor.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(numbers(table), sql.Identifier(ROLE)))


def insert(table: str, columns: list[str], numbered: set[str], kept: int = 0) -> int:
    """The staged rows into the table, with new numbers, but for the first `kept`."""
    given = {column: whole for column, whole in references(table).items() if whole in numbered}
    if table in numbered:
        given[key_of(table)] = table
    taken = [
        sql.SQL("(SELECT n.new FROM {} n WHERE n.old = s.{})").format(
            numbers(given[name]), sql.Identifier(name)
        )
        if name in given
        else sql.SQL("s.{}").format(sql.Identifier(name))
        for name in columns
    ]
    # A stream's deliveries enter in their order, by which the database marks the first.
    order = min(given, default=columns[0])
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} s ORDER BY s.{} OFFSET {}").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.SQL(", ").join(taken),
                staged(table),
                sql.Identifier(order),
                sql.Literal(kept),
            )
        )
        return int(cursor.rowcount)


def references(table: str) -> dict[str, str]:
    """Its columns that point at a row, and of which table."""
    fields = tables()[table]._meta.concrete_fields
    return {
        str(each.column): each.remote_field.model._meta.db_table
        for each in fields
        if each.remote_field is not None
    }


def parts_first() -> list[str]:
    """The tables, each before those that its rows point at."""
    left = {name: set(references(name).values()) - {name} for name in tables()}
    found: list[str] = []
    while left:
        free = [name for name in left if not any(name in wanted for wanted in left.values())]
        found += free
        for name in free:
            del left[name]
    return found
