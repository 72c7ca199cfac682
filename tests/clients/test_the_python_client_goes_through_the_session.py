"""`callwright-client` for Python, blocking and for asyncio, against an instance and a phone that listens."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.instance import Instance
from tests.clients.phone import AnsweringPhone
from tests.clients.session import PROGRAMS, go_through

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.timing, pytest.mark.timeout(600)]
SOURCE = Path(__file__).parents[2] / "clients" / "python" / "src"


@pytest.mark.parametrize(("program", "who"), [("python_session", "pia"), ("python_async_session", "quinn")])
def test_the_client(
    program: str, who: str, running: Instance, phone: Callable[[str], AnsweringPhone]
) -> None:
    go_through([sys.executable, PROGRAMS / f"{program}.py"], running, phone, who, PYTHONPATH=str(SOURCE))
