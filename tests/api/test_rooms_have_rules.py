"""Who may come into a room and who may rule in it; what its settings do; the story it tells."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from calling import models
from calling.calls import control, room_sessions
from calling.machine import inputs
from calling.webhooks.publish import publish_round
from subscribers import provisioning
from subscribers.models import Room
from tests.support import fake_worker, rest_client

ROOM = "/api/rooms/standup"


@pytest.fixture
def room(cast):
    return lambda **settings: provisioning.create_room(cast.project.id, {"name": "standup", **settings})


def come_in(person) -> str:
    """Dial the room; the call's id."""
    made = person.rest.post("/api/calls", {"to": "/public/standup", "sdp": fake_worker.SDP})
    assert made.status_code == 201, made.content
    fake_worker.carry(made.json()["id"])
    return made.json()["id"]


def members(cast) -> list[str]:
    return [member["address"] for member in cast.rest.get(ROOM).json()["members"]]


def story(room) -> list[str]:
    rows = models.Event.objects.filter(stream=f"room:{room.id}").order_by("sequence")
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    return [row.type for row in rows]


def leg_of(call_id: str) -> str:
    return fake_worker.leg_of(call_id, "caller").id


def test_a_locked_room_lets_nobody_in_and_those_inside_stay(cast, room):
    room()
    come_in(cast.alice)
    cast.rest.post(f"{ROOM}/lock")
    refused = fake_worker.call_of(come_in(cast.bob))
    assert (refused.end_reason, refused.end_cause) == ("failed", "not_allowed")
    assert members(cast) == ["/private/alice"]
    cast.rest.post(f"{ROOM}/unlock")
    come_in(cast.bob)
    assert members(cast) == ["/private/alice", "/private/bob"]


def test_a_full_room_takes_the_next_once_somebody_left(cast, room):
    room(max_members=2)
    first = come_in(cast.alice)
    come_in(cast.bob)
    assert fake_worker.call_of(come_in(cast.carol)).end_cause == "not_allowed"
    control.apply(first, inputs.Hangup())
    come_in(cast.carol)
    assert members(cast) == ["/private/bob", "/private/carol"]


def test_a_room_opens_and_closes_at_its_times(cast, room):
    now = timezone.now()
    made = room(join_from=now + timedelta(hours=1))
    assert fake_worker.call_of(come_in(cast.alice)).end_cause == "not_allowed"
    Room.objects.filter(pk=made.pk).update(join_from=None, join_until=now - timedelta(minutes=1))
    assert fake_worker.call_of(come_in(cast.alice)).end_cause == "not_allowed"
    Room.objects.filter(pk=made.pk).update(join_until=now + timedelta(hours=1))
    come_in(cast.alice)
    assert members(cast) == ["/private/alice"]


def test_one_joins_muted_where_the_room_says_so(cast, room):
    made = room(join_muted=True)
    call = come_in(cast.alice)
    assert cast.rest.get(ROOM).json()["members"][0]["muted"] is True
    cast.rest.post(f"{ROOM}/members/{leg_of(call)}/unmute")
    assert cast.rest.get(ROOM).json()["members"][0]["muted"] is False
    assert story(made) == ["room.started", "participant.joined", "participant.unmuted"]


@pytest.mark.parametrize(
    ("moderator", "inside", "allowed"),
    [
        ("project", True, False),
        ("subscribers", True, True),
        ("subscribers", False, False),
        ("everyone", True, True),
        ("everyone", False, False),
    ],
)
def test_a_token_moderates_only_what_the_room_allows_it(cast, room, moderator, inside, allowed):
    room(moderator=moderator)
    call = come_in(cast.bob)
    if inside:
        come_in(cast.alice)
    status = 200 if allowed else 403
    post = cast.alice.rest.post
    for path in ("lock", "unlock", f"members/{leg_of(call)}/mute", f"members/{leg_of(call)}/remove"):
        assert post(f"{ROOM}/{path}").status_code == status, path
    assert cast.alice.rest.get(ROOM).status_code == status
    assert post(f"{ROOM}/record", {}).status_code == 403  # recording is the back end's


def test_a_recording_begins_with_the_room_and_passes_to_who_stays(cast, room):
    room(record_on_start=True)
    first, second = come_in(cast.alice), come_in(cast.bob)
    operation = models.Operation.objects.get(verb="record")
    assert str(operation.call_id) == first
    control.apply(first, inputs.Hangup())
    operation.refresh_from_db()
    assert (str(operation.call_id), operation.state) == (second, "wanted")


def test_an_empty_room_lives_for_its_timeout(cast, room):
    made = room(empty_timeout=60)
    control.apply(come_in(cast.alice), inputs.Hangup())
    assert cast.rest.get(ROOM).json()["state"] == "active"
    room_sessions.sweep()
    assert "room.ended" not in story(made)
    models.Meeting.objects.update(empty_since=timezone.now() - timedelta(seconds=61))
    room_sessions.sweep()
    assert story(made)[-1] == "room.ended"
    assert cast.rest.get(ROOM).json()["state"] == "idle"


def test_end_puts_everybody_out_and_ends_the_room_at_once(cast, room):
    made = room(empty_timeout=600)
    calls = [come_in(cast.alice), come_in(cast.bob)]
    assert cast.rest.post(f"{ROOM}/end").json()["state"] == "idle"
    assert {fake_worker.call_of(call).state.value for call in calls} == {"ended"}
    assert story(made)[-3:] == ["participant.left", "participant.left", "room.ended"]


def test_the_back_end_dials_a_member_in(cast, room):
    room()
    device = fake_worker.online(cast.bob)
    made = cast.rest.post("/api/calls", {"to": "/private/bob", "connect": "/public/standup"})
    assert made.status_code == 201, made.content
    call = made.json()["id"]
    fake_worker.carry(call)
    ringing = fake_worker.leg_of(call, "callee")
    control.apply(call, inputs.Answer(ringing.id, device, fake_worker.SDP, peer_id=str(uuid4())))
    assert members(cast) == ["/private/bob"]


def test_a_name_of_more_than_64_characters_is_422_at_create_and_at_dial(cast, room):
    longest = "r" * 64
    create = "/api/fabric/resources/conference_rooms"
    assert cast.rest.post(create, {"name": longest}).status_code == 201
    rest_client.error_of(cast.rest.post(create, {"name": longest + "r"}), 422)
    for rest, dial in (
        (cast.rest, {"script": fake_worker.SCRIPT}),
        (cast.alice.rest, {"sdp": fake_worker.SDP}),
    ):
        found = rest.post("/api/calls", {"to": f"/public/{longest}", **dial})
        assert found.status_code == 201, found.content
        rest_client.error_of(rest.post("/api/calls", {"to": f"/public/{longest}r", **dial}), 422)


def test_what_happens_in_a_room_is_in_the_projects_log(cast, room):
    room()
    control.apply(come_in(cast.alice), inputs.Hangup())
    publish_round()
    log = cast.rest.get("/api/events?page_size=100").json()["data"]
    told = [each["event"] for each in log if each["event"]["type"].startswith(("room.", "participant."))]
    types = [each["type"] for each in told]
    assert types == ["room.started", "participant.joined", "participant.left", "room.ended"]
    assert [each["data"]["sequence"] for each in told] == [1, 2, 3, 4]
    assert told[1]["data"]["member"]["address"] == "/private/alice"
    assert told[1]["data"]["room"]["name"] == "standup"
