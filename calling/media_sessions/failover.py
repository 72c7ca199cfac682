"""What becomes of the sessions of a lost worker: another one takes them over, or their calls end.

A worker is lost when its heartbeat is as old as a lease (5 s), or sooner when its advisory lock is free and
two heartbeats are missing: a killed process drops its connection, a frozen one keeps it. Taking over raises
the epoch first, so whatever the old worker still says is refused (docs/security.md#r3).
"""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import connection, transaction

import clock
from calling import models
from calling.calls import control
from calling.machine.inputs import WorkerLost, WorkerMoved
from calling.media_sessions import placement
from calling.models.ids import uuid7
from rest import errors

log = logging.getLogger(__name__)

MOST_MOVES = 3  # a session that kills its workers must not go through all of them
BATCH = 200

LOST = """
SELECT s.id FROM calling_mediasession s LEFT JOIN calling_mediaworker w ON w.id = s.worker_id
WHERE s.state = 'moving' AND s.wanted_at < now() - interval '2 seconds'
    OR s.state = 'running' AND (w.id IS NULL OR w.heartbeat_at < now() - interval '5 seconds'
    OR w.heartbeat_at < now() - interval '2.5 seconds' AND NOT EXISTS (
        SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
        AND l.classid::bigint = w.lock_key >> 32 AND l.objid::bigint = w.lock_key & 4294967295))
LIMIT %s
"""


def lost_sessions() -> list[UUID]:
    """Sessions whose worker will not come back, and those left half moved; a batch at most."""
    with connection.cursor() as cursor:
        cursor.execute(LOST, [BATCH])
        return sorted(UUID(str(row[0])) for row in cursor.fetchall())


def take_over(session_id: UUID) -> int:
    """Fence the session off its silent worker and let another carry its calls. Returns how many calls.

    One that moved too often ends its calls `worker_lost`, each exactly once. Between the fence and the
    last call told the session is `moving`: a sweep that dies there is followed by one that tells again.
    """
    may_move = fence(session_id)
    if may_move is None:
        return 0
    calls = models.Call.objects.filter(session_id=session_id).exclude(state="ended")
    ids = list(calls.order_by("id").values_list("id", flat=True))
    log.warning("A media worker was lost", extra={"session_id": str(session_id), "calls": len(ids)})
    done = sum(_tell(call_id, may_move) for call_id in ids)
    if may_move:
        _dispatch(session_id)
    return done


def fence(session_id: UUID) -> bool | None:
    """Whether it may move once more; None where another sweep has it or its worker is back."""
    now = clock.now()
    with transaction.atomic():
        rows = models.MediaSession.objects.select_for_update().filter(pk=session_id)
        session = rows.first()
        if session is None or session_id not in lost_sessions():
            return None
        if session.state == "running":
            session.moves += 1
        may_move = session.moves <= MOST_MOVES
        session.state = "moving" if may_move else "ended"
        session.worker, session.lease_until, session.dispatched_at = None, None, None
        session.epoch += 1
        session.wanted_at = now
        session.save()
        return may_move


def _tell(call_id: UUID, may_move: bool) -> int:
    ringing = models.Attempt.objects.filter(leg__call_id=call_id, state__in=["preparing", "ringing"]).count()
    spare = tuple(str(uuid7()) for _ in range(ringing))
    try:
        control.apply(call_id, WorkerMoved(spare) if may_move else WorkerLost())
    except errors.NotFound:
        return 0
    except Exception:  # one call must not keep the others waiting; the sweep sees it again as an orphan
        log.exception("A call could not be moved", extra={"call_id": str(call_id)})
        return 0
    return 1


def _dispatch(session_id: UUID) -> None:
    """Offer the session to the workers, unless every call of it has ended meanwhile."""
    with transaction.atomic():
        session = models.MediaSession.objects.select_for_update().get(pk=session_id)
        if session.state != "moving":
            return
        live = models.Call.objects.filter(session=session).exclude(state="ended").exists()
        session.state = "wanted" if live else "ended"
        session.save(update_fields=["state"])
        if live:
            placement.start_session(session)
