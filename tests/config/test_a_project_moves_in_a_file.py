"""A project written to a file, removed, and read again: all that it had, nothing of others, all or nothing.

Between two real instances: the cells side by side.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from calling import models
from calling.retention import erasure
from calling.telephony import billing
from config.cells import project_file
from config.cells.project_file import LEDGER, CannotMove
from subscribers.encryption import seal
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
    sealed = models.WebhookEndpoint.objects.filter(project_id=made.id).exclude(secret="")
    assert sealed.update(secret=seal("whsec_x"))
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


def changed(file: Path, changes: dict[str, Callable[[bytes], bytes]]) -> Path:
    """The same file with other members."""
    other = file.with_suffix(".changed")
    with zipfile.ZipFile(file) as given, zipfile.ZipFile(other, "w") as made:
        for name in given.namelist():
            made.writestr(name, changes.get(name, bytes)(given.read(name)))
    return other


def refused(file: Path, match: str) -> None:
    before = rows()
    with pytest.raises(CannotMove, match=match):
        project_file.load(file)
    assert rows() == before


@pytest.mark.parametrize("of", ["a key of theirs", "a rate of everybody's", "a leg of theirs"])
def test_a_file_says_nothing_of_other_projects(cast: Cast, tmp_path: Path, of: str) -> None:
    """Who wrote it is not asked: it may come from another's instance."""
    file, other = tmp_path / "project", Project.objects.exclude(pk=cast.id).get()
    theirs = models.Call.objects.create(
        project=other, created_at=timezone.now(), state="ended", end_reason="hangup"
    )
    mine = str(models.Call.objects.get(project_id=cast.id).pk)
    table, was, becomes = {
        "a key of theirs": ("tokens_apitoken", str(cast.id), str(other.pk)),
        "a rate of everybody's": ("calling_phonerate", str(cast.id), r"\N"),
        "a leg of theirs": ("calling_leg", mine, str(theirs.pk)),
    }[of]
    project_file.export(cast.id, file)
    project_file.remove(cast.id)

    def change(text: bytes) -> bytes:
        assert was.encode() in text
        return text.replace(was.encode(), becomes.encode())

    refused(changed(file, {table: change}), "row-level security")
    assert project_file.load(file)[0] == cast.id


def flipped(whole: bytes) -> bytes:
    """One bit of its largest part is another."""
    with zipfile.ZipFile(io.BytesIO(whole)) as given:
        part = max(given.infolist(), key=lambda each: each.compress_size)
    at = part.header_offset + part.compress_size // 2
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        flipped,
        lambda whole: b"",
        lambda whole: b"PK\5\6" + bytes(18),
    ],
)
def test_a_damaged_file_is_one_line(cast: Cast, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "project"
    project_file.export(cast.id, file)
    project_file.remove(cast.id)
    file.write_bytes(damage(file.read_bytes()))
    refused(file, "is damaged")
    with pytest.raises(CommandError, match=r"^[^\n]*damaged[^\n]*$"):
        call_command("project", "import", str(file))


@pytest.mark.parametrize(
    ("member", "text"),
    [
        ("manifest.json", b"[]"),
        ("manifest.json", b"{"),
        ("manifest.json", b'{"project": 5}'),
        ("calling_call", b"x\ty\n"),
        ("calling_call", b"\xff\n"),
    ],
)
def test_a_file_that_says_something_else_is_one_line(
    cast: Cast, tmp_path: Path, member: str, text: bytes
) -> None:
    file = tmp_path / "project"
    project_file.export(cast.id, file)
    project_file.remove(cast.id)
    refused(changed(file, {member: lambda _: text}), "is damaged")


def test_an_older_file_does_not_go_on_from_newer_books(cast: Cast, tmp_path: Path) -> None:
    """It was written, the project went on here all the same, and left later."""
    old, new = tmp_path / "old", tmp_path / "new"
    project_file.export(cast.id, old)
    with transaction.atomic():
        billing.move_money(cast.id, "top_up", 5, "")
    project_file.export(cast.id, new)
    project_file.remove(cast.id)
    refused(old, "ledger")
    project_file.load(new)
    with transaction.atomic():
        entry = billing.move_money(cast.id, "top_up", 5, "")
    assert entry.number == models.LedgerEntry.objects.filter(project_id=cast.id).count()


def test_books_that_went_on_otherwise_elsewhere_do_not_come_together(cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "project"
    project_file.export(cast.id, file)
    project_file.remove(cast.id)
    refused(changed(file, {LEDGER: lambda text: text.replace(b"77777777", b"77777778")}), "ledger")


def test_secrets_that_cannot_be_read_here_are_named(cast: Cast, tmp_path: Path, settings: Any) -> None:
    """The next sweep would disable its webhooks."""
    file, old = tmp_path / "project", settings.SECRET_KEY
    project_file.export(cast.id, file)
    project_file.remove(cast.id)
    settings.SECRET_KEY = "another key " * 4
    refused(file, "1 of its secrets .* CALLWRIGHT_OLD_SECRET_KEYS")
    settings.SECRET_KEY_FALLBACKS = [old]
    project_file.load(file)


def test_a_project_stays_while_an_erasure_goes_on(cast: Cast, tmp_path: Path) -> None:
    """What is still to be removed is in the audit log, which stays."""
    asker, file = erasure.Asker(cast.id, "API key"), tmp_path / "project"
    asker.note(erasure.ASKED, cast.alice.subscriber.pk, address=cast.alice.address)
    with pytest.raises(CannotMove, match="erasure"):
        project_file.export(cast.id, file)
    asker.note(erasure.DONE, cast.alice.subscriber.pk)
    assert project_file.export(cast.id, file)


def test_an_export_that_breaks_off_leaves_no_part(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "project"
    with monkeypatch.context() as broken:
        broken.setattr(project_file, "selected", lambda *_: sql.SQL("no_such_column"))
        with pytest.raises(psycopg.Error):
            project_file.export(cast.id, file)
    assert not file.exists()
    assert project_file.export(cast.id, file)


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
