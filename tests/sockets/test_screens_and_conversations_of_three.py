"""`call.share`, `call.merge`, `call.members` and `call.raise_hand`: who is told what, and who may."""

from __future__ import annotations

import pytest

from calling import models
from calling.machine.states import Party
from subscribers import provisioning
from tests.sockets.phones import Phone
from tests.sockets.test_rooms_on_sockets import come_in  # noqa: F401
from tests.sockets.test_talking import pair, talk  # noqa: F401
from tests.support import fake_worker, people

SCREEN = (
    fake_worker.SDP.replace("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=video 9 UDP/TLS/RTP/SAVPF 96")
    .replace("111 opus/48000/2", "96 VP8/90000")
    .replace("sendrecv", "sendonly")
)


def share(phone: Phone, call_id: str) -> str:
    phone.send("call.share", req_id="s", call_id=call_id, sdp=SCREEN)
    screen = str(phone.expect("call.trying", req_id="s", share_of=call_id)["call_id"])
    fake_worker.carry(screen)
    phone.expect("sdp.answer", call_id=screen)
    phone.expect("call.ringing", call_id=screen)
    phone.expect("call.answered", call_id=screen)
    return screen


def test_a_screen_is_a_call_of_its_own_that_ends_alone(pair):  # noqa: F811
    alice, bob, call_id = pair
    screen = share(alice, call_id)
    # bob's phone took no picture: it is asked for a line.
    bob.expect("call.update", call_id=call_id, reason="new_tracks", pictures=1)
    alice.send("calls.list", req_id="l")
    listed = {each["id"]: each.get("share", False) for each in alice.expect("calls", req_id="l")["calls"]}
    assert listed == {call_id: False, screen: True}
    alice.send("call.hangup", call_id=screen)
    alice.expect("call.ended", call_id=screen, reason="hangup")
    alice.quiet()
    bob.quiet()
    assert models.Call.objects.get(pk=call_id).state == "answered"


def test_a_screen_ends_with_its_call_and_is_in_no_history(pair, cast):  # noqa: F811
    alice, bob, call_id = pair
    screen = share(alice, call_id)
    bob.expect("call.update", call_id=call_id)
    bob.send("call.hangup", call_id=call_id)
    said = [alice.next() for _ in range(2)]
    assert {each["call_id"] for each in said} == {call_id, screen}
    assert {each["type"] for each in said} == {"call.ended"}
    history = cast.alice.rest.get("/api/history").json()["data"]
    assert [each["id"] for each in history] == [call_id]


def test_a_screen_that_nobody_could_see_is_refused_with_the_reason(pair):  # noqa: F811
    alice, bob, call_id = pair
    theirs = fake_worker.leg_of(call_id, "callee").id
    models.Leg.objects.filter(pk=theirs).update(party=Party.SIP.value, route={"kind": "sip"})
    models.Attempt.objects.filter(leg_id=theirs).update(kind="sip")
    alice.send("call.share", req_id="s", call_id=call_id, sdp=SCREEN)
    assert "does not receive video" in alice.refused("not_supported", req_id="s")["message"]
    bob.quiet()
    assert models.Call.objects.count() == 1


@pytest.fixture
def two(port, cast):
    """alice talks with carol, and bob waits: (alice, bob, carol, bob's call, carol's call)."""
    alice, bob, carol = (Phone(port, person) for person in (cast.alice, cast.bob, cast.carol))
    first = talk(alice, bob, "/private/bob")
    alice.send("call.hold", call_id=first)
    alice.expect("call.held")
    bob.expect("call.held")
    return alice, bob, carol, first, talk(alice, carol, "/private/carol", req_id="t2")


def test_merging_moves_the_other_party_and_two_go_on(two):
    alice, bob, carol, first, second = two
    bob.send("call.members", req_id="m", call_id=first)
    bob.quiet()
    alice.send("call.merge", req_id="g", call_id=first, other_call_id=second)
    said = [alice.next() for _ in range(2)]
    assert {(each["type"], each["call_id"]) for each in said} == {
        ("call.resumed", first), ("call.ended", second)}  # fmt: skip
    carol.expect("call.transferred", call_id=second, new_call_id=first)
    heard = {each["type"]: each for each in (bob.next(), bob.next())}
    assert heard.keys() == {"call.resumed", "call.members"} and heard["call.members"]["room"] is None
    names = [(each["name"], each["you"]) for each in heard["call.members"]["members"]]
    assert sorted(names) == [("Alice", False), ("Bob", True), ("Carol", False)]
    assert "call.merged" in fake_worker.event_types(first)
    alice.send("call.hangup", call_id=first)
    alice.expect("call.ended", call_id=first, reason="hangup")
    left = {each["type"]: each for each in (bob.next(), bob.next())}
    assert left.keys() == {"call.parties", "call.members"} and left["call.members"]["members"] == []
    assert left["call.parties"]["from"] == "/private/carol"
    carol.expect("call.parties", call_id=first)
    carol.send("call.hangup", call_id=second)  # under the id that she knew first
    carol.expect("call.ended", reason="hangup")
    bob.expect("call.ended", call_id=first, reason="hangup")


