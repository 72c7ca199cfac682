"""`DELETE /api/calls/{id}` and a subscriber's `erase`: rows and files are gone, an audit entry stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db.models import F
from django.utils import timezone

from calling import models
from calling.commands import dial
from calling.media.recording import store
from calling.retention import erasure
from calling.webhooks import publish
from rest import errors
from subscribers.models import Address, Subscriber
from tests.dashboard.fixtures import trace
from tests.support import fake_worker, people, rest_client
from tests.support.fake_worker import talking
from tests.support.people import Cast
from tests.support.rest_client import error_of
from tokens.models import IssuedToken

# What tells of a call by its id, in text or in a column, is looked for in every table but these.
KEPT = {"StaffAction", "LogEntry", "StoredAnswer", "Session"}

pytestmark = pytest.mark.sample(4)


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    (tmp_path / "recordings").mkdir()
    return tmp_path / "recordings"


def recorded(cast: Cast, call_id: str, files: Path, state: str = "finished") -> models.Recording:
    name = f"{uuid4()}.wav"
    (files / name).write_bytes(b"RIFF")
    return models.Recording.objects.create(
        project=cast.project, call_id=call_id, control_id="r", format="wav", path=name, state=state
    )


def ended(cast: Cast, to: str = "bob", by: str = "alice") -> str:
    call_id = talking(cast, to, by)
    cast.rest.post(f"/api/calls/{call_id}/hangup")
    return call_id


def tables_that_name(text: str) -> set[str]:
    """The tables with a row that holds this text in any column."""
    found = set()
    for model in apps.get_models():
        if model.__name__ not in KEPT:
            rows = model._default_manager.values()
            if any(text in json.dumps(row, default=str) for row in rows):
                found.add(model.__name__)
    return found


def audit(action: str) -> list[models.StaffAction]:
    return list(models.StaffAction.objects.filter(action=action))


def settle() -> None:
    """A sweep when every process knows that what was asked for a moment ago has no tokens any more."""
    asked = models.StaffAction.objects.filter(action=erasure.ASKED)
    asked.update(at=F("at") - 2 * erasure.SETTLED)
    erasure.sweep()


def test_an_ended_call_is_gone_with_its_rows_and_files(cast: Cast, files: Path) -> None:
    other = ended(cast, "carol", "bob")
    hook = cast.rest.post("/api/webhooks", {"url": "http://127.0.0.1:9/", "events": ["*"]})
    call_id = ended(cast)
    last = ended(cast, "carol", "bob")
    recorded(cast, call_id, files)
    trace(models.Call.objects.get(pk=call_id))
    publish.publish_round()
    assert {"Call", "Leg", "Event", "Recording", "SipMessage"} <= tables_that_name(call_id)
    answer = cast.rest.delete(f"/api/calls/{call_id}")
    assert answer.status_code == 204 and answer.content == b""
    assert tables_that_name(call_id) == set() and list(files.iterdir()) == []
    error_of(cast.rest.get(f"/api/calls/{call_id}"), 404)
    assert {each["id"] for each in cast.rest.get("/api/calls").json()["data"]} == {other, last}
    (entry,) = audit("call.delete")
    assert (entry.subject, entry.detail, entry.name) == (call_id, {"recordings": 1}, "API key")
    assert entry.project_id == cast.project.id and hook.status_code == 201


def test_the_log_goes_on_where_the_only_call_is_deleted(cast: Cast) -> None:
    call_id = ended(cast)
    publish.publish_round()
    before = cast.rest.get("/api/events?page_size=200").json()["data"]
    middle = before[1]["cursor"]
    cast.rest.delete(f"/api/calls/{call_id}")
    left = cast.rest.get("/api/events").json()["data"]
    assert [each["cursor"] for each in left] == [before[0]["cursor"], before[-1]["cursor"]]
    assert all(set(each["event"]["data"]) == {"sequence"} for each in left)
    assert call_id not in json.dumps([each["event"] for each in left])
    ended(cast, "carol", "bob")
    publish.publish_round()
    after = cast.rest.get(f"/api/events?after={middle}").json()["data"]
    assert int(after[1]["cursor"]) == int(before[-1]["cursor"]) + 1


def test_a_live_call_is_409_and_stays(cast: Cast) -> None:
    call_id = talking(cast)
    assert "state: answered" in error_of(cast.rest.delete(f"/api/calls/{call_id}"), 409)["message"]
    assert cast.rest.get(f"/api/calls/{call_id}").status_code == 200 and audit("call.delete") == []


def test_a_call_whose_recording_is_being_written_is_409(cast: Cast, files: Path) -> None:
    call_id = ended(cast)
    recorded(cast, call_id, files, "recording")
    error_of(cast.rest.delete(f"/api/calls/{call_id}"), 409)
    assert len(list(files.iterdir())) == 1


def test_nobody_else_deletes_it(cast: Cast, mallory: Cast, nowhere: str) -> None:
    call_id = ended(cast)
    for rest, status in ((cast.alice.rest, 403), (mallory.rest, 404), (rest_client.client(), 401)):
        error_of(rest.delete(f"/api/calls/{call_id}"), status)
    for absent in (nowhere, "x"):
        error_of(cast.rest.delete(f"/api/calls/{absent}"), 404)
    assert cast.rest.get(f"/api/calls/{call_id}").status_code == 200


def test_rows_stay_while_the_store_of_recordings_is_away(
    cast: Cast, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = ended(cast)
    row = recorded(cast, call_id, files)

    class Away:
        def delete(self, path: str) -> None:
            raise ConnectionError

    monkeypatch.setattr(store, "store", Away)
    answer = cast.rest.delete(f"/api/calls/{call_id}")
    assert error_of(answer, 503)["code"] == "unavailable" and answer["Retry-After"]
    assert models.Recording.objects.filter(pk=row.pk).exists() and audit("call.delete") == []


def test_a_subscriber_is_gone_with_all_calls_it_had_part_in(cast: Cast, files: Path) -> None:
    alice = cast.alice
    mine, with_me, apart = ended(cast), ended(cast, "alice", "carol"), ended(cast, "carol", "bob")
    body = {"to": "/public/busy", "from": alice.address, "connect": "/public/echo"}
    named = cast.rest.post("/api/calls", body)
    cast.rest.post(f"/api/calls/{named.json()['id']}/hangup")
    recorded(cast, mine, files)
    kept = recorded(cast, apart, files)
    publish.publish_round()
    answer = cast.rest.post(f"/api/fabric/resources/subscribers/{alice.subscriber.id}/erase")
    assert answer.status_code == 202
    assert answer.json() == {"subscriber_id": str(alice.subscriber.id), "state": "erasing"}
    for call_id in (mine, with_me, named.json()["id"]):
        assert not models.Call.objects.filter(pk=call_id).exists()
    assert models.Call.objects.filter(pk=apart).exists()
    assert [each.name for each in files.iterdir()] == [kept.path]
    assert not Subscriber.objects.filter(pk=alice.subscriber.id).exists()
    assert tables_that_name(alice.address) == set() == tables_that_name("alice@example.com")
    error_of(alice.rest.get("/api/calls"), 401)
    error_of(cast.rest.post(f"/api/fabric/resources/subscribers/{alice.subscriber.id}/erase"), 404)
    assert [each.subject for each in audit(erasure.ASKED)] == [str(alice.subscriber.id)]
    settle()
    assert [each.subject for each in audit(erasure.DONE)] == [str(alice.subscriber.id)]
    error_of(cast.rest.post(f"/api/fabric/resources/subscribers/{alice.subscriber.id}/erase"), 404)


def test_a_subscriber_in_a_call_is_hung_up_and_the_sweep_removes_the_call(cast: Cast, files: Path) -> None:
    call_id = talking(cast)
    row = recorded(cast, call_id, files, "recording")
    cast.rest.post(f"/api/fabric/resources/subscribers/{cast.alice.subscriber.id}/erase")
    assert models.Call.objects.get(pk=call_id).state == "ended"  # its recording is still being written
    assert audit(erasure.DONE) == []
    models.Recording.objects.filter(pk=row.pk).update(state="finished")
    assert erasure.sweep() == 1 and erasure.sweep() == 0
    assert not models.Call.objects.filter(pk=call_id).exists() and list(files.iterdir()) == []
    settle()
    assert len(audit(erasure.DONE)) == 1


def test_who_gets_the_address_of_an_erased_subscriber_keeps_its_calls(cast: Cast, files: Path) -> None:
    """The erasure goes on for as long as a recording is written, and the name is free at once."""
    call_id = talking(cast)
    row = recorded(cast, call_id, files, "recording")
    cast.rest.post(f"/api/fabric/resources/subscribers/{cast.alice.subscriber.id}/erase")
    heir = people.subscriber(cast.project, "alice")
    assert heir.address == cast.alice.address and audit(erasure.DONE) == []
    cast.people["alice"] = heir
    theirs, live = ended(cast), talking(cast, "alice", "carol")
    assert erasure.sweep() == 0
    models.Recording.objects.filter(pk=row.pk).update(state="finished")
    assert erasure.sweep() == 1
    settle()
    assert len(audit(erasure.DONE)) == 1
    assert set(models.Call.objects.values_list("pk", flat=True)) == {UUID(theirs), UUID(live)}


def test_a_call_that_was_dialled_in_the_moment_of_an_erasure_goes_too(cast: Cast) -> None:
    """Another process remembers for a second that the token was good."""
    holder, body = cast.alice.holder, {"to": "/private/bob", "sdp": fake_worker.SDP}
    cast.rest.post(f"/api/fabric/resources/subscribers/{cast.alice.subscriber.id}/erase")
    call = dial.dial(holder, body)
    assert models.Call.objects.get(pk=call.pk).state != "ended"
    settle()
    assert not models.Call.objects.filter(pk=call.pk).exists() and len(audit(erasure.DONE)) == 1


def test_an_erasure_that_waits_does_not_keep_those_of_other_projects(cast: Cast, mallory: Cast) -> None:
    for _ in range(erasure.BATCH + 1):
        asker = erasure.Asker(mallory.project.id, "API key")
        asker.note(erasure.ASKED, uuid4(), address="/private/none")
    call_id = talking(cast)
    asker = erasure.Asker(cast.project.id, "API key")
    asker.note(erasure.ASKED, cast.alice.subscriber.id, address=cast.alice.address)
    erasure.sweep()
    assert not models.Call.objects.filter(pk=call_id).exists()


def test_an_erasure_that_broke_off_is_gone_on_with(
    cast: Cast, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second step fails once, as where another transaction overtakes it; the first is committed."""
    call_id, path = talking(cast), f"/api/fabric/resources/subscribers/{cast.alice.subscriber.id}/erase"
    hang_up, failed = erasure.hang_up, []

    def fails_once(*args: Any) -> None:
        if not failed:
            failed.append(args)
            raise errors.Unavailable
        hang_up(*args)

    monkeypatch.setattr(erasure, "hang_up", fails_once)
    error_of(cast.rest.post(path), 503)
    assert models.Call.objects.get(pk=call_id).state == "answered"
    assert cast.rest.post(path).status_code == 202
    assert not models.Call.objects.filter(pk=call_id).exists()
    settle()
    assert len(audit(erasure.ASKED)) == len(audit(erasure.DONE)) == 1
    error_of(cast.rest.post(path), 404)


