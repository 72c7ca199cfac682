"""What every test may use: the standing cast is added by the owners of the rooms in their conftests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection


@pytest.fixture
def child_environment(db: None) -> Iterator[dict[str, str]]:
    """Variables for a process that a test starts: the same engines, and the test's own database."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    yield {**os.environ, "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}"))}
