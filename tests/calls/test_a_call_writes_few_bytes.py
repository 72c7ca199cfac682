"""What a call of two people writes: bytes of PostgreSQL's log, counted by record, and how its rows lie."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from calling import models
from calling.calls import control
from calling.machine.inputs import Hangup
from tests.support import fake_worker, people

pytestmark = pytest.mark.django_db(transaction=True)


def sizes(table: str, column: str, where: str, *words: object) -> list[tuple[int, int, int]]:
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
