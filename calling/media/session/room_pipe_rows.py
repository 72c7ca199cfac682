"""What trunks read and write: which workers share a room with this one, and both sides' descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from calling import models
from calling.runtime import nudge

# Who carries members of these rooms besides this worker, and what they wrote for it, in one statement.
ELSEWHERE = """
SELECT DISTINCT meeting.room_id, session.worker_id, trunk.description
FROM calling_member member
JOIN calling_meeting meeting ON meeting.id = member.meeting_id AND meeting.ended_at IS NULL
JOIN calling_call call ON call.id = member.call_id AND call.state <> 'ended'
JOIN calling_mediasession session ON session.id = call.session_id AND session.state = 'running'
LEFT JOIN calling_trunk trunk ON trunk.room_id = meeting.room_id AND trunk.near_id = session.worker_id
    AND trunk.far = %(me)s
WHERE member.left_at IS NULL AND meeting.room_id = ANY(%(rooms)s::uuid[])
    AND session.worker_id IS NOT NULL AND session.worker_id <> %(me)s
"""


@dataclass(frozen=True)
class PeerWorker:
    """A worker that carries members of a room too. description: where it takes ours, None: not yet known."""

    room_id: str
    worker_id: str
    description: str | None


def elsewhere(me: UUID, rooms: Sequence[str]) -> tuple[PeerWorker, ...]:
    """Every (room, other worker) of these rooms."""
    if not rooms:
        return ()
    with connection.cursor() as cursor:
        cursor.execute(ELSEWHERE, {"me": me, "rooms": list(rooms)})
        return tuple(PeerWorker(str(room), str(worker), text) for room, worker, text in cursor.fetchall())


def describe(me: UUID, room_id: str, far: str, description: str) -> None:
    """Write down where this worker takes the other's sound and picture, and let that one look."""
    models.Trunk.objects.update_or_create(
        room_id=room_id, near_id=me, far=far, defaults={"description": description}
    )
    nudge.on_commit(nudge.MEDIA, {"room": room_id})


def withdraw(me: UUID, room_id: str, far: str) -> None:
    models.Trunk.objects.filter(room_id=room_id, near_id=me, far=far).delete()
