"""A PostgreSQL that answers and takes nothing, as a standby does: a change is 503, and it is told."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from calling import models
from config import health
from config.doctor import rows
from tests.support import rest_client
from tests.support.people import Cast, make_cast

OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def closed() -> Iterator[Cast]:
    cast = make_cast()
    name = connection.ops.quote_name(connection.settings_dict["NAME"])

    def alter(how: str) -> None:
        connection.close()
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as own:
            own.execute("SET default_transaction_read_only = off")
            own.execute(f"ALTER DATABASE {name} {how}")
            own.execute(OTHERS)  # what is set holds for new sessions

    alter("SET default_transaction_read_only = on")
    yield cast
    alter("RESET default_transaction_read_only")


def test_a_change_is_told_503_and_whoever_looks_after_it_is_told(closed: Cast) -> None:
    api = rest_client.Api(rest_client.basic(closed.project.pk, closed.api_token))
    dialled = api.post("/api/calls", {"to": "/public/tone", "connect": "/public/echo"})
    assert dialled.status_code == 503 and int(dialled.headers["retry-after"]) >= 1
    assert not models.Call.objects.exists()
    assert not health.database_answers(), "/readyz says whether a call can be placed"
    assert ("bad", "PostgreSQL") in [(each.level, each.about) for each in rows.examine_database()]


def test_what_is_read_is_answered(closed: Cast) -> None:
    """Also the first time that a key is used, which is noted for people to see."""
    for authorization in (
        rest_client.basic(closed.project.pk, closed.api_token),
        f"Bearer {closed.alice.token}",
    ):
        found = rest_client.Api(authorization).get("/api/calls")
        assert found.status_code == 200, found.content
