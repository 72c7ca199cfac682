"""Transfers over `/ws/phone`: who is told what, under which id."""

from __future__ import annotations

import pytest

from tests.sockets.phones import Phone
from tests.sockets.test_talking import talk
from tests.support import fake_worker


@pytest.fixture
def three(port, cast):
    """alice talks with bob; carol is online."""
    alice, bob, carol = (Phone(port, person) for person in (cast.alice, cast.bob, cast.carol))
    return alice, bob, carol, talk(alice, bob, "/private/bob")


def test_a_blind_transfer_ends_for_the_transferor_when_the_target_answers(three):
    alice, bob, carol, call_id = three
    alice.send("call.transfer", call_id=call_id, destination="/private/carol")
    alice.expect("call.transferring", call_id=call_id, to="/private/carol")
    incoming = carol.expect("call.incoming", call_id=call_id, to="/private/carol")
    assert incoming["from"] == "/private/bob"
    carol.send("call.answer", call_id=call_id, sdp=fake_worker.SDP)
    carol.expect("call.answered", call_id=call_id)
    alice.expect("call.transferred", call_id=call_id)
    alice.expect("call.ended", call_id=call_id, reason="transferred")
    # bob was called by alice and talks with carol now; carol knew by her call.incoming who it is.
    bob.expect("call.parties", call_id=call_id, **{"from": "/private/carol", "to": "/private/bob"})
    bob.quiet()
    carol.quiet()
    for phone, caller, callee in (
        (bob, "/private/carol", "/private/bob"),
        (carol, "/private/bob", "/private/carol"),
    ):
        phone.send("calls.list", req_id="l")
        (listed,) = phone.expect("calls", req_id="l")["calls"]
        assert (listed["from"], listed["to"], listed["direction"]) == (caller, callee, "inbound")
    bob.send("call.hold", call_id=call_id)
    bob.expect("call.held", held_by="local")
    carol.expect("call.held", held_by="remote")


def test_a_transfer_that_fails_leaves_everything_as_it_was(three):
    alice, bob, carol, call_id = three
    alice.send("call.transfer", call_id=call_id, destination="/private/carol")
    alice.expect("call.transferring")
    carol.expect("call.incoming")
    carol.send("call.reject", call_id=call_id, reason="busy")
    carol.expect("call.ended", call_id=call_id, reason="busy")
    alice.expect("call.transfer.failed", call_id=call_id, reason="busy")
    bob.quiet()
    alice.send("call.hold", call_id=call_id)
    bob.expect("call.held")


def test_scope_is_asked_again_for_the_transferor(three):
    alice, _bob, _carol, call_id = three
    alice.send("call.transfer", req_id=1, call_id=call_id, destination="+15551234567")
    alice.refused("address_not_allowed", req_id=1, call_id=call_id)
    alice.send("call.transfer", req_id=2, call_id=call_id, destination="/private/nobody")
    alice.refused("not_found", req_id=2)


def consulted(alice: Phone, call_id: str, **fields: str) -> str:
    """The second call's id. It is one message, and the first call's hold another: whichever comes first."""
    alice.send("call.consult", req_id="k", call_id=call_id, destination="/private/carol", **fields)
    said = {each["type"]: each for each in (alice.next(), alice.next())}
    assert said.keys() == {"call.trying", "call.held"}
    assert said["call.held"]["held_by"] == "local" and said["call.held"]["call_id"] == call_id
    trying = said["call.trying"]
    assert trying["req_id"] == "k" and trying["consult_of"] == call_id != trying["call_id"]
    return str(trying["call_id"])


def consult(alice: Phone, bob: Phone, carol: Phone, call_id: str) -> str:
    second = consulted(alice, call_id, sdp=fake_worker.SDP)
    bob.expect("call.held", call_id=call_id, held_by="remote")
    fake_worker.carry(second)
    heard = [alice.next(), alice.next()]
    assert [each["type"] for each in heard] == ["sdp.answer", "call.ringing"]
    carol.expect("call.incoming", call_id=second)
    return second


def test_a_consultation_on_the_first_calls_media_brings_no_answer_of_its_own(three):
    alice, _bob, carol, call_id = three
    second = consulted(alice, call_id)
    fake_worker.carry(second)
    assert alice.next()["type"] == "call.ringing"
    carol.expect("call.incoming", call_id=second)
    carol.send("call.answer", call_id=second, sdp=fake_worker.SDP)
    alice.expect("call.answered", call_id=second)
    alice.quiet()


