"""The stage of the REST tests: the cast, and no waiting for a worker that is played by hand."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.people import Cast, make_cast, make_mallory


@pytest.fixture
def cast(db) -> Cast:
    return make_cast()


@pytest.fixture
def mallory(db) -> Cast:
    return make_mallory()


@pytest.fixture
def nowhere() -> str:
    """An id that nothing has."""
    return str(uuid4())
