"""What a migration may do while the version before it still runs: the rule of a rolling upgrade, checked.

`prepare` migrates first, then processes are replaced one after another, so old code reads and writes the new
tables for minutes. It must find every column it knows, be able to insert rows without those it does not know,
and wait for no lock that a scan of a large table holds. Lives here: the judgement of operations
(`findings`), nothing that runs one. Source of the locks: PostgreSQL 16, "Explicit Locking" and ALTER TABLE.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.contrib.postgres import operations as postgres
from django.db import connection, models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

APPS = ("subscribers", "tokens", "calling")

# What was part of a migration before this rule was, and what was looked at by a person: an operation as
# `findings` names it, and why old code lives with it. A new entry needs a reason of that kind.
ALLOWED: dict[str, str] = {
    "calling.0002_sip: Create index attempt_sip_waiting on field(s) id of model attempt":
        "before the first release: no instance with a large table had an older version",
    "calling.0004_ledger: Raw SQL operation":
        "a trigger on the ledger, a table of the same migration",
    "calling.0006_row_security: Raw SQL operation":
        "policies: a lock for the blink of a catalogue entry, and old code works as the owner of the tables",
    "calling.0013_alert: Raw SQL operation":
        "a policy on a table of the same migration, which the version before does not know",
    "calling.0014_push_subscription: Raw SQL operation":
        "policies on tables of the same migration, which the version before does not know",
    "calling.0015_two_logins: Raw SQL operation":
        "functions that old code does not call, and policies that treat its role as they did before",
    "calling.0023_staff_invite: Raw SQL operation":
        "takes rights from a table of the same migration, which the version before does not know",
    "calling.0029_sip_trace: Raw SQL operation":
        "takes rights from tables of the same migration, which the version before does not know",
    "calling.0030_saved_search_and_waveform: Raw SQL operation":
        "takes rights from a table of the same migration, which the version before does not know",
    "calling.0027_sign_in_tables: Raw SQL operation":
        "takes rights from tables which the version before does not know",
    "calling.0017_conversations: Raw SQL operation":
        "policies on tables of the same migration, which the version before does not know",
    "subscribers.0002_gateway_registration: Add field realm to sipgateway":
        "before the first release: gateways are few and no older version writes them",
    "calling.0020_delivery_heads: Raw SQL operation":
        "triggers that work for old code too, one update of what waits, and policies that show the same rows",
    "calling.0031_cheap_rows: Raw SQL operation":
        "how new versions of rows are stored, under a lock that stops no reader or writer, and an index that "
        "goes concurrently",
    "calling.0032_presence_lease: Raw SQL operation":
        "takes rights from a table of the same migration, which the version before does not know",
    "calling.0033_event_days: Raw Python operation":
        "the table of before becomes a partition as it stands, under locks that nobody waits for; old code "
        "writes and reads the whole by the same name and draws numbers from the same sequence",
    "calling.0034_delivery_plans: Raw SQL operation":
        "triggers' functions that do the same for old code too, how full a page is when rows are added, and "
        "an index that goes concurrently",
    "calling.0035_call_ends: Raw SQL operation":
        "functions that old code calls too, with the same arguments and answers",
    "calling.0036_packed_events: Raw Python operation":
        "a column that old code need not know, a trigger that works for its rows too, and how new rows are "
        "stored, under locks that nobody waits for",
    "calling.0037_offers_outside: Raw Python operation":
        "a column that old code need not know and a trigger that works for its rows too, under a lock that "
        "nobody waits for",
    "calling.0038_events_lock_no_project: Raw Python operation":
        "a constraint goes under a lock that nobody waits for; old code deletes a project's events itself",
    "calling.0039_indexes_nobody_asks: Raw SQL operation":
        "an index that old code does not ask goes concurrently",
    "subscribers.0006_assignment: Raw SQL operation":
        "a new function, which old code does not call",
    "subscribers.0002_gateway_registration: Add field registration_state to sipgateway":
        "before the first release: gateways are few and no older version writes them",
}  # fmt: skip

# These change no table, only what Django believes.
_HARMLESS: tuple[type[Operation], ...] = (
    operations.AlterModelOptions,
    operations.AlterModelManagers,
    operations.AlterModelTableComment,
    operations.RemoveIndex,
    operations.RemoveConstraint,
    postgres.AddIndexConcurrently,
    postgres.RemoveIndexConcurrently,
    postgres.AddConstraintNotValid,
    postgres.ValidateConstraint,
    postgres.CreateExtension,
)
_BREAKING: dict[type[Operation], str] = {
    operations.RemoveField: "old code still reads and writes the column",
    operations.DeleteModel: "old code still uses the table",
    operations.RenameField: "old code knows the column by its old name",
    operations.RenameModel: "old code knows the table by its old name",
    operations.AlterModelTable: "old code knows the table by its old name",
    operations.RenameIndex: "a RENAME waits for every transaction on the table",
    operations.AddIndex: "it locks writers out while it scans: AddIndexConcurrently",
    operations.AddConstraint: "it locks writers out while it scans, and old code may not keep to it: "
    "AddConstraintNotValid, and ValidateConstraint a version later",
    operations.AlterUniqueTogether: "it locks writers out while it scans",
    operations.AlterOrderWithRespectTo: "it adds a column that old code does not fill",
    operations.RunSQL: "a person has to judge it",
    operations.RunPython: "a person has to judge it",
}


def findings(apps: Iterable[str] = APPS) -> dict[str, str]:
    """Each operation that old code may not survive, `app.migration: operation`, and why."""
    loader = MigrationLoader(None)
    found: dict[str, str] = {}
    for app, name in sorted(key for key in loader.disk_migrations if key[0] in set(apps)):
        before = loader.project_state((app, name), at_end=False)
        for operation, why in judge(loader.disk_migrations[app, name], before):
            found[f"{app}.{name}: {operation.describe()}"] = why
    return found


def judge(migration: Migration, before: ProjectState) -> Iterator[tuple[Operation, str]]:
    """The operations of one migration that break code of the state `before`, each with the reason."""
    state = before.clone()
    made: set[str] = set()  # tables of this migration: old code knows nothing of them
    for operation in migration.operations:
        after = state.clone()
        operation.state_forwards(migration.app_label, after)
        for part in _of_the_database(operation):
            if isinstance(part, operations.CreateModel):
                made.add(part.name_lower)
            elif _model_of(part) not in made:
                why = _why(part, migration, state, after)
                if why:
                    yield part, why
        state = after


def _of_the_database(operation: Operation) -> Iterable[Operation]:
    if isinstance(operation, operations.SeparateDatabaseAndState):
        return operation.database_operations
    return [operation]


def _model_of(operation: Operation) -> str:
    name = getattr(operation, "model_name", None) or getattr(operation, "name", None)
    return name.lower() if isinstance(name, str) else ""


def _why(operation: Operation, migration: Migration, before: ProjectState, after: ProjectState) -> str | None:
    concurrent = (postgres.AddIndexConcurrently, postgres.RemoveIndexConcurrently)
    if isinstance(operation, concurrent) and migration.atomic:
        return "CONCURRENTLY needs `atomic = False`"
    if isinstance(operation, operations.AddField):
        return _why_not_add(operation.field)
    if isinstance(operation, operations.AlterField):
        key = migration.app_label, operation.model_name_lower
        was = before.apps.get_model(*key)._meta.get_field(operation.name)
        now = after.apps.get_model(*key)._meta.get_field(operation.name)
        return _why_not_alter(was, now)
    if isinstance(operation, _HARMLESS):  # before the table below: some derive from what is forbidden there
        return None
    for kind, why in _BREAKING.items():
        if isinstance(operation, kind):
            return why
    return "this rule does not know the operation"


def _why_not_add(field: models.Field) -> str | None:  # type: ignore[type-arg]
    if field.many_to_many:
        return None  # a table of its own
    if field.unique:
        return "its index locks writers out while it scans"
    if _has_index(field):
        return "its index locks writers out while it scans: db_index=False, then AddIndexConcurrently"
    if not field.null and field.db_default is NOT_PROVIDED:
        return "old code inserts rows without it: null=True, or a db_default"
    return None


def _why_not_alter(was: models.Field, now: models.Field) -> str | None:  # type: ignore[type-arg]
    if was.null and not now.null:
        return "old code still writes NULL"
    if was.db_default is not NOT_PROVIDED and now.db_default is NOT_PROVIDED:
        return "old code may insert rows without it"
    if was.column != now.column:
        return "old code knows the column by its old name"
    if (now.unique and not was.unique) or (_has_index(now) and not _has_index(was)):
        return "its index locks writers out while it scans"
    old, new = was.db_type(connection), now.db_type(connection)
    if old != new and not _is_wider(was, now, old, new):
        return f"the table is written anew, or old values do not fit: {old} becomes {new}"
    return None


def _has_index(field: models.Field) -> bool:  # type: ignore[type-arg]
    return bool(getattr(field, "db_index", False))


def _is_wider(was: models.Field, now: models.Field, old: str | None, new: str | None) -> bool:  # type: ignore[type-arg]
    """A longer varchar, or varchar that becomes text: nothing but the catalogue changes."""
    if not (old or "").startswith("varchar"):
        return False
    if new == "text":
        return True
    longest = (was.max_length, now.max_length)
    return (new or "").startswith("varchar") and None not in longest and longest[0] <= longest[1]  # type: ignore[operator]
