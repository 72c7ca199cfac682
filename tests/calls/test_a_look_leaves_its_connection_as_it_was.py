"""A look reads one moment and writes nothing; what comes after it on the connection does both as always."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, OperationalError, connection

from calling import models
from calling.calls import queries
from tests.support import people

pytestmark = pytest.mark.django_db(transaction=True)


def shown(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        (found,) = cursor.fetchone()
    return str(found)


def test_only_the_look_is_of_one_moment_and_read_only() -> None:
    with queries.repeatable_read():
        assert (shown("transaction_isolation"), shown("transaction_read_only")) == ("repeatable read", "on")
    assert (shown("transaction_isolation"), shown("transaction_read_only")) == ("read committed", "off")


def test_a_look_that_fails_leaves_a_connection_that_can_write() -> None:
    with pytest.raises(DatabaseError), queries.repeatable_read():
        people.make_cast()
    assert people.make_cast().project.pk is not None


def test_a_look_on_a_lost_connection_says_that_it_is_lost() -> None:
    models.Call.objects.first()
    connection.connection.close()
    with pytest.raises(OperationalError), queries.repeatable_read():
        models.Call.objects.first()
    connection.close()
    with queries.repeatable_read():
        assert models.Call.objects.first() is None
