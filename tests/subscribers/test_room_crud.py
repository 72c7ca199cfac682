"""/api/fabric/resources/conference_rooms"""

from __future__ import annotations

from typing import Any

import pytest

from subscribers.models import Room
from tests.support.people import Cast, address_of
from tests.support.rest_client import Api, code

PATH = "/api/fabric/resources/conference_rooms"


def test_a_room_is_dialled_by_its_name(house: Cast) -> None:
    made = house.api.post(
        PATH,
        {
            "name": "Daily_1",
            "display_name": "Daily",
            "max_members": 5,
            "quality": "1080p",
            "tone_on_entry_and_exit": True,
            "room_join_video_off": True,
            "meta": {"a": [1]},
        },
    )
    assert made.status_code == 201
    inner = made.json()["conference_room"]
    assert (inner["name"], inner["display_name"], inner["max_members"]) == ("Daily_1", "Daily", 5)
    assert inner["entry_tone"] and inner["tone_on_entry_and_exit"] and not inner["video"]
    assert inner["quality"] == "1080p" and inner["meta"] == {"a": [1]}
    for path in (made["Location"], made["Location"].replace("conference_rooms", "conference_room")):
        listed = house.api.get(path + "/addresses").json()["data"]
        assert listed[0]["channels"]["video"] == "/public/Daily_1?channel=video"
        assert listed[0]["type"] == "room"


@pytest.mark.parametrize(
    ("field", "value"),
    [("quality", "720p"), ("layout", "10x10"), ("remove_at", "2030-01-01T00:00:00Z"),
     ("remove_after_seconds_elapsed", 60), ("enable_room_previews", True), ("sync_audio_video", False),
     ("user_join_video_off", True)],
)  # fmt: skip
def test_what_would_have_no_effect_is_refused_by_name(house: Cast, field: str, value: Any) -> None:
    assert code(house.api.post(PATH, {"name": "one", field: value})) == (422, "not_supported", field)
    path = house.api.post(PATH, {"name": "one"})["Location"]
    assert code(house.api.put(path, {field: value})) == (422, "not_supported", field)
    shown = house.api.get(path).json()["conference_room"]
    assert shown[field] != value and house.api.put(path, {field: shown[field]}).status_code == 200


def test_a_renamed_room_keeps_the_id_of_its_address(house: Cast) -> None:
    path = house.api.post(PATH, {"name": "one"})["Location"]
    before = address_of(Room.objects.get())
    assert house.api.put(path, {"name": "two", "locked": True}).json()["conference_room"]["locked"]
    after = address_of(Room.objects.get())
    assert (after.pk, after.text) == (before.pk, "/public/two")
    assert house.api.delete(path).status_code == 204
    assert code(house.api.delete(path))[0] == 404


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ("missing_required_parameter", "name")),
        ({"name": "x" * 65}, ("invalid_parameter", "name")),
        ({"name": ""}, ("invalid_parameter", "name")),
        ({"name": "with space"}, ("invalid_parameter", "name")),
        ({"name": "ro/om"}, ("invalid_parameter", "name")),
        ({"name": "echo"}, ("already_taken", "name")),
        ({"name": "Busy"}, ("already_taken", "name")),
        ({"name": "x", "max_members": 0}, ("invalid_parameter", "max_members")),
        ({"name": "x", "max_members": "5"}, ("invalid_parameter", "max_members")),
        ({"name": "x", "locked": 1}, ("invalid_parameter", "locked")),
        ({"name": "x", "moderator": "me"}, ("invalid_parameter", "moderator")),
        ({"name": "x", "empty_timeout": 10**12}, ("invalid_parameter", "empty_timeout")),
        ({"name": "x", "meta": []}, ("invalid_parameter", "meta")),
        ({"name": "x", "join_from": "soon"}, ("invalid_parameter", "join_from")),
        ({"name": "x", "context": "external"}, ("invalid_parameter", "context")),
    ],
)
def test_wrong_fields_are_422(house: Cast, body: Any, expected: tuple[str, str]) -> None:
    assert code(house.api.post(PATH, body)) == (422, *expected)
    assert not Room.objects.exists()


def test_names_are_unique_per_project(house: Cast, mallory: Cast) -> None:
    assert house.api.post(PATH, {"name": "one"}).status_code == 201
    assert code(house.api.post(PATH, {"name": "one"})) == (422, "already_taken", "name")
    assert mallory.api.post(PATH, {"name": "one"}).status_code == 201


def test_a_rename_onto_a_taken_or_reserved_name_is_422(house: Cast) -> None:
    house.api.post(PATH, {"name": "one"})
    path = house.api.post(PATH, {"name": "two"})["Location"]
    assert code(house.api.patch(path, {"name": "one"})) == (422, "already_taken", "name")
    assert code(house.api.patch(path, {"name": "tone"})) == (422, "already_taken", "name")
    assert house.api.get(path).json()["conference_room"]["name"] == "two"


def test_tokens_are_403(alice_api: Api) -> None:
    assert code(alice_api.get(PATH))[0] == 403
