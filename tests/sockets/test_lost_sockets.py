"""A lost socket keeps its calls for fifteen seconds; who comes back carries on without gap or repetition."""

from __future__ import annotations

import signal
import time

import pytest
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from calling import models
from tests.sockets.phones import Phone
from tests.sockets.test_talking import talk
from tests.support import fake_worker, people


@pytest.fixture
def pair(port, cast):
    alice, bob = Phone(port, cast.alice), Phone(port, cast.bob)
    return alice, bob, talk(alice, bob, "/private/bob")


def wait_until_somebody_waits(cursor: CursorWrapper) -> None:
    """Until another process has asked for a lock that this transaction holds."""
    end = time.monotonic() + 5
    while not cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted") and not cursor.fetchone():
        assert time.monotonic() < end
        time.sleep(0.01)


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
    back.authenticate(people.subscriber(cast.project, "alice").token, alice.device_id)
    (listed,) = back.expect("calls")["calls"]
    assert (listed["id"], listed["state"]) == (call_id, "held")
    back.expect("call.held", call_id=call_id, held_by="remote")
    back.expect("call.dtmf", digit="7")
    back.quiet()
    bob.send("call.hangup", call_id=call_id)
    back.expect("call.ended", call_id=call_id)


def test_a_call_that_was_being_made_is_told_on_the_socket_that_came_meanwhile(port, cast):
    alice = Phone(port, cast.alice)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE calling_call IN EXCLUSIVE MODE")  # calls can be read, none be made
        alice.send("call.create", req_id="c", destination="/private/bob", sdp=fake_worker.SDP)
        wait_until_somebody_waits(cursor)
        alice.drop()
        back = Phone(port, cast.alice, alice.device_id)
        assert back.expect("calls")["calls"] == []
    call_id = back.expect("call.trying", req_id="c")["call_id"]
    fake_worker.carry(call_id)
    back.expect("sdp.answer", call_id=call_id)
    back.expect("call.ringing", call_id=call_id)
    back.send("ice.done")
    back.send("call.hangup", call_id=call_id)
    back.expect("call.ended", call_id=call_id, reason="cancelled")


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
    fake_worker.carry(call_id)
    back = Phone(port, cast.alice, alice.device_id)
    back.expect("calls")
    back.expect("sdp.answer", call_id=call_id)
    back.expect("call.ringing", call_id=call_id)
    back.quiet()


def test_ringing_goes_on_at_the_device_that_comes_back(port, cast):
    alice, bob = Phone(port, cast.alice), Phone(port, cast.bob)
    call_id = alice.create("/private/bob")
    fake_worker.carry(call_id)
    bob.expect("call.incoming")
    bob.drop()
    gone(bob)
    back = Phone(port, cast.bob, bob.device_id)
    assert [each["state"] for each in back.expect("calls")["calls"]] == ["ringing"]
    back.quiet()
    back.send("call.answer", call_id=call_id, sdp=fake_worker.SDP)
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
    alice, _bob, call_id = pair
    alice.drop()
    gone(alice)
    end = time.monotonic() + 5
    while "grace" not in {timer.kind.value for timer in fake_worker.call_of(call_id).timers}:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("code", [1001, 1000, 1006])
def test_a_page_that_was_left_is_waited_for_two_seconds_and_any_other_loss_fifteen(pair, code):
    """1001 is what a browser closes with when its page goes: by navigation, reload or the tab's close."""
    alice, _bob, call_id = pair
    if code == 1006:
        alice.drop()
    else:
        alice.socket.close(code)
    gone(alice)
    end, now = time.monotonic() + 5, timezone.now()
    while not (graces := [t for t in fake_worker.call_of(call_id).timers if t.kind.value == "grace"]):
        assert time.monotonic() < end
        time.sleep(0.01)
    left = (graces[0].at - now).total_seconds()
    assert left <= 2.5 if code == 1001 else 10 < left < 16


def test_a_page_that_is_back_within_two_seconds_has_its_call(pair, port, cast):
    alice, _bob, call_id = pair
    alice.socket.close(1001)
    gone(alice)
    back = Phone(port, cast.alice, alice.device_id)
    assert [each["id"] for each in back.expect("calls")["calls"]] == [call_id]
    assert not any(timer.kind.value == "grace" for timer in fake_worker.call_of(call_id).timers)


@pytest.mark.parametrize("message", ["ice.candidate", "ice.done", "call.hangup"])
def test_what_was_on_its_way_when_the_call_ended_is_passed_over(pair, message):
    alice, bob, call_id = pair
    bob.send("call.hangup", call_id=call_id)
    alice.expect("call.ended")
    words = {"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdp_mid": "0", "sdp_m_line_index": 0}
    alice.send(message, call_id=call_id, **(words if message == "ice.candidate" else {}))
    alice.quiet()
    assert not models.IceCandidate.objects.filter(candidate__candidate=words["candidate"]).exists()


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
    _process, port = web()
    alice, bob = Phone(port, cast.alice), Phone(port, cast.bob)
    call_id = talk(alice, bob, "/private/bob")
    _process2, deaf = web(REDIS_URL="redis://127.0.0.1:1/0")
    back = Phone(deaf, cast.bob, bob.device_id)
    back.expect("calls")
    alice.send("call.hold", call_id=call_id)
    alice.expect("call.held")
    back.expect("call.held", seconds=4, held_by="remote")
    back.send("call.create", req_id=1, destination="/private/carol", sdp=fake_worker.SDP)
    back.refused("unavailable", req_id=1)
    back.send("call.hangup", call_id=call_id)
    back.expect("call.ended")
    alice.expect("call.ended", seconds=4)
