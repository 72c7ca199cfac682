"""The rows of a worker: its heartbeat, its leases, its sessions. Synchronous; nothing here carries media.

A session belongs to a worker while its row says so under the epoch the worker was given (the fence) and
the worker's heartbeat is not older than a lease (`calling.media_sessions.failover`): one row is renewed,
however many sessions it carries. Who finds another epoch there has lost it and must not write any more.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection

from calling import models
from calling.media.session import rows
from calling.media.session.rows import SessionSnapshot
from subscribers.postgresql import prepared

# One number per session that changes with whatever a plan is made of, for all sessions in one statement.
DIGEST = """
SELECT c.session_id, sum(('x' || left(md5(concat_ws('|', c.id, c.state, c.carried, c.program, c.transfer,
        c.consult_id, c.consulting, c.supervision, c.supervisors, l.legs, o.operations, k.candidates,
        m.members)), 15))::bit(60)::bigint) AS number
FROM calling_call c
LEFT JOIN LATERAL (SELECT string_agg(concat_ws(',', l.id, l.state, l.held, l.muted, l.media, l.serial,
        l.peer_id, l.answer IS NULL, l.early_media, l.app, l.app_ref, l.settings,
        a.attempts), ';' ORDER BY l.id) AS legs
    FROM calling_leg l
    LEFT JOIN LATERAL (SELECT string_agg(concat_ws(',', t.id, t.state), ';' ORDER BY t.id) AS attempts
        FROM calling_attempt t WHERE t.leg_id = l.id) a ON true
    WHERE l.call_id = c.id) l ON true
LEFT JOIN LATERAL (SELECT string_agg(concat_ws(',', o.id, o.wish_serial), ';' ORDER BY o.id) AS operations
    FROM calling_operation o WHERE o.call_id = c.id AND o.state IN ('wanted', 'running')) o ON true
LEFT JOIN LATERAL (SELECT max(i.id) AS candidates FROM calling_icecandidate i
    JOIN calling_leg p ON p.peer_id = i.peer_id WHERE p.call_id = c.id) k ON true
LEFT JOIN LATERAL (SELECT string_agg(concat_ws(',', s.id, s.deaf, s.volume), ';' ORDER BY s.id) AS members
    FROM calling_member s WHERE s.call_id = c.id AND s.left_at IS NULL) m ON true
WHERE %(compare)s::bool AND c.session_id = ANY(%(sessions)s::uuid[]) AND c.state <> 'ended'
GROUP BY c.session_id
"""

BEAT = f"""
WITH beat AS (
    INSERT INTO calling_mediaworker
        (id, name, host, pid, media_address, region, lock_key, budget, legs, cpu, loop_lag_ms, draining,
         started_at, heartbeat_at)
    VALUES (%(id)s, %(name)s, %(host)s, %(pid)s, %(media_address)s, '', %(lock_key)s, %(budget)s, %(legs)s,
            %(cpu)s, %(lag)s, %(draining)s, now(), now())
    ON CONFLICT (id) DO UPDATE SET heartbeat_at = now(), legs = excluded.legs, cpu = excluded.cpu,
        loop_lag_ms = excluded.loop_lag_ms, draining = excluded.draining
), kept AS (
    SELECT session.id FROM calling_mediasession session
    JOIN unnest(%(sessions)s::uuid[], %(epochs)s::int[]) AS mine(id, epoch)
        ON session.id = mine.id AND session.epoch = mine.epoch
    WHERE session.state = 'running'
), digests AS ({DIGEST})
SELECT kept.id, digests.number FROM kept LEFT JOIN digests ON digests.session_id = kept.id
"""
"""`compare`: with the number of each session."""

CLAIM = """
UPDATE calling_mediasession
SET state = 'running', worker_id = %(worker)s, epoch = epoch + 1, lease_until = NULL
WHERE id = %(session)s AND state = 'wanted' AND epoch = %(epoch)s AND EXISTS (
    SELECT 1 FROM calling_mediaworker w
    WHERE w.id = %(worker)s AND w.heartbeat_at > now() - interval '2.5 seconds')
