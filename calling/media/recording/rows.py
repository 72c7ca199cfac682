"""Where recordings lie, their signed links, and the broom for those whose worker died. No media code here."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db.models import Exists, OuterRef, Q

import clock
from calling import models

SALT: Final = "callwright.recording"
GRACE_SECONDS: Final = 15
RATE: Final = 48000
WAV_HEAD: Final = 44
MP3_KILOBITS: Final = 48  # a second and channel, as `files.writers` encodes
OGG_TAIL: Final = 128 * 1024


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
    for row in models.Recording.objects.filter(~Exists(live), state="recording")[:500]:
        size = length = 0
        with contextlib.suppress(OSError):
            size = os.stat(root() / row.path).st_size
            length = duration_ms(root() / row.path, row.format, row.channels)
        values = {"state": "partial" if size else "failed", "size": size, "duration_ms": length}
        count += models.Recording.objects.filter(pk=row.pk, state="recording").update(**values)
    return count


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
