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


@pytest.mark.django_db
@pytest.mark.parametrize(("kept", "word"), [(b"OggS", "finished"), (b"", "failed")])
def test_who_waits_for_a_recording_learns_that_its_worker_was_lost(
    settings: Any, tmp_path: Path, kept: bytes, word: str
) -> None:
    settings.DATA_DIR = tmp_path
    root().mkdir(parents=True)
    (root() / "tape.ogg").write_bytes(kept)
    cast = make_cast()
    ended = timezone.now() - timedelta(minutes=1)
    call = models.Call.objects.create(
        id=uuid4(), project=cast.project, state="ended", kind="script", to_address="/x",
        created_at=ended, ended_at=ended, end_reason="failed",
    )  # fmt: skip
    about = {"call_id": call.id, "control_id": "tape"}
    row = models.Recording.objects.create(project=cast.project, format="ogg", path="tape.ogg", **about)
    waited = models.Operation.objects.create(
        id=uuid4(), verb="record", state="running", params={}, created_at=ended, **about
    )
    models.Operation.objects.create(
        id=uuid4(),
        call_id=call.id,
        control_id="b",
        verb="record",
        state="running",
        params={},
        created_at=ended,
    )
    assert (close_abandoned(), close_abandoned()) == (1, 0)
    (event,) = models.Event.objects.filter(call_id=call.id)
    assert event.type == f"record.{word}"
    assert event.data["control_id"] == "tape" and event.data["recording_id"] == str(row.pk)
    assert event.data["reason"] == "worker_lost"
    assert ("/download?signature=" in event.data.get("url", "")) == bool(kept)
    waited.refresh_from_db()
    assert waited.state == word and waited.finished_at is not None
