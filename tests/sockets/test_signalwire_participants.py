"""What a SignalWire client asks for participants and rooms is done and told, or refused by name."""

from __future__ import annotations

import time
from typing import Any

import pytest

from calling import models
from calling.calls import queries
from calling.machine.plan import make_plan
from calling.media.session.rows import read_members
from subscribers import provisioning
from subscribers.models import Room
from tests.sockets.clients import Client, online
from tests.sockets.test_signalwire_sockets import offer_to, our_id
from tests.support import fake_worker, people
from tests.support.fake_worker import ANSWER_SDP, SDP, VIDEO_SDP

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = [
    "call.nonsense",
    "call.layout.set",
    "call.layout.list",
    "call.member.position.set",
    "call.record.start",
    "call.stream.start",
    "call.playback.start",
    "call.hide_video_muted.set",
    "member.mute",
    "member.nonsense",
    "call.",
    "call.MUTE",
]
TARGETED = ["call.mute", "call.unmute", "call.deaf", "call.undeaf", "call.raisehand", "call.lowerhand",
            "call.member.remove", "call.end"]  # fmt: skip


def room_call(port: int, person: people.Person, client_id: str, room: str, sdp: str = VIDEO_SDP) -> Client:
    client = online(port, person)
    client.invite(client_id, f"/public/{room}", sdp)
    call_id = our_id(client_id)
    fake_worker.carry(call_id)
    fake_worker.connect_media(call_id)
    client.event("verto.answer")
    client.event("call.joined")
    return client


def two_in_a_room(port: int, cast: people.Cast, moderator: str = "subscribers") -> tuple[Client, Client]:
    provisioning.create_room(cast.project.id, {"name": "standup", "moderator": moderator})
    return room_call(port, cast.alice, "A", "standup"), room_call(port, cast.bob, "B", "standup")


def target(client_id: str) -> dict[str, str]:
    call_id = our_id(client_id)
    return {"node_id": "", "call_id": call_id, "member_id": fake_worker.leg_of(call_id, "caller").id}


def own(client_id: str) -> dict[str, str]:
    return target(client_id) | {"call_id": client_id}


def sees(client: Client, client_id: str, name: str, value: object) -> None:
    """The client is told, or has been, that a field of that participant is now `value`."""
    member_id = target(client_id)["member_id"]

    def said(message: dict[str, Any]) -> bool:
        params = message.get("params", {})
        member = params.get("params", {}).get("member", {})
        same = params.get("event_type") == "member.updated" and member["member_id"] == member_id
        return bool(same and name in member["updated"] and member[name] == value)

    end = time.monotonic() + 8
    while not any(said(message) for message in client.heard):
        client.next(max(0.01, end - time.monotonic()))
    client.heard.clear()


def talking(port: int, cast: people.Cast, sdp: str = SDP) -> tuple[Client, Client, str]:
    alice, bob = Client(port, cast.alice.token), online(port, cast.bob)
    alice.invite("A", "/private/bob", sdp)
    call_id = our_id("A")
    offer_to(call_id)
    rung = bob.event("verto.invite")
    bob.verto("verto.answer", rung["callID"], sdp=sdp)
    fake_worker.connect_media(call_id)
    alice.event("verto.answer")
    return alice, bob, call_id


@pytest.mark.sample(4)
@pytest.mark.parametrize("method", WORDS)
def test_an_unknown_word_is_refused_by_name_and_ends_nothing(port, cast, method):
    alice, _, call_id = talking(port, cast)
    me = own("A")
    refused = alice.ask(method, self=me, target=me)["error"]
    assert refused["code"] in (-32601, -32602)
    assert alice.ask("call.mute", channels=["audio"], self=me, target=me)["result"]["code"] == "200"
    assert models.Call.objects.get(pk=call_id).state == "answered"
    for verto in ("verto.nonsense", "verto.attach", None, 7):
        assert alice.verto(verto, "A")["error"]["code"] == -32602
    assert alice.verto("verto.pong", "A")["message"] == "OK"


@pytest.mark.sample(2)
@pytest.mark.parametrize("method", TARGETED)
def test_a_stranger_s_leg_is_never_touched(port, cast, method):
    two_in_a_room(port, cast)
    outside = room_call(port, cast.carol, "M", "standup")
    me = own("M")
    Room.objects.update(moderator="project")
    assert outside.ask(method, self=me, target=target("A"))["error"]["code"] == -32602
    Room.objects.update(moderator="everyone")
    assert outside.verto("verto.bye", "M")["message"] == "CALL ENDED"
    assert outside.ask(method, self=me, target=target("A"))["error"]["code"] == -32602
    assert outside.ask(method, self=own("A"), target=target("A"))["error"]["code"] == -32602
    leg = fake_worker.leg_of(our_id("A"), "caller")
    assert leg.answered and not leg.muted


