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


class AddField(operations.AddField):
    """Unless the column is there."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s"
                " AND NOT attisdropped)",
                [model._meta.db_table, model._meta.get_field(self.name).column],
            )
            (there,) = cursor.fetchone()
        if not there:
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class CreateModel(operations.CreateModel):
    """Unless the table is there. Without foreign keys and indexes: Django makes those at the very end."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
            (there,) = cursor.fetchone()
        if not there:
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class AddIndexConcurrently(postgres.AddIndexConcurrently):
    """Unless the index is there and whole: an interrupted one stays behind and serves nobody."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        name = schema_editor.quote_name(self.index.name)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
            whole = cursor.fetchone()
            if whole == (False,):
                cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
        if whole != (True,):
            super().database_forwards(app_label, schema_editor, from_state, to_state)
