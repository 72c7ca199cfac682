"""A real streaming standby answers lists, exports and charts; one that is late, gone or promoted does not.

The standby is made from the test's own PostgreSQL by pg_basebackup.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from pytest_django.plugin import DjangoDbBlocker

from calling import models
from config.connection_urls import replica_database
from config.doctor import rows
from config.doctor.findings import Finding
from subscribers import replicas, row_security
from subscribers.postgresql.base import DatabaseWrapper
from tests.support import people, two_logins
from tests.support.standby import Standby, primary_sockets

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timing,
    pytest.mark.skipif(primary_sockets() is None, reason="the standby is made of the run's own PostgreSQL"),
]
ALIAS = "replica1"
LISTS = (
    "/api/calls", "/api/recordings", "/api/voice/logs", "/api/logs/conferences", "/api/video/room_sessions",
    "/api/relay/rest/recordings",
)  # fmt: skip


@pytest.fixture(scope="module")
def standby(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Standby]:
    with django_db_blocker.unblock(), Standby() as made:
        yield made


@pytest.fixture(autouse=True)
def allowed(
    transactional_db: None, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's test cases let no connection be made to a database that they did not know when they began."""
    real = django_db_blocker._real_ensure_connection  # type: ignore[attr-defined]
    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", real)


@pytest.fixture
def replica(standby: Standby) -> Iterator[Standby]:
    """The standby, named in this process's settings as DATABASE_REPLICA_URL names it."""
    with named(standby):
        yield standby
        if standby.process is not None:
            standby.tell("SELECT pg_wal_replay_resume()")


class named:
    def __init__(self, standby: Standby, requests_url: str | None = None) -> None:
        self.entry = replica_database(standby.url(), 4, requests_url)
        self.router = override_settings(DATABASE_ROUTERS=["subscribers.replicas.Router"])

    def __enter__(self) -> None:
        made = connections.configure_settings({"default": {}, ALIAS: self.entry})  # type: ignore[no-untyped-call]
        connections.settings[ALIAS] = made[ALIAS]
        self.router.enable()
        replicas.forget()

    def __exit__(self, *_: object) -> None:
        self.router.disable()
        cast(DatabaseWrapper, connections[ALIAS]).close_pool()
        del connections[ALIAS], connections.settings[ALIAS]


def call(project: object, **fields: object) -> models.Call:
    return models.Call.objects.create(
        project_id=project, state="ended", end_reason="hangup", kind="subscriber",
        to_address="/private/bob", created_at="2026-01-01T00:00:00Z", **fields,
    )  # fmt: skip


def asked_there(work: Callable[[], object]) -> str:
    """What `work` asked the standby for; the empty text where it asked for no rows."""
    with CaptureQueriesContext(connections[ALIAS]) as captured:
        work()
    return "\n".join(each["sql"] for each in captured if "calling_" in each["sql"])


def asked_there_soon(work: Callable[[], object]) -> str:
    """The same, tried again for a while: a busy machine replays late, and then the primary answers."""
    end = time.monotonic() + 20
    while not (asked := asked_there(work)) and time.monotonic() < end:
        time.sleep(0.1)
        replicas.forget()
    return asked


def until_replayed(standby: Standby) -> None:
    standby.catch_up()
    replicas.forget()


def test_lists_are_read_on_the_standby_and_keys_on_the_primary(replica: Standby) -> None:
    cast = people.make_cast()
    made = call(cast.project.id)
    hook = cast.rest.post("/api/webhooks", {"url": "https://example.com/", "events": ["*"]}, format="json")
    assert hook.status_code == 201, hook.content
    until_replayed(replica)
    paths = (*LISTS, f"/api/webhooks/{hook.json()['id']}/deliveries")
    for path in paths:
        asked = asked_there_soon(lambda path=path: cast.rest.get(path))  # type: ignore[misc]
        assert "calling_" in asked, path
        assert "tokens_" not in asked and "INSERT" not in asked and "UPDATE" not in asked
    assert "calling_call" in asked_there_soon(lambda: cast.alice.rest.get("/api/history"))
    assert cast.rest.get("/api/calls").json()["data"][0]["id"] == str(made.id)
    # One call, and what is written, is the primary's.
    assert not asked_there(lambda: cast.rest.get(f"/api/calls/{made.id}"))
    assert not asked_there(lambda: cast.rest.get("/api/webhooks"))


def test_a_list_has_what_was_written_before_though_the_standby_has_not(replica: Standby) -> None:
    cast = people.make_cast()
    call(cast.project.id)
    until_replayed(replica)
    replica.tell("SELECT pg_wal_replay_pause()")
    made = call(cast.project.id)
    found: list[str] = []

    def ask() -> None:
        found.extend(each["id"] for each in cast.rest.get("/api/calls").json()["data"])

    assert not asked_there(ask)
    assert str(made.id) in found and len(found) == 2
    replica.tell("SELECT pg_wal_replay_resume()")
    until_replayed(replica)
    assert asked_there_soon(ask)


