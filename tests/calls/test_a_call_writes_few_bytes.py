"""What a call of two people writes: bytes of PostgreSQL's log, counted by record, and how its rows lie."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection

from calling import models
from calling.calls import control
from calling.machine.inputs import Hangup
from config.embedded import postgres
from tests.engines import MADE
from tests.support import fake_worker, people
from tests.support.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)

MOST_BYTES = 27_500


def sizes(table: str, column: str, where: str, *words: str) -> list[tuple[int, int, int]]:
    """Of the rows: bytes of a column as it reads, as it lies, and those of what fills the row."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT octet_length({column}), pg_column_size({column}), pg_column_size(filling)"
            f" FROM {table} WHERE {where}",
            words,
        )
        return list(cursor.fetchall())


def test_the_body_of_an_event_is_packed_and_reads_as_it_was_written() -> None:
    call_id = fake_worker.talking(people.make_cast())
    control.apply(call_id, Hangup(fake_worker.leg_of(call_id, "caller").id))
    found = sizes("calling_event", "body", "call_id = %s", call_id)
    assert len(found) >= 4
    for written, lies, filling in found:
        assert lies + filling < 0.75 * written, found
    for body in models.Event.objects.filter(call_id=call_id).values_list("body", flat=True):
        assert json.loads(body)["data"]["call"]["id"] == call_id and body == body.strip()


def description(name: str) -> str:
    """An offer or answer as long as a device's, and as hard to compress."""
    digests = [hashlib.sha512(f"{name}{at}".encode()).hexdigest() for at in range(5)]
    return fake_worker.SDP + "".join(f"a=x-{digest}\r\n" for digest in digests)


RECORDS = """
SELECT concat_ws(' ', r.record_type, 'of ' || c.relname), count(*),
    sum(r.record_length - coalesce(r.fpi_length, 0))::bigint
FROM pg_get_wal_records_info(%(since)s, %(until)s) r
JOIN pg_get_wal_block_info(%(since)s, %(until)s, false) b
    ON b.start_lsn = r.start_lsn AND b.block_id = 0
JOIN pg_class c ON c.oid = pg_filenode_relation(b.reltablespace, b.relfilenode)
WHERE b.reldatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (c.relname !~ '^pg_' OR c.relname ~ '^pg_toast')
GROUP BY 1 ORDER BY 3 DESC
"""


class Log:
    """What is written from now on to tables of this database, to their indexes, and outside of their rows."""

    def __init__(self, own: psycopg.Connection) -> None:
        self.own = own
        self.since = self.position()

    def position(self) -> str:
        """Behind a record of our own, whose commit comes after it: both are on the disk."""
        found = self.own.execute("SELECT pg_logical_emit_message(true, 'test', '')::text").fetchone()
        assert found is not None
        return str(found[0])

    def records(self) -> dict[str, tuple[int, int]]:
        """By kind and table: how many, and their bytes."""
        found = self.own.execute(RECORDS, {"since": self.since, "until": self.position()})
        return {name: (times, size) for name, times, size in found}


@pytest.fixture
def own() -> Iterator[psycopg.Connection]:
    """A connection of the superuser to this database."""
    if "DATABASE_URL" not in os.environ.get(MADE, "").split():
        pytest.skip("the database is not this run's own: nobody may be its superuser")
    given = urlsplit(os.environ["DATABASE_URL"])
    who = f"{postgres.SUPERUSER}@{given.netloc.rpartition('@')[2]}"
    name = connection.settings_dict["NAME"]
    with psycopg.connect(given._replace(netloc=who, path=f"/{name}").geturl(), autocommit=True) as made:
        made.execute("CREATE EXTENSION pg_walinspect; SET synchronous_commit = on")
        yield made
        made.execute("DROP EXTENSION pg_walinspect")


def a_call(cast: Cast, monkeypatch: pytest.MonkeyPatch, to: str = "bob") -> str:
    """From the dial to the hangup, with descriptions of usual length. Its id."""
    monkeypatch.setattr(fake_worker, "SDP", description("offer"))
    call_id = fake_worker.talking(cast, to=to)
    control.apply(call_id, Hangup(fake_worker.leg_of(call_id, "caller").id))
    return call_id


def test_a_call_writes_no_more_than_it_did(own: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = people.make_cast()
    a_call(cast, monkeypatch)  # what comes first makes pages and roots of indexes
    log = Log(own)
    a_call(cast, monkeypatch, to="carol")
    found = log.records()
    assert sum(size for _, size in found.values()) <= MOST_BYTES, found


def test_an_offer_is_written_once(own: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither with the row of its leg, nor again when the answer comes."""
    cast = people.make_cast()
    log = Log(own)
    call_id = a_call(cast, monkeypatch)
    offers = list(models.Leg.objects.filter(call_id=call_id).values_list("offer", flat=True))
    assert len(offers) == 2 and all(offers)
    found = log.records()
    length = sum(map(len, filter(None, offers)))
    of_legs = sum(size for name, (_, size) in found.items() if name.endswith("of calling_leg"))
    outside = sum(size for name, (_, size) in found.items() if "of pg_toast" in name)
    assert length < outside < 1.25 * length and of_legs < 2.5 * length, found


def test_an_event_locks_no_project(own: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its call does, and the media session."""
    cast = people.make_cast()
    log = Log(own)
    a_call(cast, monkeypatch)
    times, _ = log.records()["LOCK of subscribers_project"]
    assert times <= 2
