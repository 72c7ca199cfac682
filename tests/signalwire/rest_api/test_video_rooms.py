"""`client.video`: rooms, conferences and who met in them, onto the platform's rooms."""

from __future__ import annotations

from typing import Any

import pytest

from subscribers.models import Room
from tests.signalwire.rest_api.conftest import fields_of, refusal
from tests.support import fake_worker
from tests.support.people import Cast


def joined(cast: Cast, name: str) -> str:
    """alice is in the room."""
    answer = cast.alice.rest.post("/api/calls", {"to": f"/public/{name}", "sdp": fake_worker.SDP})
    assert answer.status_code == 201, answer.content
    call_id: str = answer.json()["id"]
    fake_worker.carry(call_id)
    fake_worker.connect_media(call_id)
    return call_id


def test_a_room_is_made_read_changed_and_deleted(client: Any) -> None:
    rooms = client.video.rooms
    made = rooms.create(
        name="daily", display_name="Daily", max_members=5, record_on_start=True, meta={"a": 1}
    )
    assert set(made) == fields_of("RoomResponse", "video") - {"active_session"} | {"enable_chat"}
    assert (made["max_members"], made["record_on_start"], made["meta"]) == (5, True, {"a": 1})
    assert rooms.get(made["id"]) == made == rooms.get("daily")
    assert rooms.update(made["id"], description="Stand-up")["description"] == "Stand-up"
    assert [each["id"] for each in rooms.paginate(page_size=1)] == [made["id"]]
    assert client.fabric.conference_rooms.get(made["id"])["conference_room"]["name"] == "daily"
    assert rooms.delete(made["id"]) == {} and Room.objects.count() == 0
    assert refusal(404, rooms.get, "daily")["code"] == "not_found"


def test_a_conference_is_a_room_of_a_size(client: Any) -> None:
    conferences = client.video.conferences
    made = conferences.create(display_name="Weekly one", size="medium")
    assert made["name"] == "weekly-one"
    assert set(made) == fields_of("Conference", "video") - {"active_session"}
    assert (made["size"], Room.objects.get().max_members) == ("medium", 100)
    assert conferences.update(made["id"], size="large")["size"] == "large"
    assert conferences.list()["data"][0]["id"] == made["id"]
    assert conferences.delete(made["id"]) == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [("quality", "720p"), ("layout", "5up"), ("dark_primary", "#fff"), ("light_negative", "#000"),
     ("enable_chat", True), ("enable_room_previews", True), ("user_join_video_off", True)],
)  # fmt: skip
def test_what_would_have_no_effect_is_refused_by_name(client: Any, field: str, value: Any) -> None:
    error = refusal(422, client.video.conferences.create, display_name="x", extras={field: value})
    assert (error["code"], error["attribute"]) == ("not_supported", field)
    assert Room.objects.count() == 0


def test_a_meeting_is_a_session_with_members_and_events(client: Any, cast: Cast, stranger: Any) -> None:
    room = client.video.rooms.create(name="daily")
    call_id = joined(cast, "daily")
    (session,) = client.video.room_sessions.list()["data"]
    assert set(session) == fields_of("RoomSession", "video") - {"locked_cover"}
    assert (session["room_id"], session["status"]) == (room["id"], "in-progress")
    assert client.video.rooms.get(room["id"])["active_session"]["id"] == session["id"]
    (member,) = client.video.room_sessions.list_members(session["id"])["data"]
    assert set(member) == fields_of("RoomSessionMember", "video")
    assert (member["name"], member["leave_time"]) == ("Alice", None)
    assert cast.alice.rest.post(f"/api/calls/{call_id}/hangup", {}).status_code == 200
    assert client.video.room_sessions.get(session["id"])["status"] == "completed"
    assert client.video.room_sessions.list_members(session["id"])["data"][0]["leave_time"]
    names = [event["name"] for event in client.video.room_sessions.list_events(session["id"])["data"]]
    assert names == ["room.started", "participant.joined", "participant.left", "room.ended"]
    (logged,) = client.logs.conferences.list()["data"]
    assert set(logged) == fields_of("VideoRoomSessionConference", "logs")
    assert (logged["id"], logged["status"], logged["room_name"]) == (session["id"], "completed", "daily")
    assert stranger.video.room_sessions.list()["data"] == stranger.logs.conferences.list()["data"] == []
    refusal(404, stranger.video.room_sessions.get, session["id"])
    refusal(404, stranger.video.rooms.get, "daily")
