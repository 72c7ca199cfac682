"""One call over `/ws/phone`, message by message, in the order of docs/contract.md#device-socket."""

from __future__ import annotations

from tests.sockets.phones import Phone
from tests.support import fake_worker


def test_both_sides_hear_everything_once_and_in_order(port, cast):
    alice, bob = Phone(port, cast.alice), Phone(port, cast.bob)
    call_id = alice.create("/private/bob")
    fake_worker.carry(call_id)
    alice.expect("sdp.answer", call_id=call_id, sdp=fake_worker.ANSWER_SDP)
    alice.expect("call.ringing", call_id=call_id)
    incoming = bob.expect("call.incoming", call_id=call_id, to="/private/bob")
    assert incoming["from"] == "/private/alice" and incoming["from_name"] == "Alice"
    assert incoming["media"] == {"audio": True, "video": False, "receive_audio": True, "receive_video": False}
    bob.send("call.answer", call_id=call_id, sdp=fake_worker.SDP)
    alice.expect("call.answered", call_id=call_id)
    bob.expect("call.answered", call_id=call_id)
    fake_worker.answer_offers(call_id)
    bob.expect("sdp.answer", call_id=call_id, sdp=fake_worker.ANSWER_SDP)
    bob.send("call.hangup", call_id=call_id)
    for phone in (alice, bob):
        phone.expect("call.ended", call_id=call_id, reason="hangup", cause="normal")
        phone.quiet()
