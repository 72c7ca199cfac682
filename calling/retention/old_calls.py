"""Deletion of old calls, where the instance sets how long calls are kept (off by default).

Each goes as if somebody had deleted it (`calling.retention.erasure`): legs, recordings with their files, what
is left of its events. Calls that live, and those whose recording is still written, stay. The audit log says
how many went, one entry for each project and run.
"""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction

from calling import models
from calling.retention import erasure
from rest import errors
from subscribers.models import Project

log = logging.getLogger(__name__)

BATCH = 50
EXPIRED = "call.expired"


def forget_calls(before: datetime) -> int:
    """Delete the calls that ended before then. How many."""
    done = 0
    for project_id in list(Project.objects.values_list("pk", flat=True)):
        try:
            done += forget_calls_of(project_id, before)
        except errors.Unavailable as error:  # the store of recordings: the next run goes on
            log.warning("Old calls go later", extra={"error": str(error)})
    return done


def forget_calls_of(project_id: UUID, before: datetime) -> int:
    entry, done = None, 0
    while found := forget_batch(project_id, before, entry):
        entry, calls = found
        done += calls
        if calls < BATCH:
            break
    return done


def forget_batch(
    project_id: UUID, before: datetime, entry: models.StaffAction | None
) -> tuple[models.StaffAction, int] | None:
    """Delete the oldest, and add them to the audit entry of this run."""
    writing = models.Recording.objects.filter(project_id=project_id, state="recording").values("call_id")
    with transaction.atomic():
        rows = models.Call.objects.select_for_update(skip_locked=True).filter(
            project_id=project_id, state="ended", created_at__lt=before, ended_at__lt=before
        )
        # Who supervised a call goes with it.
        old = list(rows.exclude(pk__in=writing).filter(supervises=None).order_by("created_at", "id")[:BATCH])
        if not old:
            return None
        if entry is None:
            entry = erasure.Asker(project_id, "retention").note(EXPIRED, before.date(), calls=0, recordings=0)
        for row in old:
            entry.detail["calls"] += 1
            entry.detail["recordings"] += erasure.remove(row)
        entry.save(update_fields=["detail"])
    return entry, len(old)
