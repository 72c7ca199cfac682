"""Requests of the test's own process in a login of their own, as in an instance with two.

Needs committed rows (`transactional_db`): what a test has not committed, another connection cannot see.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from django.db import connection

from config.connection_urls import django_database
from config.embedded import paths
from subscribers import database_roles
from subscribers.postgresql.base import DatabaseWrapper
from tests import engines

USER = paths.REQUESTS


def requests_url() -> str:
    """The URL of the test's database by the login of requests."""
    name = str(connection.settings_dict["NAME"])
    given = urlsplit(os.environ["DATABASE_URL"])
    host = given.netloc.rpartition("@")[2]
    who = f"{USER}:{given.password}" if given.password else USER
    return urlunsplit(given._replace(netloc=f"{who}@{host}", path=f"/{name}"))


def of_children() -> dict[str, str]:
    """Variables for processes on the test's database: two logins where this run's own engine has them."""
    if "DATABASE_URL" not in os.environ.get(engines.MADE, "").split():
        return {}
    return {"CALLWRIGHT_REQUESTS_DATABASE_URL": requests_url()}


@contextmanager
def two_logins() -> Iterator[None]:
    """Requests use the second login until the block ends."""
    here = cast(DatabaseWrapper, connection)
    password = unquote(urlsplit(os.environ["DATABASE_URL"]).password or "")
    assert database_roles.make_login({"USER": USER, "PASSWORD": password}) == []
    login = django_database(os.environ["DATABASE_URL"], 4, requests_url())["REQUESTS"]
    here.settings_dict["REQUESTS"] = login  # type: ignore[index]
    try:
        yield
    finally:
        here.close()
        here.close_pool()
        here.settings_dict["REQUESTS"] = None  # type: ignore[index]


@contextmanager
def session() -> Iterator[psycopg.Connection]:
    """A plain session of the login of requests, as somebody has it who may send any statement."""
    with psycopg.connect(requests_url(), autocommit=True) as own:
        try:
            yield own
        finally:  # a pooler gives the server's session to the next one
            own.execute("RESET ALL")
