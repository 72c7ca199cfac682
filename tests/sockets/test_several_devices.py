"""Several devices of one subscriber: all ring, one wins, the others are told."""

from __future__ import annotations

import pytest

from calling.calls import control
from calling.machine import inputs
from tests.sockets.phones import Phone
from tests.support import fake_worker


@pytest.fixture
def rung(port, cast):
    """alice rings both of bob's devices: (alice, one, other, call id)."""
    alice, one, other = Phone(port, cast.alice), Phone(port, cast.bob), Phone(port, cast.bob)
    call_id = alice.create("/private/bob")
    fake_worker.carry(call_id)
    alice.expect("sdp.answer")
    alice.expect("call.ringing")
    one.expect("call.incoming", call_id=call_id)
    other.expect("call.incoming", call_id=call_id)
    return alice, one, other, call_id


def test_the_loser_is_told_answered_elsewhere_and_can_do_no_harm(rung):
    alice, one, other, call_id = rung
    one.send("call.answer", call_id=call_id, sdp=fake_worker.SDP)
    one.expect("call.answered")
    other.expect("call.ended", call_id=call_id, cause="answered_elsewhere")
    other.send("call.answer", req_id=1, call_id=call_id, sdp=fake_worker.SDP)
    other.refused("not_allowed", req_id=1)
    other.send("call.hold", req_id=2, call_id=call_id)
    other.refused("not_allowed", req_id=2)
    other.send("call.hangup", req_id=3, call_id=call_id)
    other.quiet()
    alice.expect("call.answered")
    alice.quiet()
    assert fake_worker.call_of(call_id).state.value == "answered"


def test_a_reject_ends_only_that_devices_ringing(rung):
    alice, one, other, call_id = rung
    one.send("call.reject", call_id=call_id, reason="busy")
    one.expect("call.ended", call_id=call_id, reason="busy")
    other.quiet()
    other.send("call.hangup", call_id=call_id)  # on a ringing leg the same as reject
    other.expect("call.ended", call_id=call_id)
    alice.expect("call.ended", call_id=call_id, reason="busy")


def test_a_caller_who_gives_up_ends_it_for_all(rung):
    alice, one, other, call_id = rung
    alice.send("call.hangup", call_id=call_id)
    for phone in (alice, one, other):
        phone.expect("call.ended", call_id=call_id, reason="cancelled")
        phone.quiet()


def test_a_device_that_comes_online_joins_the_ringing(rung, port, cast):
    _alice, one, other, call_id = rung
    late = Phone(port, cast.bob)
    late.expect("call.incoming", call_id=call_id)
    late.send("call.answer", call_id=call_id, sdp=fake_worker.SDP)
    late.expect("call.answered")
    for phone in (one, other):
        phone.expect("call.ended", cause="answered_elsewhere")


def test_a_device_that_goes_away_drops_out_of_the_ringing(rung):
    alice, one, other, call_id = rung
    other.close()
    one.send("call.reject", call_id=call_id)
    one.expect("call.ended", reason="rejected")
    alice.expect("call.ended", reason="rejected")


def test_a_back_end_that_takes_the_call_stops_the_devices(rung, cast):
    alice, one, other, call_id = rung
    answer = cast.rest.post(f"/api/calls/{call_id}/answer", {"script": fake_worker.SCRIPT})
    assert answer.status_code == 200
    for phone in (one, other):
        phone.expect("call.ended", cause="answered_elsewhere")
    alice.expect("call.answered")


def test_a_call_nobody_takes_ends_for_all(rung):
    alice, one, other, call_id = rung
    leg = fake_worker.leg_of(call_id, "callee")
    control.apply(call_id, inputs.Reject(leg.id))
    for phone in (alice, one, other):
        phone.expect("call.ended", reason="rejected")
