"""Paths and signed links of recordings, and closing those whose worker died. No media code here."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db.models import Exists, OuterRef, Q

import clock
from calling import models
from calling.commands import operations

SALT: Final = "callwright.recording"
GRACE_SECONDS: Final = 15
RATE: Final = 48000
WAV_HEAD: Final = 44
MP3_KILOBITS: Final = 48  # a second and channel, as `files.writers` encodes
OGG_TAIL: Final = 128 * 1024
LOST: Final = "worker_lost"


def root() -> Path:
    """Where recordings lie."""
    return Path(settings.DATA_DIR) / "recordings"


def link(row_id: UUID | str, project_id: UUID | str) -> str:
    """A signed link to a recording, as `/api/recordings` gives it: good for five minutes."""
    signature = signing.dumps({"recording": str(row_id), "project": str(project_id)}, salt=SALT)
    return f"https://{settings.CALLWRIGHT_DOMAIN}/api/recordings/{row_id}/download?signature={signature}"


def close_abandoned() -> int:
    """Mark as `partial` what still says `recording` though its call is over; for the sweep. How many."""
    late = clock.now() - timedelta(seconds=GRACE_SECONDS)  # a living worker needs a moment to write the end
    live = models.Call.objects.filter(~Q(state="ended") | Q(ended_at__gt=late), pk=OuterRef("call_id"))
    count = 0
    for row in models.Recording.objects.filter(~Exists(live), state="recording").order_by("-created_at")[
        :500
    ]:
        size = length = 0
        with contextlib.suppress(OSError):
            size = os.stat(root() / row.path).st_size
            length = duration_ms(root() / row.path, row.format, row.channels)
        values = {"state": "partial" if size else "failed", "size": size, "duration_ms": length}
        tell_lost(row, values)
        count += models.Recording.objects.filter(pk=row.pk, state="recording").update(**values)
    return count


def tell_lost(row: models.Recording, values: dict[str, Any]) -> None:
    """Whoever waits for that recording learns of its end from the platform: its worker cannot tell it."""
    wanted = {"call_id": row.call_id, "verb": "record", "control_id": row.control_id}
    told = {"recording_id": str(row.pk), "reason": LOST}
    if values["state"] == "partial":
        played = {"duration_ms": values["duration_ms"], "size": values["size"]}
        told |= {**played, "url": link(row.pk, row.project_id)}
    word = "finished" if values["state"] == "partial" else "failed"
    for operation in models.Operation.objects.filter(**wanted, state__in=operations.LIVE):
        operations.changed(operation.pk, word, word, told)


def duration_ms(path: Path, format: str, channels: int) -> int:
    """How long a file of `files.writers` plays, though nobody closed it. Raises OSError."""
    size = os.stat(path).st_size
    if format == "wav":
        return max(0, size - WAV_HEAD) * 1000 // (RATE * 2 * channels)
    if format == "mp3":
        return size * 8 // (MP3_KILOBITS * channels)
    with path.open("rb") as file:
        file.seek(max(0, size - OGG_TAIL))
        tail = file.read()
    at = tail.rfind(b"OggS")  # the last page says how many samples there are up to its end (RFC 3533)
    return int.from_bytes(tail[at + 6 : at + 14], "little") * 1000 // RATE if at >= 0 else 0
