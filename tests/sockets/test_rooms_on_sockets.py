"""Rooms over `/ws/phone`: lines for the members' pictures, and moderating where the room allows it."""

from __future__ import annotations

import pytest

from subscribers import provisioning
from tests.sockets.phones import Phone
from tests.support import fake_worker, people

PICTURE = {"audio": True, "video": True, "receive_audio": True, "receive_video": True}


@pytest.fixture
def come_in(port, cast):
    """`come_in("alice", video=True)`: (her socket, her call in the room `standup`)."""

    def come(name: str, video: bool = False) -> tuple[Phone, str]:
        phone = Phone(port, getattr(cast, name))
        offer = {"sdp": fake_worker.VIDEO_SDP, "media": PICTURE} if video else {}
        call_id = phone.create("/public/standup", **offer)
        fake_worker.carry(call_id)
        phone.expect("sdp.answer", call_id=call_id)
        phone.expect("call.ringing", call_id=call_id)
        phone.expect("call.answered", call_id=call_id)
        fake_worker.connect_media(call_id)
        return phone, call_id

    return come


def test_devices_are_asked_for_a_line_per_picture_of_the_others_once(cast, come_in):
    provisioning.create_room(cast.project.id, {"name": "standup"})
    alice, hers = come_in("alice", video=True)
    bob, _his = come_in("bob")
    carol, third = come_in("carol", video=True)
    for phone in (alice, bob, carol):
        phone.quiet()  # one line for one picture is there; bob asked for none
    cast.people["dave"] = people.subscriber(cast.project, "dave")
    dave, fourth = come_in("dave", video=True)
    for phone, call_id in ((alice, hers), (carol, third), (dave, fourth)):
        phone.expect("call.update", call_id=call_id, reason="new_tracks", pictures=2)
    more = fake_worker.VIDEO_SDP + fake_worker.VIDEO_SDP[fake_worker.VIDEO_SDP.index("m=video") :].replace(
        "mid:1", "mid:2"
    )
    alice.send("call.update", call_id=hers, sdp=more)
    alice.quiet()
    fake_worker.answer_offers(hers)
    alice.expect("sdp.answer", call_id=hers)
    for phone in (alice, bob, carol, dave):
        phone.silent_for(2.5)  # a look at the rows changes nothing


def test_a_room_with_sound_only_asks_for_no_lines(cast, come_in):
    provisioning.create_room(cast.project.id, {"name": "standup", "video": False})
    phones = [come_in(name, video=True)[0] for name in ("alice", "bob", "carol")]
    for phone in phones:
        phone.silent_for(0.5)


def test_a_moderating_device_rules_the_room(cast, come_in):
    provisioning.create_room(cast.project.id, {"name": "standup", "moderator": "subscribers"})
    alice, _ = come_in("alice")
    bob, his = come_in("bob")
    leg_id = fake_worker.leg_of(his, "caller").id
    alice.send("room.get", req_id="g", room="standup")
    room = alice.expect("room", req_id="g", name="standup", state="active", locked=False)
    assert [member["address"] for member in room["members"]] == ["/private/alice", "/private/bob"]
    alice.send("room.lock", req_id=1, room="standup")
    alice.expect("room", req_id=1, locked=True)
    alice.send("room.mute", req_id=2, room="standup", leg_id=leg_id)
    assert alice.expect("room", req_id=2)["members"][1]["muted"] is True
    bob.expect("call.muted", channels=["audio"])
    alice.send("room.volume", req_id=3, room="standup", leg_id=leg_id, volume=-6)
    assert alice.expect("room", req_id=3)["members"][1]["volume"] == -6
    alice.send("room.deafen", req_id=4, room="standup", leg_id=leg_id)
    assert alice.expect("room", req_id=4)["members"][1]["deaf"] is True
    alice.send("room.remove", req_id=5, room="standup", leg_id=leg_id)
    assert len(alice.expect("room", req_id=5)["members"]) == 1
    bob.expect("call.ended", call_id=his)


def test_others_and_wrong_words_are_refused(cast, come_in):
    provisioning.create_room(cast.project.id, {"name": "standup"})
    alice, hers = come_in("alice")
    leg_id = fake_worker.leg_of(hers, "caller").id
    alice.send("room.lock", req_id=1, room="standup")
    alice.refused("not_permitted", req_id=1)
    alice.send("room.mute", req_id=2, room="nowhere", leg_id=leg_id)
    alice.refused("not_permitted", req_id=2)
    alice.send("room.get", req_id=3)
    alice.refused("missing_required_parameter", req_id=3)
    alice.send("room.get", req_id=4, room=["standup"])
    alice.refused("invalid_parameter", req_id=4)
    alice.send("room.dance", req_id=5, room="standup")
    alice.refused("unknown_type", req_id=5)
