"""The stage of the REST tests: the cast, and no waiting for a worker that is played by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from calling.speech import installed
from tests.api.push_browser import Browser
from tests.support.people import Cast, make_cast, make_mallory


@pytest.fixture
def cast(db) -> Cast:
    return make_cast()


@pytest.fixture
def mallory(db) -> Cast:
    return make_mallory()


@pytest.fixture
def speech_worker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance has one, as far as its settings say, and both models."""
    settings.CALLWRIGHT_SPEECH_WORKERS = 1
    monkeypatch.setattr(installed, "recognisers", lambda own: ("accurate", "quick"))


@pytest.fixture
def nowhere() -> str:
    """An id that nothing has."""
    return str(uuid4())


@pytest.fixture
def browser() -> Iterator[Browser]:
    made = Browser()
    yield made
    made.receiver.close()
