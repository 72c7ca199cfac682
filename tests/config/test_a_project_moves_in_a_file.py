"""A project written to a file, removed, and read again: all that it had, nothing of others, all or nothing.

Between two real instances: the cells side by side.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from calling import models
from config.cells import project_file
from config.cells.project_file import LEDGER, CannotMove
from subscribers.models import Project
from tests.api.furnished import furnish_wholly
from tests.support import people
from tests.support.people import Cast, Person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast() -> Cast:
    """A project with one of everything and no live call; another with events and a delivery of its own."""
    made, other = people.make_cast(), people.make_mallory()
    with transaction.atomic():
        furnish_wholly(made)
    models.Call.objects.filter(project_id=made.id).update(state="ended", end_reason="hangup")
    now = timezone.now()
    hook = models.WebhookEndpoint.objects.create(project=other.project, url="http://127.0.0.1:9/", secret="s")
    for number in (1, 2):
        event = models.Event.objects.create(
            project=other.project, stream="x", sequence=number, type="x", body="{}", created_at=now
        )
    models.Delivery.objects.create(endpoint=hook, event=event, stream=event.stream, created_at=now)
    return made


def rows() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that the file holds, of all projects."""
    found = {}
    with connection.cursor() as cursor:
        for name in project_file.tables():
            cursor.execute(f"SELECT to_jsonb(t) FROM {name} t ORDER BY 1")  # names of our own tables
            found[name] = [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in cursor]
    return found


def without_numbers(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    """The same without what a cell gives: serial keys, and which worker carried a session."""
    given = {"calling_delivery": {"event_id"}, "calling_mediasession": {"worker_id"}}
    for name, model in project_file.tables().items():
        if model._meta.pk.get_internal_type() == "BigAutoField":
            given[name] = {"id"}
    return {
        name: sorted(
            json.dumps({k: v for k, v in row.items() if k not in given.get(name, set())}, sort_keys=True)
            for row in found[name]
        )
        for name in found
    }


def test_a_project_comes_back_whole_and_others_are_left_alone(cast: Cast, tmp_path: Path) -> None:
    before, file = rows(), tmp_path / "project"
    full = {name for name, found in before.items() if found}
    counted = project_file.export(cast.id, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(counted) == full, "it had one of everything"
    assert rows() == before
    gone = project_file.remove(cast.id)
    books = counted.pop(LEDGER)
    assert gone >= sum(counted.values()) and books
    left = rows()
    assert left.pop(LEDGER) == before[LEDGER], "the ledger is never deleted from"
    assert all(len(left[name]) < len(before[name]) for name in full - {LEDGER})
    assert not any(cast.project.pk.hex in json.dumps(found).replace("-", "") for found in left.values())

    assert project_file.load(file) == (cast.id, counted)
    after = rows()
    assert without_numbers(after) == without_numbers(before)
    # Others' numbers are as they were, and those of this project are new and point at one another.
    mine = {row["id"] for row in after["calling_event"] if row["project_id"] == str(cast.id)}
    assert not mine & {row["id"] for row in before["calling_event"]}
    others = {row["id"] for row in left["calling_event"]}
    assert {row["id"] for row in after["calling_event"]} == mine | others
    hooks = {row["id"] for row in after["calling_webhookendpoint"] if row["project_id"] == str(cast.id)}
    assert {row["event_id"] for row in after["calling_delivery"] if row["endpoint_id"] in hooks} <= mine
    event = models.Event.objects.filter(project_id=cast.id).latest("pk")
    event.pk = None
    event.position, event.event_id, event.sequence = None, UUID(int=1), 10_000
    event.save()
    assert event.pk not in mine, "the next number is behind those that were given"


def test_what_is_here_already_is_not_read_again(cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "project"
    project_file.export(cast.id, file)
    with pytest.raises(CannotMove, match="is here already"):
        project_file.load(file)


def test_a_part_that_another_has_leaves_nothing_behind(cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "project"
    project_file.export(cast.id, file)
    kept = cast.project.subscribers.first()
    assert kept is not None
    project_file.remove(cast.id)
    other = Project.objects.get()
    kept.project = other
    kept.save(force_insert=True)
    before = rows()
    with pytest.raises(CannotMove, match="this cell has it"):
        project_file.load(file)
    assert rows() == before


def test_a_project_with_a_live_call_stays(cast: Cast, tmp_path: Path) -> None:
    models.Call.objects.filter(project_id=cast.id).update(state="answered")
    file = tmp_path / "project"
    with pytest.raises(CannotMove, match="live"):
        project_file.export(cast.id, file)
    with pytest.raises(CannotMove, match="live"):
        project_file.remove(cast.id)
    assert not file.exists()


def test_a_file_of_another_version_is_refused(cast: Cast, tmp_path: Path) -> None:
    file, other = tmp_path / "project", tmp_path / "other"
    project_file.export(cast.id, file)
    project_file.remove(cast.id)
    with zipfile.ZipFile(file) as given, zipfile.ZipFile(other, "w") as made:
        for name in given.namelist():
            text = given.read(name)
            made.writestr(name, text.replace(b'"subscribers": "0', b'"subscribers": "9'))
    with pytest.raises(CannotMove, match="another version"):
        project_file.load(other)


def test_no_file_is_overwritten(cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "project"
    file.write_text("mine")
    with pytest.raises(FileExistsError):
        project_file.export(cast.id, file)
    assert file.read_text() == "mine"


def test_a_token_of_before_is_good_after(cast: Cast, tmp_path: Path) -> None:
    person: Person = cast.alice
    assert person.rest.get("/api/fabric/subscriber/info").status_code == 200
    project_file.export(cast.id, tmp_path / "project")
    project_file.remove(cast.id)
    project_file.load(tmp_path / "project")
    assert person.rest.get("/api/fabric/subscriber/info").status_code == 200
    assert cast.rest.get("/api/calls").status_code == 200