def test_charts_and_exports_may_be_as_late_as_the_bound_and_no_later(
    replica: Standby, settings: object, client: Client
) -> None:
    cast = people.make_cast()
    client.force_login(get_user_model().objects.create_superuser("root", "root@x.example", "a password"))
    settings.CALLWRIGHT_REPLICA_LAG_SECONDS = 3  # type: ignore[attr-defined]
    call(cast.project.id)
    until_replayed(replica)
    replica.tell("SELECT pg_wal_replay_pause()")
    call(cast.project.id)
    paused = time.monotonic()

    def exported() -> int:
        answer = client.get("/dashboard/export/calls.jsonl")
        lines = b"".join(answer.streaming_content).splitlines()  # type: ignore[attr-defined]
        assert all(json.loads(line)["id"] for line in lines)
        return len(lines)

    assert exported() == 1
    assert "calling_call" in asked_there(lambda: client.get("/dashboard/charts"))
    while exported() == 1:
        assert time.monotonic() < paused + 15
        time.sleep(0.1)
    assert time.monotonic() > paused + 1.5
    assert exported() == 2
    assert not asked_there(lambda: client.get("/dashboard/charts"))
    assert replicas.usable() == []
    assert client.get("/readyz").json()["replicas"] == 0


def test_a_standby_that_is_killed_costs_one_short_wait(replica: Standby) -> None:
    cast = people.make_cast()
    call(cast.project.id)
    until_replayed(replica)
    assert asked_there_soon(lambda: cast.rest.get("/api/calls"))
    replica.kill()
    for _ in range(3):
        started = time.monotonic()
        assert len(cast.rest.get("/api/calls").json()["data"]) == 1
        assert time.monotonic() - started < 5
    (found,) = doctor()
    assert found.level == "bad" and "does not answer" in found.fact
    replica.start()
    until_replayed(replica)
    assert asked_there_soon(lambda: cast.rest.get("/api/calls"))
    (found,) = doctor()
    assert found.level == "good", found


def test_what_a_standby_breaks_off_is_read_from_the_primary(replica: Standby) -> None:
    call(people.make_cast().project.id)
    until_replayed(replica)
    tries: list[str] = []

    @replicas.caught_up
    def count() -> int:
        used = models.Call.objects.all().db
        tries.append(used)
        if used == ALIAS:
            with connections[ALIAS].cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return models.Call.objects.count()

    assert count() == 1
    assert tries == [ALIAS, "default"]
    assert count() == 1 and tries[-1] == "default"  # it is left alone for a while


@pytest.mark.parametrize("logins", [1, 2])
def test_projects_are_fenced_on_the_standby_too(standby: Standby, logins: int) -> None:
    cast, mallory = people.make_cast(), people.make_mallory()
    mine = call(cast.project.id)
    call(mallory.project.id)
    standby.catch_up()
    everything = replicas.caught_up(lambda: list(models.Call.objects.values_list("pk", flat=True)))

    def look() -> None:
        for _ in range(3):
            assert len(everything()) == 2
            with row_security.of(cast.project.id):
                assert everything() == [mine.pk]
        assert len(everything()) == 2

    if logins == 1:
        with named(standby):
            assert row_security.usable()
            assert asked_there_soon(look)
        return
    with two_logins.two_logins(), named(standby, two_logins.requests_url()):
        assert asked_there_soon(look)
        with row_security.of(cast.project.id), connections[ALIAS].cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (two_logins.USER,)
        connections[ALIAS].close()


def test_a_transaction_reads_what_it_has_written(replica: Standby) -> None:
    cast = people.make_cast()
    until_replayed(replica)
    count = replicas.caught_up(models.Call.objects.count)
    with transaction.atomic():
        call(cast.project.id)
        assert count() == 1


def test_nothing_is_written_to_a_standby(replica: Standby) -> None:
    until_replayed(replica)
    with pytest.raises(DatabaseError), connections[ALIAS].cursor() as cursor:
        cursor.execute("DELETE FROM calling_call")
    connections[ALIAS].close()


def test_one_that_was_promoted_is_asked_no_more(transactional_db: None) -> None:
    cast = people.make_cast()
    with Standby() as own, named(own):
        call(cast.project.id)
        until_replayed(own)
        assert asked_there_soon(lambda: cast.rest.get("/api/calls"))
        assert own.tell("SELECT pg_promote()") is True
        replicas.forget()
        call(cast.project.id)
        found: list[object] = []
        assert not asked_there(lambda: found.extend(cast.rest.get("/api/calls").json()["data"]))
        assert len(found) == 2
        assert replicas.usable() == []
        (finding,) = doctor()
        assert finding.level == "bad" and "is no standby" in finding.fact


def doctor() -> list[Finding]:
    return list(rows.examine_replicas())


def test_without_replicas_nothing_more_is_asked_of_the_primary() -> None:
    count = replicas.caught_up(models.Call.objects.count)
    with CaptureQueriesContext(connection) as captured:
        count()
    assert len(captured) == 1