@pytest.mark.parametrize(("channels", "left"), [(["video"], {"audio"}), (["audio"], {"video"}),
                                                (["audio", "video"], set())])  # fmt: skip
def test_sound_and_picture_of_another_are_muted_apart(port, cast, channels, left):
    alice, bob = two_in_a_room(port, cast)
    me, him = own("A"), target("B")
    assert "result" in alice.ask("call.mute", channels=channels, self=me, targets=[him])
    assert fake_worker.leg_of(him["call_id"], "caller").muted == set(channels)
    assert "result" in bob.ask("call.mute", channels=["audio", "video"], self=own("B"), target=own("B"))
    assert "result" in alice.ask("call.unmute", channels=channels, self=me, target=him)
    assert fake_worker.leg_of(him["call_id"], "caller").muted == left
    assert "error" in alice.ask("call.mute", channels=["smell"], self=me, target=him)


def test_volumes_reach_the_mixer_and_are_told(port, cast):
    alice, bob = two_in_a_room(port, cast)
    me, him = own("A"), target("B")
    for percent, decibels in ((0, -40.0), (50, -6.02), (100, 0.0)):
        assert "result" in alice.ask("call.microphone.volume.set", volume=percent, self=me, target=him)
        found = read_members([queries.snapshot(him["call_id"])])[him["member_id"]]
        assert found.volume == pytest.approx(decibels, abs=0.01)
        sees(bob, "B", "input_volume", percent)
    assert "result" in alice.ask("call.speaker.volume.set", volume=30, self=me, target=him)
    assert fake_worker.leg_of(him["call_id"], "caller").settings.output_volume == 30
    for wrong in (-1, 101, "loud", None, True):
        for method in ("call.microphone.volume.set", "call.speaker.volume.set"):
            assert alice.ask(method, volume=wrong, self=me, target=him)["error"]["code"] == -32602


def test_settings_are_kept_and_told_and_flags_reach_the_device_that_they_are_for(port, cast):
    alice, bob = two_in_a_room(port, cast)
    me, him = own("A"), target("B")
    assert "result" in bob.ask("call.raisehand", self=own("B"), target=own("B"))
    sees(alice, "B", "handraised", True)
    bob.heard.clear()
    assert "result" in alice.ask("call.lowerhand", self=me, target=him)
    sees(bob, "B", "handraised", False)
    assert "result" in alice.ask("call.audioflags.set", noise_suppression=False, self=me, target=him)
    params = bob.event("verto.mediaParams")
    assert params["callID"] == "B" and params["mediaParams"]["audio"]["noiseSuppression"] is False
    assert params["mediaParams"]["audio"]["echoCancellation"] is True
    sees(alice, "B", "noise_suppression", False)
    assert "result" in bob.ask(
        "call.microphone.sensitivity.set", sensitivity=40, self=own("B"), target=own("B")
    )
    sees(alice, "B", "input_sensitivity", 40)
    for fields in ({}, {"auto_gain": "yes"}, {"auto_gain": None}):
        assert alice.ask("call.audioflags.set", self=me, target=me, **fields)["error"]["code"] == -32602


def test_a_room_has_one_layout_and_every_other_is_refused_by_name(port, cast):
    alice, bob = two_in_a_room(port, cast)
    layout = bob.event("layout.changed")["layout"]
    assert (layout["name"], [each["width"] for each in layout["layers"]]) == ("1x1", [100])
    me = own("A")
    assert alice.ask("call.layout.list", self=me, target=me)["result"]["layouts"] == ["1x1"]
    assert alice.ask("call.layout.set", self=me, target=me, layout="1x1")["result"]["code"] == "200"
    for asked in (
        {"layout": "grid-responsive"},
        {"layout": None},
        {"layout": "1x1", "positions": {"self": "off"}},
    ):
        refused = alice.ask("call.layout.set", self=me, target=me, **asked)["error"]
        assert refused["code"] == -32602 and "picture" in refused["message"]


