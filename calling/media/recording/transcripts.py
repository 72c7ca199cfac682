"""The transcript of a recording as its row keeps it: asked for, claimed by a speech worker, settled.

A claim holds while its worker says so; one of a worker that died is taken by another, from the beginning.
Who recognises the words is `transcription`'s.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

import clock
from calling import models
from calling.calls import control
from calling.models.ids import uuid7
from rest import errors

WANTED, RUNNING, FINISHED, FAILED = "wanted", "running", "finished", "failed"
LOST_SECONDS: Final = 60.0
OVER: Final = ("finished", "partial")  # states of a recording that has a file


def ask(row: models.Recording, params: dict[str, Any], control_id: str | None) -> models.Recording:
    """Have a recording transcribed, again where it was before. 409 while it is written or transcribed."""
    with transaction.atomic():
        found = models.Recording.objects.select_for_update().filter(pk=row.pk).first()
        if found is None:
            raise errors.NotFound
        if found.state not in OVER:
            raise errors.Conflict("not_allowed", f"The recording has no sound (state: {found.state}).")
        if found.transcript_state in (WANTED, RUNNING):
            raise errors.Conflict("not_allowed", "The recording is being transcribed.")
        found.transcript = {"control_id": control_id or str(uuid7()), "params": params}
        found.transcript_state, found.transcript_beat = WANTED, None
        found.save(update_fields=["transcript", "transcript_state", "transcript_beat"])
    return found


def claim() -> models.Recording | None:
    """The oldest recording that waits, or whose worker was lost; it is the caller's now."""
    lost = Q(transcript_state=RUNNING, transcript_beat__lt=clock.now() - timedelta(seconds=LOST_SECONDS))
    with transaction.atomic():
        rows = models.Recording.objects.select_for_update(skip_locked=True)
        row = rows.filter(Q(transcript_state=WANTED) | lost).order_by("id").first()
        if row is None:
            return None
        first = row.transcript_state == WANTED
        row.transcript_state, row.transcript_beat = RUNNING, clock.now()
        row.save(update_fields=["transcript_state", "transcript_beat"])
        if first:
            params = row.transcript["params"]
            tell(row, "started", {"model": params["model"], "language": params["language"]})
    return row


def beat(recording_id: UUID) -> bool:
    """It goes on. False: nobody wants it any more."""
    rows = models.Recording.objects.filter(pk=recording_id, transcript_state=RUNNING)
    return bool(rows.update(transcript_beat=clock.now()))


def finish(recording_id: UUID, segments: list[dict[str, Any]]) -> None:
    """Every word is there. Nothing where the recording was deleted meanwhile."""
    _settle(recording_id, FINISHED, {"segments": segments}, {"segments": len(segments)})


def fail(recording_id: UUID, reason: str) -> None:
    _settle(recording_id, FAILED, {"reason": reason}, {"reason": reason})


def _settle(recording_id: UUID, state: str, result: dict[str, Any], told: dict[str, Any]) -> None:
    with transaction.atomic():
        rows = models.Recording.objects.select_for_update()
        row = rows.filter(pk=recording_id, transcript_state=RUNNING).first()
        if row is None:
            return
        row.transcript_state, row.transcript = state, {**row.transcript, **result}
        row.save(update_fields=["transcript_state", "transcript"])
        tell(row, state, told)


def tell(row: models.Recording, word: str, data: dict[str, Any]) -> None:
    """`transcribe.started` and its end, among the events of the call; without the words, which are deleted
    with the recording. Nothing where the call was deleted."""
    if not models.Call.objects.filter(pk=row.call_id).exists():
        return
    about = {"control_id": row.transcript["control_id"], "verb": "transcribe", "recording_id": str(row.pk)}
    leg_id = str(row.leg_id) if row.leg_id else None
    control.record_call_event(row.call_id, f"transcribe.{word}", {**about, **data}, leg_id)


def shown(row: models.Recording, *, whole: bool = True) -> dict[str, Any] | None:
    """As JSON; None where none was asked for. Not `whole`: without the words, for lists."""
    if not row.transcript_state:
        return None
    kept, params = row.transcript, row.transcript.get("params", {})
    found = {
        "state": row.transcript_state,
        "control_id": kept.get("control_id"),
        "model": params.get("model"),
        "language": params.get("language"),
        "reason": kept.get("reason"),
    }
    if not whole:
        return found
    segments = kept.get("segments") or []
    return {**found, "text": " ".join(each["text"] for each in segments), "segments": segments}
