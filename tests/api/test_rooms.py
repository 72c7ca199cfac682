"""`/api/rooms/{name}`: members from rows, and what the owner may do."""

from __future__ import annotations

from uuid import uuid4

import pytest

from subscribers import provisioning
from tests.support import fake_worker, rest_client


@pytest.fixture
def met(cast):
    """alice is in the room `standup`: her call's id."""
    provisioning.create_room(cast.project.id, {"name": "standup"})
    made = cast.alice.rest.post("/api/calls", {"to": "/public/standup", "sdp": fake_worker.SDP})
    assert made.status_code == 201, made.content
    fake_worker.carry(made.json()["id"])
    return made.json()["id"]


def test_a_room_tells_who_is_in_it(cast, met):
    room = cast.rest.get("/api/rooms/standup").json()
    (member,) = room["members"]
    assert (room["name"], room["state"], room["locked"]) == ("standup", "active", False)
    assert member["leg_id"] == fake_worker.leg_of(met, "caller").id and member["call_id"] == met
    assert (member["address"], member["muted"], member["talking"]) == ("/private/alice", False, False)
    assert member["joined_at"]


def test_the_owner_locks_mutes_removes_and_ends(cast, met):
    post = cast.rest.post
    leg_id = fake_worker.leg_of(met, "caller").id
    assert post("/api/rooms/standup/lock").json()["locked"] is True
    assert post("/api/rooms/standup/unlock").json()["locked"] is False
    assert post(f"/api/rooms/standup/members/{leg_id}/mute").json()["members"][0]["muted"] is True
    assert post(f"/api/rooms/standup/members/{leg_id}/unmute").json()["members"][0]["muted"] is False
    assert post(f"/api/rooms/standup/members/{leg_id}/deafen").status_code == 200
    assert post(f"/api/rooms/standup/members/{leg_id}/volume", {"volume": -6}).status_code == 200
    rest_client.error_of(post(f"/api/rooms/standup/members/{leg_id}/volume", {"volume": "x"}), 422)
    assert post("/api/rooms/standup/play", {"url": "silence:1"}).json()["verb"] == "play"
    assert post(f"/api/rooms/standup/members/{leg_id}/remove").json()["members"] == []
    assert fake_worker.call_of(met).state.value == "ended"
    rest_client.error_of(post("/api/rooms/standup/record", {}), 409)
    assert post("/api/rooms/standup/end").json()["state"] == "idle"


def test_the_wrong_people_and_names_are_refused(cast, mallory, met):
    for path in ("/api/rooms/standup/lock", f"/api/rooms/standup/members/{uuid4()}/mute"):
        rest_client.error_of(cast.alice.rest.post(path), 403)
        rest_client.error_of(mallory.rest.post(path), 404)
        rest_client.error_of(rest_client.client().post(path), 401)
    rest_client.error_of(cast.rest.get("/api/rooms/nowhere"), 404)
    rest_client.error_of(cast.rest.post("/api/rooms/standup/dance"), 404)
    rest_client.error_of(cast.rest.post(f"/api/rooms/standup/members/{uuid4()}/mute"), 404)
    rest_client.error_of(mallory.rest.get("/api/rooms/standup"), 404)
