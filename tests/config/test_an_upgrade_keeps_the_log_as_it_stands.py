"""Migrations change how events are stored (calling.0033 makes the table a partition, 0036 packs them): no
row is written anew, and no writer waits long, even if the log is large and the version before is writing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

import clock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.soak_only, pytest.mark.timeout(900)]

FILL = """
INSERT INTO subscribers_project (id, name, signing_key, suspended_reason, policy, created_at)
VALUES (%(project)s, 'old', '', '', '{}', now());
INSERT INTO calling_event
    (event_id, project_id, call_id, stream, sequence, type, data, body, created_at, position)
SELECT gen_random_uuid(), %(project)s, md5((i / 4)::text)::uuid, 's' || i / 4, i %% 4 + 1, 'call.created',
    '{}', repeat('x', 300), now() - interval '10 days', i FROM generate_series(1, %(count)s) i
"""
WRITE = """
INSERT INTO calling_event (event_id, project_id, stream, sequence, type, data, body, created_at)
VALUES (gen_random_uuid(), %s, 'room:1', %s, 'room.joined', '{}', 'x', now())
"""


class Database:
    """One that the version before has made."""

    def __init__(self) -> None:
        words = connection.get_connection_params()
        self.words = {key: words[key] for key in ("user", "password", "host", "port") if words.get(key)}
        self.name = f"upgrade_{uuid4().hex[:8]}"
        place = "&".join(f"{key}={quote(str(self.words[key]), safe='')}" for key in self.words)
        self.url = f"postgresql:///{self.name}?{place}"

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(dbname=self.name, autocommit=True, **self.words)

    def migrate(self, *target: str) -> None:
        env = {**os.environ, "DATABASE_URL": self.url}
        env.pop("CALLWRIGHT_REQUESTS_DATABASE_URL", None)
        words = [sys.executable, "manage.py", "migrate", "--verbosity", "0", *target]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture(params=["0032", "0035"])
def before(request: pytest.FixtureRequest) -> Iterator[Database]:
    made = Database()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {made.name}")
    try:
        made.migrate("calling", request.param)
        yield made
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {made.name} WITH (FORCE)")


def test_a_large_log_becomes_the_first_partition_while_the_old_version_writes(
    before: Database, figure: Callable[[int, int], int]
) -> None:
    project, count = uuid4(), figure(20_000, 1_000_000)
    with before.connect() as own:
        own.execute(FILL % {"project": f"'{project}'", "count": count})
        (file,) = own.execute(
            "SELECT max(relfilenode) FROM pg_class WHERE relname IN ('calling_event', 'calling_event_first')"
        ).fetchone()
        stop, waits = threading.Event(), []

        def write() -> None:
            with before.connect() as other:
                while not stop.is_set():
                    began = clock.monotonic()
                    other.execute(WRITE, [project, len(waits) + 1])
                    waits.append(clock.monotonic() - began)
                    clock.sleep(0.002)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            before.migrate()
        finally:
            stop.set()
            writer.join()
        found = own.execute(
            "SELECT relfilenode FROM pg_class WHERE relname = 'calling_event_first'"
        ).fetchone()
        assert found == (file,)
        kept = own.execute("SELECT count(*), count(DISTINCT id) FROM calling_event").fetchone()
        assert kept == (count + len(waits), count + len(waits))
        wrong = own.execute(
            "SELECT count(*) FROM (SELECT id, lag(id) OVER (ORDER BY sequence) AS last FROM calling_event"
            " WHERE stream = 'room:1') x WHERE id < last"
        ).fetchone()
        assert wrong == (0,)
        assert max(waits) < 3, f"a write took {max(waits):.1f} s of {len(waits)}"
