"""`CALLWRIGHT_CALL_RETENTION_DAYS`: calls that ended so long ago go, and the audit log says how many."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import clock
from calling import models, retention
from calling.retention import old_calls
from calling.webhooks import publish
from tests.support.fake_worker import talking
from tests.support.people import Cast


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    settings.CALLWRIGHT_CALL_RETENTION_DAYS = 90
    (tmp_path / "recordings").mkdir()
    return tmp_path / "recordings"


def ended(cast: Cast, days: float, to: str = "bob", by: str = "alice") -> str:
    """A call that ended so many days ago."""
    call_id = talking(cast, to, by)
    cast.rest.post(f"/api/calls/{call_id}/hangup")
    at = clock.now() - timedelta(days=days)
    models.Call.objects.filter(pk=call_id).update(created_at=at, ended_at=at)
    publish.publish_round()
    return call_id


def recorded(cast: Cast, call_id: str, files: Path, state: str = "finished") -> None:
    name = f"{uuid4()}.wav"
    (files / name).write_bytes(b"RIFF")
    models.Recording.objects.create(
        project=cast.project, call_id=call_id, control_id="r", format="wav", path=name, state=state
    )


def entries() -> list[models.StaffAction]:
    return list(models.StaffAction.objects.filter(action=old_calls.EXPIRED))


def left() -> set[str]:
    return {str(key) for key in models.Call.objects.values_list("pk", flat=True)}


def test_old_calls_go_with_what_tells_of_them(cast: Cast, files: Path) -> None:
    old, young = ended(cast, 91), ended(cast, 89)
    recorded(cast, old, files)
    recorded(cast, young, files)
    retention.forget_all()
    assert left() == {young}
    assert not models.Leg.objects.filter(call_id=old).exists()
    assert not models.Recording.objects.filter(call_id=old).exists() and len(list(files.iterdir())) == 1
    assert not models.Event.objects.filter(call_id=old).exists()
    assert models.Event.objects.filter(call_id=young).exists()
    [entry] = entries()
    assert entry.project_id == cast.project.id and entry.name == "retention"
    assert entry.detail == {"calls": 1, "recordings": 1}


def test_calls_stay_for_ever_unless_a_time_is_set(cast: Cast, settings: Any) -> None:
    settings.CALLWRIGHT_CALL_RETENTION_DAYS = 0
    old = ended(cast, 4000)
    retention.forget_all()
    assert left() == {old} and entries() == []


def test_what_lives_or_is_still_recorded_stays(cast: Cast, files: Path) -> None:
    writing = ended(cast, 200)
    recorded(cast, writing, files, state="recording")
    live = talking(cast, "carol", "bob")
    models.Call.objects.filter(pk=live).update(created_at=clock.now() - timedelta(days=200))
    retention.forget_all()
    assert left() == {writing, live} and entries() == []


def test_one_entry_tells_of_all_that_went_in_one_run(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(old_calls, "BATCH", 1)
    for _ in range(3):
        ended(cast, 100)
    retention.forget_all()
    assert left() == set()
    assert [entry.detail for entry in entries()] == [{"calls": 3, "recordings": 0}]
    retention.forget_all()
    assert len(entries()) == 1