def test_of_three_nobody_is_transferred_and_none_is_added(two):
    alice, bob, carol, first, second = two
    alice.send("call.merge", call_id=first, other_call_id=second)
    alice.next(), alice.next()
    for phone in (alice, bob, carol):
        while phone.heard[-1]["type"] in ("", "call.held"):
            phone.next()
    alice.send("call.transfer", req_id="x", call_id=first, destination="/private/carol")
    alice.refused("not_allowed", req_id="x")
    alice.send("call.consult", req_id="y", call_id=first, destination="/private/carol", sdp=fake_worker.SDP)
    alice.refused("not_allowed", req_id="y")


def test_only_who_could_transfer_one_to_the_other_may_merge_them(port, cast):
    """dave may dial neither of the two who called him."""
    cast.people["dave"] = people.subscriber(cast.project, "dave", allowed=())
    dave, bob, carol = (Phone(port, cast.people[name]) for name in ("dave", "bob", "carol"))
    calls = []
    for number, phone in enumerate((bob, carol)):
        calls.append(talk(phone, dave, "/private/dave", req_id=f"t{number}"))
        if not number:
            dave.send("call.hold", call_id=calls[0])
            dave.expect("call.held")
    dave.send("call.merge", req_id="g", call_id=calls[0], other_call_id=calls[1])
    dave.refused("address_not_allowed", req_id="g")
    assert {models.Call.objects.get(pk=each).state for each in calls} == {"answered"}


def test_members_are_told_to_who_asks_with_hands_mutes_and_screens(cast, come_in):  # noqa: F811
    provisioning.create_room(cast.project.id, {"name": "standup", "display_name": "Stand-up"})
    alice, hers = come_in("alice")
    alice.send("call.members", call_id=hers)
    told = alice.expect("call.members", call_id=hers, room="Stand-up", count=1)
    assert [each["you"] for each in told["members"]] == [True]
    bob, his = come_in("bob")
    assert alice.expect("call.members", count=2)["members"][1]["name"] == "Bob"
    bob.send("call.raise_hand", call_id=his)
    assert alice.expect("call.members")["members"][1]["hand_raised"] is True
    bob.send("call.mute", call_id=his)
    bob.expect("call.muted")
    assert alice.expect("call.members")["members"][1]["muted"] is True
    bob.send("call.raise_hand", call_id=his, raised=False)
    assert alice.expect("call.members")["members"][1]["hand_raised"] is False
    share(bob, his)
    told = alice.expect("call.members", count=2)
    assert told["members"][1]["sharing"] is True
    bob.quiet()  # who has not asked is told nothing
    bob.send("call.hangup", call_id=his)
    seen = alice.next()
    while seen["count"] > 1:
        seen = alice.next()


def test_members_of_a_call_that_is_not_one_s_own_are_not_told(pair, cast, port):  # noqa: F811
    _alice, _bob, call_id = pair
    carol = Phone(port, cast.carol)
    carol.send("call.members", req_id="m", call_id=call_id)
    carol.refused("not_found", req_id="m")


def test_who_waited_and_is_moved_hears_that_the_wait_is_over(two):
    alice, bob, carol, first, second = two
    alice.send("call.merge", call_id=second, other_call_id=first)
    alice.expect("call.ended", call_id=first, reason="transferred")
    bob.expect("call.transferred", call_id=first, new_call_id=second)
    bob.expect("call.resumed", call_id=second)
    carol.quiet()


def test_a_hand_that_nobody_would_see_is_refused(pair, cast, port):  # noqa: F811
    alice, bob, call_id = pair
    for phone in (alice, bob):
        for raised in (True, False):
            phone.send("call.raise_hand", req_id="h", call_id=call_id, raised=raised)
            phone.refused("not_allowed", req_id="h")
    assert not models.Leg.objects.filter(call_id=call_id, settings__hand_raised=True).exists()
