"""`/api/fabric/conversations` and `/api/fabric/messages`: what the browser SDK's `sendText` asks for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from calling import models, retention
from calling.commands import conversations
from subscribers import provisioning
from subscribers.models import Address
from tests.support import fake_worker
from tests.support.people import Cast, Person, guest, subscriber
from tests.support.rest_client import error_of
from tokens.subjects import Entry


def address_of(person: Person) -> str:
    assert person.subscriber is not None
    return str(Address.objects.get(resource_id=person.subscriber.pk).pk)


def room_of(cast: Cast, name: str = "standup") -> str:
    row = provisioning.create_room(cast.project.id, {"name": name})
    return str(Address.objects.get(resource_id=row.pk).pk)


def join(person: Person, own: str, *to: str) -> Any:
    body = {"from_fabric_address_id": own, "fabric_address_ids": [*to, own]}
    return person.rest.post("/api/fabric/conversations/join", body)


def write(person: Person, own: str, group: str, text: Any) -> Any:
    body = {"from_fabric_address_id": own, "group_id": group, "text": text}
    return person.rest.post("/api/fabric/messages", body)


def read(person: Person, group: str, query: str = "") -> Any:
    return person.rest.get(f"/api/fabric/conversations/{group}/messages{query}")


def told(error: dict[str, Any]) -> tuple[str, str]:
    return error["code"], error["message"]


def between(cast: Cast) -> tuple[str, str, str]:
    """(alice's address, bob's address, their group)."""
    alice, bob = address_of(cast.alice), address_of(cast.bob)
    return alice, bob, join(cast.alice, alice, bob).json()["group_id"]


def test_two_subscribers_talk_in_one_conversation_whoever_joins_first(cast: Cast) -> None:
    alice, bob, group = between(cast)
    assert join(cast.bob, bob, alice).json()["group_id"] == group
    first = write(cast.alice, alice, group, "Hello Bob,\nare you there?")
    assert first.status_code == 201
    assert write(cast.bob, bob, group, "Yes. ✓").status_code == 201
    for person in (cast.alice, cast.bob):
        newest, oldest = read(person, group).json()["data"]
        assert (newest["text"], newest["from_fabric_address_id"]) == ("Yes. ✓", bob)
        assert oldest == first.json()
        assert (oldest["type"], oldest["subtype"], oldest["user_name"]) == ("message", "chat", "Alice")
        assert abs(oldest["ts"] / 1000 - timezone.now().timestamp()) < 60


def test_calls_stand_among_the_messages(cast: Cast) -> None:
    alice, _, group = between(cast)
    call_id = fake_worker.talking(cast)
    cast.alice.rest.post(f"/api/calls/{call_id}/hangup")
    fake_worker.talking(cast, "carol")
    (entry,) = read(cast.bob, group).json()["data"]
    assert (entry["id"], entry["subtype"], entry["kind"]) == (call_id, "log", "call")
    assert entry["from_fabric_address_id"] == alice and entry["details"]["status"] == "answered"
    assert entry["details"]["start_time"] <= entry["details"]["end_time"]


def test_pages_go_back_in_time(cast: Cast) -> None:
    alice, _, group = between(cast)
    for number in range(5):
        write(cast.alice, alice, group, f"{number}")
    page = read(cast.alice, group, "?page_size=2").json()
    assert [each["text"] for each in page["data"]] == ["4", "3"]
    second = cast.alice.rest.get(page["links"]["next"]).json()
    assert [each["text"] for each in second["data"]] == ["2", "1"]


def test_others_neither_read_nor_write_it(cast: Cast, mallory: Cast) -> None:
    alice, bob, group = between(cast)
    write(cast.alice, alice, group, "a secret")
    carol, outside = address_of(cast.carol), address_of(mallory.mallory)
    for person, own in ((cast.carol, carol), (mallory.mallory, outside)):
        for answer in (read(person, group), write(person, own, group, "me too")):
            assert told(error_of(answer, 404)) == told(error_of(read(person, str(uuid4())), 404))
    foreign = error_of(join(mallory.mallory, outside, alice), 422)
    assert foreign["code"] == "unrecognized_fabric_addresses"
    assert told(foreign) == told(error_of(join(mallory.mallory, outside, str(uuid4())), 422))
    error_of(join(cast.carol, alice, bob), 403)  # under another's address
    error_of(write(cast.alice, bob, group, "as if bob"), 403)
    error_of(cast.rest.get(f"/api/fabric/conversations/{group}/messages"), 403)


def test_a_token_writes_only_where_it_may_dial_and_answers_no_one_else(cast: Cast) -> None:
    only_carol = (Entry("address", address_of(cast.carol)),)
    dave = subscriber(cast.project, "dave", None, only_carol)
    own, alice = address_of(dave), address_of(cast.alice)
    assert error_of(join(dave, own, alice), 422)["code"] == "unrecognized_fabric_addresses"
    assert join(dave, own, address_of(cast.carol)).status_code == 200
    group = join(cast.alice, alice, own).json()["group_id"]
    write(cast.alice, alice, group, "Hello Dave")
    assert [each["text"] for each in read(dave, group).json()["data"]] == ["Hello Dave"]
    error_of(write(dave, own, group, "Hello"), 422)


def test_a_guest_writes_in_the_rooms_of_its_token_alone(cast: Cast) -> None:
    room, other, alice = room_of(cast), room_of(cast, "board"), address_of(cast.alice)
    gus = guest(cast.project, (Entry("address", room),))
    group = join(gus, "", room).json()["group_id"]
    assert join(cast.alice, alice, room).json()["group_id"] == group
    made = write(gus, "", group, "Good morning")
    assert made.status_code == 201, made.content
    (seen,) = read(cast.alice, group).json()["data"]
    assert (seen["user_name"], seen["from_fabric_address_id"]) == ("Gus", "")
    error_of(join(gus, "", other), 422)
    error_of(join(gus, alice, room), 403)
    reached = guest(cast.project, (Entry("address", alice),))
    assert error_of(join(reached, "", alice), 403)["code"] == "not_permitted"
    assert error_of(read(reached, group), 404)


@pytest.mark.parametrize("text", ["", "  \n", None, 7, "x" * (conversations.LONGEST + 1), "nul\x00"])
def test_a_text_is_1_to_4000_characters(cast: Cast, text: Any) -> None:
    alice, _, group = between(cast)
    assert write(cast.alice, alice, group, text).status_code in (400, 422)
    assert not models.TextMessage.objects.exists()


@pytest.mark.parametrize("to", [None, "x", [], [7], ["x"], [{}], [str(uuid4())] * 11])
def test_a_wrong_list_of_addresses_is_refused(cast: Cast, to: Any) -> None:
    body = {"from_fabric_address_id": address_of(cast.alice), "fabric_address_ids": to}
    error_of(cast.alice.rest.post("/api/fabric/conversations/join", body), 422)


def test_three_together_and_scripts_are_refused_by_name(cast: Cast) -> None:
    alice, bob, carol = (address_of(each) for each in (cast.alice, cast.bob, cast.carol))
    assert error_of(join(cast.alice, alice, bob, carol), 422)["code"] == "not_supported"
    script = provisioning.create_script(cast.project.id, {"name": "menu", "contents": "{}"})
    there = str(Address.objects.get(resource_id=script.pk).pk)
    assert error_of(join(cast.alice, alice, there), 422)["code"] == "not_supported"


def test_one_writes_notes_to_oneself(cast: Cast) -> None:
    alice = address_of(cast.alice)
    group = join(cast.alice, alice, alice).json()["group_id"]
    assert write(cast.alice, alice, group, "Milk").status_code == 201
    assert len(read(cast.alice, group).json()["data"]) == 1


def test_a_flood_is_429(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "PER_SECOND", 0.01)
    monkeypatch.setattr(conversations, "BURST", 3.0)
    alice, _, group = between(cast)
    answers = [write(cast.alice, alice, group, "x") for _ in range(4)]
    assert [each.status_code for each in answers] == [201, 201, 201, 429]
    assert int(answers[-1]["Retry-After"]) > 10


def test_the_oldest_go_where_there_are_too_many(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MOST_MESSAGES", 3)
    alice, _, group = between(cast)
    for number in range(5):
        write(cast.alice, alice, group, f"{number}")
    assert [each["text"] for each in read(cast.alice, group).json()["data"]] == ["4", "3", "2"]


def test_somebody_in_too_many_conversations_joins_no_further(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MOST_JOINED", 1)
    alice, _, group = between(cast)
    error_of(join(cast.alice, alice, address_of(cast.carol)), 429)
    assert join(cast.alice, alice, address_of(cast.bob)).json()["group_id"] == group


def test_old_messages_and_silent_conversations_are_forgotten(cast: Cast) -> None:
    alice, _, group = between(cast)
    write(cast.alice, alice, group, "old")
    now = timezone.now()
    models.TextMessage.objects.update(created_at=now - timedelta(days=40))
    write(cast.alice, alice, group, "new")
    assert retention.forget_messages(now - timedelta(days=30)) == 1
    assert [each["text"] for each in read(cast.alice, group).json()["data"]] == ["new"]
    models.TextMessage.objects.update(created_at=now - timedelta(days=40))
    models.Conversation.objects.update(spoken_at=now - timedelta(days=40))
    retention.forget_messages(now - timedelta(days=30))
    assert not models.Conversation.objects.exists() and not models.Participation.objects.exists()


def test_what_a_subscriber_wrote_goes_with_it(cast: Cast) -> None:
    alice, bob, group = between(cast)
    room = room_of(cast)
    write(cast.bob, bob, group, "to alice")
    board = join(cast.alice, alice, room).json()["group_id"]
    join(cast.bob, bob, room)
    write(cast.alice, alice, board, "to everybody")
    write(cast.bob, bob, board, "stays")
    assert cast.alice.subscriber is not None
    answer = cast.rest.post(f"/api/fabric/resources/subscribers/{cast.alice.subscriber.pk}/erase")
    assert answer.status_code == 202
    assert [each["text"] for each in read(cast.bob, board).json()["data"]] == ["stays"]
    assert list(models.TextMessage.objects.values_list("text", flat=True)) == ["stays"]
    assert models.Participation.objects.count() == 1
    error_of(read(cast.bob, group), 404)


@pytest.mark.parametrize(
    "path", ["/subscriber/devices", "/subscriber/devices/x", "/api/fabric/subscriber/devices/token"]
)
def test_devices_of_the_sdk_are_refused_by_name(cast: Cast, path: str) -> None:
    assert error_of(cast.alice.rest.post(path, {}), 422)["code"] == "not_supported"
