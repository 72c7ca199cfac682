"""What is looked at all the time is prepared, in a connection that has a session of the server to itself."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from calling.sockets import call_updates
from subscribers.postgresql import prepared
from tests.support import people

pytestmark = pytest.mark.django_db(transaction=True)


def plans() -> list[tuple[int, int]]:
    """Of each statement prepared here: how often it was planned for its words, and run by its one plan."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE statement LIKE %s",
            [f"%{call_updates.NEWS[:40]}%"],
        )
        return list(cursor.fetchall())


def test_the_news_of_devices_are_planned_once_for_all_looks() -> None:
    cast = people.make_cast()
    if prepared.session() is None:
        pytest.skip("a pooler stands in front of PostgreSQL: nothing is prepared there")
    call_updates.read([str(cast.project.id)], {})
    ((_, before),) = plans()
    for _ in range(7):
        assert call_updates.read([str(cast.project.id)], {}) == ([], {})
    assert plans() == [(0, before + 7)]


def test_a_look_within_a_transaction_sees_what_the_transaction_wrote() -> None:
    with transaction.atomic():
        cast = people.make_cast()
        found = prepared.rows(
            "SELECT name FROM subscribers_project WHERE id = %(id)s::uuid", {"id": cast.project.id}
        )
        assert found == [(cast.project.name,)]
