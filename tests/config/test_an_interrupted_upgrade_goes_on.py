"""`prepare` that is interrupted (Ctrl-C, a crash) is run again, and all is as if it had not been."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

# Before each migration without a transaction is done whole, it is interrupted after each of its steps.
INTERRUPTED = """
import django
django.setup()
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
state = executor._create_project_state(with_applied_migrations=True)
executor.recorder.ensure_schema()
for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
    if not migration.atomic:
        for done in range(1, len(migration.operations) + 1):
            begun = type(migration)(migration.name, migration.app_label)
            begun.operations = migration.operations[:done]
            with connection.schema_editor(atomic=False) as editor:
                begun.apply(state.clone(), editor)
        print(migration)
    state = executor.apply_migration(state, migration)
"""
SHAPE = """
SELECT 'column', table_name, column_name, data_type || is_nullable || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'policy', tablename, policyname, qual FROM pg_policies
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
    WHERE NOT tgisinternal
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
"""


def url(name: str) -> str:
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


@pytest.fixture
def databases() -> Iterator[list[str]]:
    names = [f"upgrade_{uuid4().hex[:8]}" for _ in range(2)]
    with psycopg.connect(url("postgres"), autocommit=True) as admin:
        for name in names:
            admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield names
        finally:
            for name in names:
                admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def run(database: str, *words: str) -> str:
    env = {**os.environ, "DATABASE_URL": url(database), "DJANGO_SETTINGS_MODULE": "config.settings"}
    env.pop("CALLWRIGHT_REQUESTS_DATABASE_URL", None)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def shape(database: str) -> set[tuple[object, ...]]:
    """All that is there, but for the edge of the first partition, which is of the moment."""
    with psycopg.connect(url(database)) as connection:
        return {row for row in connection.execute(SHAPE) if "event_before_days" not in str(row)}


def test_every_migration_is_gone_on_from_wherever_it_was_interrupted(databases: list[str]) -> None:
    interrupted, smooth = databases
    assert "0033_event_days" in run(interrupted, "-c", INTERRUPTED)
    run(smooth, "manage.py", "migrate", "--verbosity", "0")
    assert shape(interrupted) == shape(smooth)


def test_an_index_that_was_never_finished_is_made_again(databases: list[str]) -> None:
    database, _ = databases
    run(database, "manage.py", "migrate", "--verbosity", "0")
    with psycopg.connect(url(database), autocommit=True) as own, psycopg.connect(url(database)) as writer:
        (whole,) = own.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'call_ended'").fetchone()
        own.execute("DROP INDEX call_ended")
        own.execute("DELETE FROM django_migrations WHERE app = 'calling' AND name >= '0035_call_ends'")
        writer.execute("LOCK TABLE calling_call IN ROW EXCLUSIVE MODE")  # a write that does not end
        own.execute("SET statement_timeout = '300ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            own.execute(whole.replace("INDEX", "INDEX CONCURRENTLY", 1))
        writer.rollback()
        found = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'call_ended'::regclass"
        assert own.execute(found).fetchone() == (False,)
        run(database, "manage.py", "migrate", "--verbosity", "0")
        assert own.execute(found).fetchone() == (True,)