def test_one_erasure_that_cannot_go_on_does_not_keep_the_others(
    cast: Cast, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, free = ended(cast), ended(cast, "carol", "bob")
    recorded(cast, stuck, files)

    class Away:
        def delete(self, path: str) -> None:
            raise ConnectionError

    monkeypatch.setattr(store, "store", Away)
    for person in (cast.alice, cast.carol):
        cast.rest.post(f"/api/fabric/resources/subscribers/{person.subscriber.id}/erase")
    assert models.Call.objects.filter(pk=stuck).exists() and not models.Call.objects.filter(pk=free).exists()


def test_tokens_and_devices_of_an_erased_subscriber_are_gone(cast: Cast) -> None:
    fake_worker.online(cast.bob)
    bob: UUID = cast.bob.subscriber.id
    cast.rest.post(f"/api/fabric/resources/subscribers/{bob}/erase")
    assert not models.Device.objects.filter(subscriber_id=bob).exists()
    assert not IssuedToken.objects.filter(subscriber_id=bob, revoked_at=None, expires_at__gt=timezone.now())
    assert not Address.objects.filter(resource_id=bob).exists()


def test_nobody_else_erases_a_subscriber(cast: Cast, mallory: Cast, nowhere: str) -> None:
    path = "/api/fabric/resources/subscribers/{}/erase"
    for rest, status in ((cast.bob.rest, 403), (mallory.rest, 404), (rest_client.client(), 401)):
        error_of(rest.post(path.format(cast.alice.subscriber.id)), status)
    error_of(cast.rest.post(path.format(nowhere)), 404)
    assert Subscriber.objects.filter(pk=cast.alice.subscriber.id).exists()