"""
"""Whose heartbeat does not come through takes nothing: the sweep would take it away at once. `lease_until` is
of workers of the version before, which renewed it with each session; without one its sweep goes by the
heartbeat and the lock."""

# In one message: the second statement sees the call of a dial that the first waited for.
HOLD = """
SELECT state FROM calling_mediasession WHERE id = %(session)s AND epoch = %(epoch)s FOR UPDATE
"""
FINISH = """
UPDATE calling_mediasession s SET state = 'ended'
WHERE s.id = %(session)s AND s.epoch = %(epoch)s AND s.state = 'running'
AND NOT EXISTS (SELECT 1 FROM calling_call c WHERE c.session_id = s.id AND c.state <> 'ended')
"""

NEVER = -1  # no number of rows is negative

# A claim whose answer was lost, or a session that failed here: nobody carries it while its worker is well.
STRAYS = """
SELECT id, epoch FROM calling_mediasession
WHERE state = 'running' AND worker_id = %(worker)s AND id <> ALL(%(carried)s::uuid[])
"""
LET_GO = """
UPDATE calling_mediasession SET worker_id = NULL
WHERE id = %(session)s AND epoch = %(epoch)s AND state = 'running' AND worker_id = %(worker)s
"""
"""The sweep finds it lost then, and another worker takes it over."""

NO_SAMPLES: rows.Samples = {}

LEAVE = """
WITH let_go AS (UPDATE calling_mediasession SET worker_id = NULL WHERE worker_id = %(worker)s)
DELETE FROM calling_mediaworker WHERE id = %(worker)s
"""


class Comparison:
    """The number of a session's rows (`DIGEST`; None without a live call), last compared."""

    def __init__(self) -> None:
        self._number: int | None = NEVER

    def changed(self, number: int | None) -> bool:
        """Whether the session is to look: the number is another one, or the first, which may come after the
        end of all its calls."""
        before, self._number = self._number, number
        return before != number


def connection_words() -> dict[str, Any]:
    """Arguments for a psycopg connection of the worker's own, outside Django's pool."""
    return {
        "conninfo": settings.DATABASE_URL,
        "dbname": connection.settings_dict["NAME"],
        "autocommit": True,
        "connect_timeout": 3,
        "prepare_threshold": None,  # behind PgBouncer the next statement may meet another session
        "application_name": "callwright-media",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 8000,
    }


async def open_connection(lock_key: int) -> psycopg.AsyncConnection[Any]:
    """The worker's own connection, holding its advisory lock for as long as it lives."""
    own = await psycopg.AsyncConnection.connect(**connection_words())
    await own.execute("SELECT pg_try_advisory_lock(%s)", [lock_key])
    return own


class Claimed(NamedTuple):
    """A session that was taken: its epoch now, and the first look at its rows."""

    epoch: int
    first: SessionSnapshot


def claim(session_id: UUID | str, epoch: int, worker_id: UUID) -> Claimed | None:
    """Take a wanted session and look at its rows, in one message; None where somebody else did, it is no
    longer wanted, or the worker's own heartbeat is late."""
    words = rows.look_words(session_id, worker_id) | {"epoch": epoch}
    with connection.cursor() as cursor:
        prepared.send(cursor, (CLAIM, words), (rows.LOOK, words))
        if cursor.rowcount != 1:
            return None
        cursor.nextset()
        return Claimed(epoch + 1, rows.snapshot(cursor.fetchall()))


def project_of(session_id: UUID | str) -> str:
    """The project that a session is for; empty where the session is gone."""
    found = models.MediaSession.objects.filter(pk=session_id).values_list("project_id", flat=True).first()
    return str(found or "")


def still_wanted(session_id: UUID | str, epoch: int) -> bool:
    return models.MediaSession.objects.filter(pk=session_id, state="wanted", epoch=epoch).exists()


def finish(session_id: UUID | str, epoch: int, samples: rows.Samples = NO_SAMPLES) -> bool:
    """End a session that has no live call, with the last quality samples of its peers. False: a call came
    meanwhile, carry on.

    The row lock waits for a dial that is being written into this session (its foreign key holds it).
    """
    with connection.cursor() as cursor:
        if samples:
            words = rows.sample_words(samples, (session_id, epoch))
            prepared.send(cursor, (rows.WRITE_SAMPLES, words), (HOLD, words), (FINISH, words))
            cursor.nextset()
        else:
            words = {"session": session_id, "epoch": epoch}
            prepared.send(cursor, (HOLD, words), (FINISH, words))
        found = cursor.fetchone()
        cursor.nextset()
        return found is None or found[0] != "running" or cursor.rowcount == 1


def deregister(worker_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(LEAVE, {"worker": worker_id})
