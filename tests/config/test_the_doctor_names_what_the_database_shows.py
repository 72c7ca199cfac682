"""The doctor says where PostgreSQL shows statements to others, and whether the product is its superuser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import connection

from config.doctor import rows
from config.embedded import paths, postgres
from subscribers import database_roles
from tests import engines

pytestmark = pytest.mark.django_db

SHOWING = {
    "log_statement": "mod",
    "log_min_duration_statement": "0",
    "log_min_duration_sample": "100",
    "log_transaction_sample_rate": "0.1",
    "log_min_error_statement": "error",
}


@pytest.fixture
def superuser() -> Iterator[psycopg.Connection]:
    """A transaction of the superuser on this database; nothing of it stays."""
    if "DATABASE_URL" not in os.environ.get(engines.MADE, "").split():
        pytest.skip("the database is not this run's own: nobody may be its superuser")
    given = urlsplit(os.environ["DATABASE_URL"])
    who = f"{postgres.SUPERUSER}@{given.netloc.rpartition('@')[2]}"
    url = urlunsplit(given._replace(netloc=who, path=f"/{connection.settings_dict['NAME']}"))
    with psycopg.connect(url) as own:
        yield own
        own.rollback()


def shown(own: psycopg.Connection) -> list[str]:
    return [row[0] for row in own.execute(database_roles.SHOWN).fetchall()]


def tracked(own: psycopg.Connection) -> str:
    found = own.execute(database_roles.TRACKED, [paths.REQUESTS]).fetchone()
    assert found is not None
    return str(found[0])


def test_the_embedded_one_shows_nothing_and_its_owner_is_no_superuser() -> None:
    found = {finding.about: finding for finding in rows.examine_database()}
    assert found["statements"].level == "good" and found["database login"].level == "good"
    assert database_roles.statements_shown(paths.REQUESTS) == []


@pytest.mark.parametrize("setting", SHOWING)
def test_each_way_that_shows_statements_is_named(superuser: psycopg.Connection, setting: str) -> None:
    assert shown(superuser) == []
    superuser.execute(f"SET LOCAL {setting} = '{SHOWING[setting]}'")  # type: ignore[call-overload]
    assert shown(superuser) == [setting]


def test_what_the_login_of_requests_tracks_is_found_wherever_it_is_set(superuser: psycopg.Connection) -> None:
    assert tracked(superuser) == "off"
    superuser.execute(f"ALTER ROLE {paths.REQUESTS} RESET track_activities")
    assert tracked(superuser) == "on", "PostgreSQL's own default"
    name = connection.settings_dict["NAME"]
    superuser.execute(f'ALTER DATABASE "{name}" SET track_activities = off')  # type: ignore[call-overload]
    assert tracked(superuser) == "off"
    superuser.execute(f"ALTER ROLE {paths.REQUESTS} SET track_activities = on")
    assert tracked(superuser) == "on", "the role's own goes first"
