"""Steps of migrations that can be done again, after one without a transaction was interrupted.

A migration that builds an index concurrently has no transaction, so one that is interrupted (Ctrl-C, a crash)
is begun again with some of its steps done already. Every migration with `atomic = False` uses these, not
Django's own, and SQL that may run twice. Must not live here: what a migration changes.
"""

from __future__ import annotations

from django.contrib.postgres import operations as postgres
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import operations
from django.db.migrations.state import ProjectState


class Resumed:
    """A step that is left out where it is done. First of the bases, before Django's own step."""

    def is_done(self, app_label: str, editor: BaseDatabaseSchemaEditor, to_state: ProjectState) -> bool:
        raise NotImplementedError

    def database_forwards(
        self,
        app_label: str,
        editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if not self.is_done(app_label, editor, to_state):
            super().database_forwards(app_label, editor, from_state, to_state)  # type: ignore[misc]


class AddField(Resumed, operations.AddField):
    """Unless the column is there."""

    def is_done(self, app_label: str, editor: BaseDatabaseSchemaEditor, to_state: ProjectState) -> bool:
        model = to_state.apps.get_model(app_label, self.model_name)
        with editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s"
                " AND NOT attisdropped)",
                [model._meta.db_table, model._meta.get_field(self.name).column],
            )
            return bool(cursor.fetchone()[0])


class CreateModel(Resumed, operations.CreateModel):
    """Unless the table is there. Without foreign keys and indexes: Django makes those at the very end."""

    def is_done(self, app_label: str, editor: BaseDatabaseSchemaEditor, to_state: ProjectState) -> bool:
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        with editor.connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
            return bool(cursor.fetchone()[0])


class AddIndexConcurrently(Resumed, postgres.AddIndexConcurrently):
    """Unless the index is there and whole: an interrupted one stays behind and serves nobody."""

    def is_done(self, app_label: str, editor: BaseDatabaseSchemaEditor, to_state: ProjectState) -> bool:
        name = editor.quote_name(self.index.name)
        with editor.connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
            whole = cursor.fetchone()
            if whole == (False,):
                cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
        return bool(whole == (True,))
