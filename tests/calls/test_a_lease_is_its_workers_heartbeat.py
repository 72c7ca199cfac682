"""A media worker's lease on its sessions is its one heartbeat: no session is written to renew it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

import clock
from calling import models
from calling.media.worker import lease
from calling.media_sessions.failover import lost_sessions
from tests.support import people

pytestmark = pytest.mark.django_db(transaction=True)


def a_worker(heard: float) -> models.MediaWorker:
    """One whose last heartbeat is so many seconds old."""
    return models.MediaWorker.objects.create(
        name="w", host="h", pid=1, media_address="127.0.0.1", lock_key=7,
        heartbeat_at=timezone.now() - timedelta(seconds=heard),
    )  # fmt: skip


def a_session() -> models.MediaSession:
    project = people.make_cast().project
    return models.MediaSession.objects.create(project=project, wanted_at=clock.now())


def beat(worker: models.MediaWorker, session: models.MediaSession, epoch: int) -> list[UUID]:
    """What the worker is told to have, after a heartbeat."""
    words = {
        "id": worker.id, "name": "w", "host": "h", "pid": 1, "media_address": "127.0.0.1", "lock_key": 7,
        "budget": 1, "legs": 0, "cpu": 0.0, "lag": 0.0, "draining": False, "sessions": [session.id],
        "epochs": [epoch], "compare": False,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(lease.BEAT, words)
        return [UUID(str(found)) for found, _ in cursor.fetchall()]


def claimed_under(session: models.MediaSession, worker: models.MediaWorker) -> int:
    """The epoch under which the worker has taken it."""
    held = lease.claim(session.id, 0, worker.id)
    assert held is not None
    return held.epoch


def version_of(session: models.MediaSession) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin::text FROM calling_mediasession WHERE id = %s", [session.id])
        return str(cursor.fetchone()[0])


def test_a_heartbeat_keeps_a_session_and_does_not_write_it() -> None:
    worker, session = a_worker(0), a_session()
    assert claimed_under(session, worker) == 1
    written = version_of(session)
    assert beat(worker, session, 1) == [session.id]
    assert version_of(session) == written
    assert beat(worker, session, 0) == [], "under another epoch it is not kept"


@pytest.mark.parametrize(("heard", "lost"), [(1.0, False), (6.0, True)])
def test_a_session_is_lost_with_its_workers_heartbeat(heard: float, lost: bool) -> None:
    worker, session = a_worker(0), a_session()
    assert claimed_under(session, worker) == 1
    models.MediaWorker.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=heard))
    with connection.cursor() as cursor:  # a frozen worker keeps its lock
        cursor.execute("SELECT pg_advisory_lock(7)")
        try:
            assert lost_sessions() == ([session.id] if lost else [])
        finally:
            cursor.execute("SELECT pg_advisory_unlock(7)")


def test_a_session_whose_worker_is_gone_is_lost() -> None:
    worker, session = a_worker(0), a_session()
    assert claimed_under(session, worker) == 1
    lease.deregister(worker.id)
    assert lost_sessions() == [session.id]


def test_a_worker_without_a_heartbeat_takes_nothing() -> None:
    worker, session = a_worker(3), a_session()
    assert lease.claim(session.id, 0, worker.id) is None
    session.refresh_from_db()
    assert (session.state, session.epoch) == ("wanted", 0)
