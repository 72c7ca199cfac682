"""Which media session a new call joins: one of its own, or the room's, while its worker has a place left.

A room is carried by one worker as long as that one takes its members; the next session of the same room
then goes to another worker, and a trunk joins the two (DESIGN rule 6).
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from calling import models

FRESH_SECONDS = 5  # a worker whose heartbeat is older is not given anybody


def session_for(project_id: UUID, room_id: str | None) -> models.MediaSession:
    """The session of a call that goes to that room (None: to no room). In the transaction of its dial."""
    if room_id is None:
        return models.MediaSession.objects.create(project_id=project_id, wanted_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [room_id])
    live = models.MediaSession.objects.filter(project_id=project_id, room=room_id).exclude(state="ended")
    for session in live.select_related("worker").order_by("wanted_at", "id"):
        if has_place(session):
            return session
    return models.MediaSession.objects.create(project_id=project_id, room=room_id, wanted_at=timezone.now())


def has_place(session: models.MediaSession) -> bool:
    """Whether who carries this session, or will, takes one more member."""
    legs = models.Leg.objects.exclude(state="ended").exclude(party="app")
    worker = session.worker
    if worker is None:
        return legs.filter(call__session=session).count() < settings.CALLWRIGHT_MEDIA_LEGS
    alive = worker.heartbeat_at > timezone.now() - timedelta(seconds=FRESH_SECONDS)
    if worker.draining or not alive:
        return False
    return legs.filter(call__session__worker=worker).count() < worker.budget


__all__ = ["session_for"]
