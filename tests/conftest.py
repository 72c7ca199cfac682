"""What every test may use. Each room's own stage and the standing cast are in the rooms' conftests.

Options: `--seed` for everything random, `--quick` for pure tests only, `--soak` for the large families at
their full figures. Markers: see `pyproject.toml`.
"""

from __future__ import annotations

import inspect
import os
import random
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from tests.run import find_program
from tests.samples import left_out
from tests.support import two_logins

_PROGRAMS = {"browser": ("chromium",), "sip_peer": ("sipp",)}
_NOT_PURE_ROOMS = {"dashboard", "e2e", "faults", "media", "webrtc"}
_NOT_PURE = {
    "db",
    "transactional_db",
    "django_db_setup",
    "live_server",
    "child_environment",
    "browser",
    "page",
}

_CARRIED = {"e2e", "faults", "media"}  # where media workers take the calls that tests dial


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("callwright")
    group.addoption("--seed", type=int, default=None, help="seed of everything random")
    group.addoption("--quick", action="store_true", help="only pure tests: no database, process or browser")
    group.addoption("--soak", action="store_true", help="large families at their full figures")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(1, 2**31)


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed {config.option.seed}"


# Real sound, browsers, phones and processes: every test there holds deadlines of the wall clock. So does one
# that waits for a thread, a process or a socket, wherever it stands.
_REAL_TIME = {"browser", "clients", "dashboard", "e2e", "faults", "media", "sip", "sockets", "webrtc"}
_REAL_TIME_MARKS = {"browser", "needs", "processes", "sip_peer", "slow"}
_REAL_TIME_FIXTURES = {"browser", "child_environment", "live_server", "page", "transactional_db"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    dropped = [] if config.option.soak else _beyond_the_sample(items, config.option.seed)
    for item in items:
        if config.option.quick and _is_not_pure(item):
            dropped.append(item)
            continue
        if item.get_closest_marker("soak_only") and not config.option.soak:
            dropped.append(item)
            continue
        if _waits_for_others(item):
            item.add_marker(pytest.mark.timing)
        for program in _missing_programs(item):
            item.add_marker(pytest.mark.skip(reason=f"needs {program}, which is not installed"))
    if dropped:
        config.hook.pytest_deselected(items=list(dict.fromkeys(dropped)))
        items[:] = [item for item in items if item not in set(dropped)]


def _beyond_the_sample(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """What `sample(count)` leaves to `make soak`; on a file (`pytestmark`) it draws among all its tests."""
    marked: list[pytest.Item] = []
    cases: list[tuple[str, int]] = []
    for item in items:
        for node, mark in item.iter_markers_with_node("sample"):
            marked.append(item)
            cases.append((node.nodeid.partition("[")[0], mark.args[0]))
            break  # the nearest mark counts
    return [marked[place] for place in sorted(left_out(cases, seed))]


def _waits_for_others(item: pytest.Item) -> bool:
    if _REAL_TIME & set(item.path.parts) or inspect.iscoroutinefunction(getattr(item, "function", None)):
        return True
    marks = list(item.iter_markers())
    if {mark.name for mark in marks} & _REAL_TIME_MARKS:
        return True
    if any(mark.name == "django_db" and mark.kwargs.get("transaction") for mark in marks):
        return True
    return bool(_REAL_TIME_FIXTURES & set(getattr(item, "fixturenames", ())))


def _is_not_pure(item: pytest.Item) -> bool:
    marks = {mark.name for mark in item.iter_markers()}
    if marks & {"django_db", "browser", "sip_peer", "slow", "needs", "processes", "family"}:
        return True
    if _NOT_PURE_ROOMS & set(item.path.parts):
        return True
    if inspect.iscoroutinefunction(getattr(item, "function", None)):
        return True  # an event loop means sockets and waiting
    return bool(_NOT_PURE & set(getattr(item, "fixturenames", ())))


def _missing_programs(item: pytest.Item) -> list[str]:
    wanted = [p for name, programs in _PROGRAMS.items() if item.get_closest_marker(name) for p in programs]
    wanted += [str(program) for mark in item.iter_markers("needs") for program in mark.args]
    return [program for program in wanted if find_program(program) is None]


@pytest.fixture(autouse=True)
def impatient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dial made in this process waits for no answer of a media worker where none runs."""
    if not _CARRIED & set(request.path.parts):
        monkeypatch.setattr("calling.api.view.ANSWER_SECONDS", 0.0)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run, for `random.Random(seed)`."""
    chosen: int = request.config.option.seed
    return chosen


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """`figure(sample, full)`: how many to try: the sample in `make test`, all of it in `make soak`."""
    soak: bool = request.config.option.soak
    return lambda sample, full: full if soak else sample


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a line at once, past what pytest captures: a figure that a soak came to."""

    def shown(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    return shown


@pytest.fixture
def child_environment(transactional_db: None) -> Iterator[dict[str, str]]:
    """Variables for a process that a test starts: the same engines, and the test's own database."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    url = urlunsplit(parts._replace(path=f"/{name}"))
    return {**os.environ, "DATABASE_URL": url, **two_logins.of_children()}
