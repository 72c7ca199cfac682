"""A pooled connection is seen to be open without a statement; one that the server ended is not used."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from subscribers.postgresql import prepared
from subscribers.postgresql.base import still_open

pytestmark = pytest.mark.django_db(transaction=True)


def opened() -> psycopg.Connection:
    words = connection.get_connection_params()
    known = {name: words[name] for name in ("dbname", "user", "password", "host", "port") if name in words}
    return psycopg.connect(**known, autocommit=True)


@pytest.fixture
def pooled() -> Iterator[psycopg.Connection]:
    with opened() as one:
        one.execute("SELECT 'the last thing asked'")
        yield one


def end(one: psycopg.Connection) -> None:
    """The server ends that session, as it does when it is shut down or restarted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [one.info.backend_pid])


def test_an_idle_connection_is_open_and_is_not_asked(pooled) -> None:
    assert still_open(pooled)
    with connection.cursor() as cursor:
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pooled.info.backend_pid])
        assert cursor.fetchone() == ("SELECT 'the last thing asked'",)


def test_a_connection_that_the_server_ended_is_not_open(pooled) -> None:
    end(pooled)
    assert not still_open(pooled)


def test_a_connection_that_we_closed_is_not_open(pooled) -> None:
    pooled.close()
    assert not still_open(pooled)


def test_a_notice_of_the_server_does_not_make_a_connection_useless(pooled) -> None:
    pooled.execute("LISTEN news")
    with connection.cursor() as cursor:
        cursor.execute("NOTIFY news")
    time.sleep(0.05)
    assert still_open(pooled)


@pytest.fixture
def wrapper() -> Iterator[BaseDatabaseWrapper]:
    """Django's, with a pool of one connection."""
    made = connection.copy("pooled")
    made.settings_dict["CONN_MAX_AGE"] = 0
    made.settings_dict["OPTIONS"] = {
        **made.settings_dict["OPTIONS"],
        "pool": {"min_size": 0, "max_size": 1, "timeout": 5},
    }
    try:
        yield made
    finally:
        made.close()
        made.close_pool()


def test_the_pool_gives_another_connection_for_one_that_was_ended(wrapper: BaseDatabaseWrapper) -> None:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (first,) = cursor.fetchone()
    ended = wrapper.connection
    wrapper.close()
    end(ended)
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone()[0] != first


def test_a_connection_that_is_lost_as_it_is_given_out_leaves_its_place_in_the_pool(
    wrapper: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does PgBouncer: it takes the login, and ends the connection where PostgreSQL is away."""
    learn = prepared.learn
    with monkeypatch.context() as patch:
        patch.setattr(prepared, "learn", lambda plain: (end(plain), learn(plain)))
        for _ in range(2):
            with pytest.raises(OperationalError):
                wrapper.ensure_connection()
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT 1")
