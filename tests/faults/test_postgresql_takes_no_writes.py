"""A PostgreSQL that answers and takes nothing, as a standby does: a change is 503, and it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest
from django.db import OperationalError, connection

from calling import models
from calling.media.session.signal_queue import Report, deliver
from config import health
from config.doctor import rows
from subscribers.models import Project
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support import rest_client
from tests.support.people import Cast, make_cast

OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
pytestmark = pytest.mark.django_db(transaction=True)


def alter(how: str) -> None:
    """Of the database, for all its sessions from now on."""
    connection.close()
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as own:
        own.execute("SET default_transaction_read_only = off")
        own.execute(f"ALTER DATABASE {name} {how}")
        own.execute(OTHERS)  # what is set holds for new sessions


CLOSE, OPEN = "SET default_transaction_read_only = on", "RESET default_transaction_read_only"


@pytest.fixture
def closed() -> Iterator[Cast]:
    cast = make_cast()
    alter(CLOSE)
    yield cast
    alter(OPEN)


def test_a_change_is_told_503_and_whoever_looks_after_it_is_told(closed: Cast) -> None:
    api = rest_client.Api(rest_client.basic(closed.project.pk, closed.api_token))
    dialled = api.post("/api/calls", {"to": "/public/tone", "connect": "/public/echo"})
    assert dialled.status_code == 503 and int(dialled.headers["retry-after"]) >= 1
    assert not models.Call.objects.exists()
    assert not health.database_answers(), "/readyz says whether a call can be placed"
    assert ("bad", "PostgreSQL") in [(each.level, each.about) for each in rows.examine_database()]


def test_what_is_read_is_answered(closed: Cast) -> None:
    """Also the first time that a key is used, which is noted for people to see."""
    for authorization in (
        rest_client.basic(closed.project.pk, closed.api_token),
        f"Bearer {closed.alice.token}",
    ):
        found = rest_client.Api(authorization).get("/api/calls")
        assert found.status_code == 200, found.content


def test_what_a_worker_reports_waits(closed: Cast) -> None:
    """A signal that cannot be written is not one that came too late."""
    projects = Project.objects.filter(pk=closed.project.pk)
    work = Report("", None, lambda: projects.update(name="changed"))
    done, error = deliver([work], (uuid4(), 1), [])
    assert done == 0 and isinstance(error, OperationalError)


@pytest.fixture
def talking(cast: Cast) -> Iterator[Cast]:
    """The cast; afterwards this thread's connection, which `alter` ended, is not used again."""
    yield cast
    connection.close()


@pytest.mark.processes
@pytest.mark.timing
async def test_a_worker_carries_its_calls_on_and_takes_new_ones_after_it(
    talking: Cast, start_worker: Callable[..., WorkerProcess], sweep: Callable[..., object]
) -> None:
    """Its heartbeat goes on, or the sweep would take it for lost."""
    worker = await callers.in_thread(start_worker)
    first, second = Phone(440.0), Phone(440.0)
    call_id = await callers.dial(talking.alice, first, "/public/echo")
    await callers.hears(first, 440.0)
    await callers.in_thread(alter, CLOSE)
    try:
        await callers.pause(3)
    finally:
        await callers.in_thread(alter, OPEN)
    sweep()
    await callers.dial(talking.bob, second, "/public/echo")
    await callers.hears(second, 440.0)
    assert first.hears(440.0) and worker.process.poll() is None, worker.words()
    assert (await callers.snapshot(call_id)).state.value == "answered"
