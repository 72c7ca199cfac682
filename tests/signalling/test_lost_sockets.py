"""A lost socket keeps its calls for fifteen seconds; who comes back carries on without gap or repetition."""

from __future__ import annotations

import signal
import time

import pytest
from websockets.exceptions import ConnectionClosed

from calling import models
from tests import stage
from tests.signalling.phones import Phone
from tests.signalling.test_talking import talk


@pytest.fixture
def pair(port, cast):
    alice, bob = Phone(port, cast.alice), Phone(port, cast.bob)
    return alice, bob, talk(alice, bob, "/private/bob")


def gone(phone: Phone) -> None:
    """Wait until the server has noticed that the device is offline."""
    end = time.monotonic() + 5
    while models.Device.objects.filter(pk=phone.device_id, online_until__isnull=False).exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_happened_meanwhile_is_told_once_and_in_order(pair, port, cast):
    alice, bob, call_id = pair
    alice.drop()
    gone(alice)
    bob.send("call.hold", call_id=call_id)
    bob.expect("call.held")
    bob.send("call.dtmf", call_id=call_id, digits="7")
    bob.expect("call.dtmf")
    back = Phone(port)
    back.authenticate(stage.subscriber(cast.project, "alice").token, alice.device_id)
    (listed,) = back.expect("calls")["calls"]
    assert (listed["id"], listed["state"]) == (call_id, "held")
    back.expect("call.held", call_id=call_id, held_by="remote")
    back.expect("call.dtmf", digit="7")
    back.quiet()
    bob.send("call.hangup", call_id=call_id)
    back.expect("call.ended", call_id=call_id)


def test_a_call_that_ended_meanwhile_is_told_ended(pair, port, cast):
    alice, bob, call_id = pair
    alice.drop()
    gone(alice)
    bob.send("call.hangup", call_id=call_id)
    bob.expect("call.ended")
    back = Phone(port, cast.alice, alice.device_id)
    assert back.expect("calls")["calls"] == []
    back.expect("call.ended", call_id=call_id, reason="hangup")
    back.quiet()


def test_an_answer_that_was_not_told_is_told_to_the_new_socket(port, cast):
    alice = Phone(port, cast.alice)
    call_id = alice.create("/private/bob")
    alice.drop()
    gone(alice)
    stage.carry(call_id)
    back = Phone(port, cast.alice, alice.device_id)
    back.expect("calls")
    back.expect("sdp.answer", call_id=call_id)
    back.expect("call.ringing", call_id=call_id)
    back.quiet()


def test_ringing_goes_on_at_the_device_that_comes_back(port, cast):
    alice, bob = Phone(port, cast.alice), Phone(port, cast.bob)
    call_id = alice.create("/private/bob")
    stage.carry(call_id)
    bob.expect("call.incoming")
    bob.drop()
    gone(bob)
    back = Phone(port, cast.bob, bob.device_id)
    assert [each["state"] for each in back.expect("calls")["calls"]] == ["ringing"]
    back.quiet()
    back.send("call.answer", call_id=call_id, sdp=stage.SDP)
    back.expect("call.answered")


def test_a_second_socket_of_a_device_takes_over_at_once(pair, port, cast):
    alice, bob, call_id = pair
    back = Phone(port, cast.alice, alice.device_id)
    assert [each["id"] for each in back.expect("calls")["calls"]] == [call_id]
    back.quiet()
    with pytest.raises(ConnectionClosed):
        alice.next(3)
    bob.send("call.hold", call_id=call_id)
    back.expect("call.held")


def test_a_lost_device_has_a_deadline_to_come_back_by(pair):
    alice, bob, call_id = pair
    alice.drop()
    gone(alice)
    end = time.monotonic() + 5
    while "grace" not in {timer.kind.value for timer in stage.call_of(call_id).timers}:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_restart_closes_1012_and_the_calls_go_on_with_the_next_process(web, cast):
    process, port = web()
    alice, bob = Phone(port, cast.alice), Phone(port, cast.bob)
    call_id = talk(alice, bob, "/private/bob")
    process.send_signal(signal.SIGTERM)
    assert alice.closed_with() == bob.closed_with() == 1012
    process.wait(10)
    _, port = web()
    back = Phone(port, cast.alice, alice.device_id)
    assert [each["id"] for each in back.expect("calls")["calls"]] == [call_id]
    back.quiet()
    back.send("call.hangup", call_id=call_id)
    back.expect("call.ended", call_id=call_id)


def test_without_redis_devices_are_told_within_the_next_look(web, cast):
    process, port = web()
    alice, bob = Phone(port, cast.alice), Phone(port, cast.bob)
    call_id = talk(alice, bob, "/private/bob")
    process2, deaf = web(REDIS_URL="redis://127.0.0.1:1/0")
    back = Phone(deaf, cast.bob, bob.device_id)
    back.expect("calls")
    alice.send("call.hold", call_id=call_id)
    alice.expect("call.held")
    back.expect("call.held", seconds=4, held_by="remote")
    back.send("call.create", req_id=1, destination="/private/carol", sdp=stage.SDP)
    back.refused("unavailable", req_id=1)
    back.send("call.hangup", call_id=call_id)
    back.expect("call.ended")
    alice.expect("call.ended", seconds=4)
