"""What a dead worker left as `recording` becomes partial (or failed, without a file) after its call."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from calling import models
from calling.media.recording.rows import close_abandoned, root
from tests.support.people import make_cast


@pytest.mark.django_db
def test_only_recordings_of_calls_long_over_are_closed(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    root().mkdir(parents=True)
    cast = make_cast()
    now = timezone.now()
    states = {
        "old": ("ended", now - timedelta(minutes=1)),
        "fresh": ("ended", now),
        "live": ("answered", None),
    }
    rows = {}
    for name, (state, ended) in states.items():
        call = models.Call.objects.create(
            id=uuid4(),
            project=cast.project,
            state=state,
            kind="script",
            to_address="/x",
            created_at=now,
            ended_at=ended,
            end_reason="hangup" if ended else None,
            deadline=None if ended else now,
        )
        for kind in ("file", "none"):
            rows[name, kind] = models.Recording.objects.create(
                project=cast.project,
                call_id=call.id,
                control_id=name,
                format="ogg",
                path=f"{name}-{kind}.ogg",
            )
            if kind == "file":
                (root() / f"{name}-file.ogg").write_bytes(b"OggS")
    assert close_abandoned() == 2
    found = {key: models.Recording.objects.get(pk=row.pk).state for key, row in rows.items()}
    assert found["old", "file"] == "partial" and found["old", "none"] == "failed"
    assert {found[key] for key in rows if key[0] != "old"} == {"recording"}
