"""What every test of the simulated world needs."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The faults are meant: hundreds of warnings would hide what matters."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