def answered(alice: Phone, carol: Phone, second: str) -> None:
    carol.send("call.answer", call_id=second, sdp=fake_worker.SDP)
    carol.expect("call.answered", call_id=second)
    alice.expect("call.answered", call_id=second)
    fake_worker.answer_offers(second)
    carol.expect("sdp.answer", call_id=second)


def test_a_completed_consultation_moves_the_target_which_may_use_either_id(three):
    alice, bob, carol, call_id = three
    second = consult(alice, bob, carol, call_id)
    answered(alice, carol, second)
    alice.send("call.transfer.complete", call_id=call_id)
    carol.expect("call.transferred", call_id=second, new_call_id=call_id)
    ends = {(each["call_id"], each["type"]) for each in (alice.next(), alice.next(), alice.next())}
    assert ends == {
        (call_id, "call.transferred"), (call_id, "call.ended"), (second, "call.ended"),
    }  # fmt: skip
    bob.expect("call.resumed", call_id=call_id)
    bob.expect("call.parties", call_id=call_id, **{"from": "/private/carol", "to": "/private/bob"})
    told = carol.expect("call.parties", call_id=call_id, **{"from": "/private/bob", "to": "/private/carol"})
    assert told["from_name"] and told["to_name"]
    for used in (second, call_id):
        carol.send("call.hold", call_id=used)
        carol.expect("call.held", call_id=call_id, held_by="local")
        bob.expect("call.held", call_id=call_id, held_by="remote")
        carol.send("call.resume", call_id=used)
        carol.expect("call.resumed", call_id=call_id)
        bob.expect("call.resumed", call_id=call_id)
    carol.send("call.hangup", call_id=second)
    carol.expect("call.ended", call_id=call_id, reason="hangup")
    bob.expect("call.ended", call_id=call_id, reason="hangup")


def test_completing_while_the_target_rings_goes_on_as_a_blind_transfer(three):
    alice, bob, carol, call_id = three
    second = consult(alice, bob, carol, call_id)
    alice.send("call.transfer.complete", call_id=second)
    carol.expect("call.transferred", call_id=second, new_call_id=call_id)
    carol.send("call.answer", call_id=second, sdp=fake_worker.SDP)
    carol.expect("call.answered", call_id=call_id)
    # It was alice who rang carol, and bob whom she talks with.
    carol.expect("call.parties", call_id=call_id, **{"from": "/private/bob", "to": "/private/carol"})
    fake_worker.answer_offers(call_id)
    carol.expect("sdp.answer", call_id=call_id)


def test_a_cancelled_consultation_resumes_the_first_call(three):
    alice, bob, carol, call_id = three
    second = consult(alice, bob, carol, call_id)
    answered(alice, carol, second)
    alice.send("call.transfer.cancel", call_id=call_id)
    carol.expect("call.ended", call_id=second)
    bob.expect("call.resumed", call_id=call_id)
    assert {alice.next()["type"], alice.next()["type"]} == {"call.ended", "call.resumed"}


def test_a_consultation_that_is_refused_resumes_the_first_call(three):
    alice, bob, carol, call_id = three
    second = consult(alice, bob, carol, call_id)
    carol.send("call.reject", call_id=second)
    carol.expect("call.ended", call_id=second, reason="rejected")
    bob.expect("call.resumed", call_id=call_id)
    assert {alice.next()["type"], alice.next()["type"]} == {"call.ended", "call.resumed"}


def test_a_consultation_on_the_first_calls_media_that_fails_at_once_is_told_and_resumes_the_first(three):
    alice, bob, _carol, call_id = three
    alice.send("call.consult", req_id="k", call_id=call_id, destination="/public/busy")
    said = {each["type"]: each for each in (alice.next() for _ in range(4))}
    assert said.keys() == {"call.trying", "call.held", "call.resumed", "call.ended"}
    assert said["call.ended"]["call_id"] == said["call.trying"]["call_id"] != call_id
    assert said["call.ended"]["reason"] == "busy"
    bob.expect("call.held", held_by="remote")
    bob.expect("call.resumed")
    alice.send("call.hold", call_id=call_id)
    bob.expect("call.held", held_by="remote")