def test_a_lock_and_what_the_room_allows_are_told_as_they_change(port, cast):
    alice, bob = two_in_a_room(port, cast)
    joined = [each for each in bob.heard if each.get("params", {}).get("event_type") == "call.joined"]
    assert "lock" in joined[0]["params"]["params"]["capabilities"]
    assert not joined[0]["params"]["params"]["room_session"]["locked"]
    for method, locked in (("call.lock", True), ("call.unlock", False)):
        assert "result" in alice.ask(method, self=own("A"), target=own("A"))
        for kind in ("room.updated", "call.updated"):
            assert bob.event(kind)["room_session"]["locked"] is locked
        assert Room.objects.get().locked is locked
    Room.objects.update(moderator="project")
    again = bob.event("call.joined")
    assert "lock" not in again["capabilities"] and "self.mute" in again["capabilities"]
    assert alice.ask("call.lock", self=own("A"), target=own("A"))["error"]["code"] == -32602


def test_a_recording_and_a_stream_are_told_while_they_go_on(port, cast):
    alice, _ = two_in_a_room(port, cast)
    assert cast.rest.post("/api/rooms/standup/record", {"format": "wav"}).status_code == 200
    recording = alice.event("call.updated")["room_session"]
    assert recording["recording"] and len(recording["recordings"]) == 1 and not recording["streaming"]
    models.Operation.objects.update(state="finished")
    assert not alice.event("call.updated")["room_session"]["recording"]


def test_members_are_listed_with_their_addresses(port, cast):
    alice, _ = two_in_a_room(port, cast)
    listed = alice.ask("call.member.list", self=own("A"), target=own("A"))["result"]["members"]
    assert {each["name"] for each in listed} == {"Alice", "Bob"}
    bob = next(each for each in listed if each["name"] == "Bob")
    assert bob["subscriber_id"] == str(cast.bob.subscriber.id)
    address = cast.rest.get("/api/fabric/addresses?name=bob").json()["data"][0]
    assert bob["address_id"] == address["id"]


def test_between_two_deafness_and_hands_are_told_and_the_rest_is_refused(port, cast):
    alice, bob, call_id = talking(port, cast)
    me = own("A")
    assert "result" in alice.ask("call.deaf", self=me, target=me)
    sees(bob, "A", "deaf", True)
    assert fake_worker.leg_of(call_id, "caller").settings.deaf
    for method, fields in (
        ("call.lock", {}),
        ("call.unlock", {}),
        ("call.microphone.volume.set", {"volume": 0}),
        ("call.speaker.volume.set", {"volume": 0}),
        ("call.microphone.sensitivity.set", {"sensitivity": 1}),
    ):
        assert alice.ask(method, self=me, target=me, **fields)["error"]["code"] == -32602


def share(client: Client, part: str, main: str, sdp: str = VIDEO_SDP) -> dict[str, Any]:
    dialog = {
        "callID": "S",
        "destination_number": "/private/bob",
        "userVariables": {"memberCallId": main},
        part: True,
    }
    return client.verto("verto.invite", "S", dialogParams=dialog, sdp=sdp)


@pytest.mark.parametrize(("part", "word"), [("screenShare", "screen"), ("additionalDevice", "device")])
def test_a_shared_screen_is_seen_by_the_other_and_ends_alone(port, cast, part, word):
    alice, bob, call_id = talking(port, cast, VIDEO_SDP)
    assert share(alice, part, "A")["message"] == "CALL CREATED"
    shared = our_id("S")
    fake_worker.carry(shared)
    fake_worker.connect_media(shared)
    assert alice.event("verto.answer") == {"callID": "S", "sdp": ANSWER_SDP}
    while (joined := bob.event("member.joined")["member"])["member_id"] != target("S")["member_id"]:
        pass
    assert joined["type"] == word
    session = models.Call.objects.get(pk=call_id).session_id
    plan = make_plan(fake_worker.calls_of_session(session))
    seen = plan.peer(fake_worker.leg_of(call_id, "callee").peer_id).sees
    assert seen == f"peer:{fake_worker.leg_of(shared, 'caller').peer_id}"
    heard = len(alice.heard)
    assert alice.verto("verto.bye", "S")["message"] == "CALL ENDED"
    assert "verto.bye" not in alice.events()[heard:]
    assert models.Call.objects.get(pk=call_id).state == "answered"
    assert bob.event("member.left")["member"]["type"] == word


def test_a_screen_ends_with_its_call(port, cast):
    alice, _, call_id = talking(port, cast, VIDEO_SDP)
    share(alice, "screenShare", "A")
    shared = our_id("S")
    fake_worker.carry(shared)
    fake_worker.connect_media(shared)
    alice.event("verto.answer")
    cast.rest.post(f"/api/calls/{call_id}/hangup")
    assert alice.event("verto.bye")["callID"] == "A"
    deadline = time.monotonic() + 8
    while models.Call.objects.get(pk=shared).state != "ended":
        assert time.monotonic() < deadline
        time.sleep(0.05)
