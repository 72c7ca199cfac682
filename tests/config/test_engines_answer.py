"""The private engines of a test run."""

from __future__ import annotations

import pytest
from django.db import connection

from config import health


@pytest.mark.django_db
def test_the_database_of_a_test_run_answers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select version()")
        assert "PostgreSQL" in cursor.fetchone()[0]


def test_the_redis_of_a_test_run_answers() -> None:
    assert health.redis_answers()
