"""Advisory locks of PostgreSQL for things without a row of their own, held until the transaction ends.

The publisher's lock (`calling.webhooks.publish`) and a worker's session lock (`calling.media.worker.lease`)
live where they are used: they are tried, not waited for.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))"
STREAM, ROOM, HOLDER, PROJECT = 0, 1, 2, 3  # seeds of the hash: the same text means another lock


def lock_stream(stream: str) -> None:
    """The numbering of one event stream, for example a room's."""
    _lock(stream, STREAM)


def lock_room(room_id: UUID | str) -> None:
    """Admission to one room, and the choice of the media session that carries it."""
    _lock(str(room_id), ROOM)


def holder_lock(identity: str) -> tuple[str, list[Any]]:
    """The count of one token holder's calls, as a statement. Taken before the project's."""
    return LOCK, [identity, HOLDER]


def project_legs_lock(project_id: UUID | str) -> tuple[str, list[Any]]:
    """The count of one project's legs, as a statement. Last of all locks that a dial takes."""
    return LOCK, [str(project_id), PROJECT]


def _lock(name: str, seed: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [name, seed])
