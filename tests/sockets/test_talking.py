"""Hold, resume, mute, digits and fresh offers, as both sides hear of them."""

from __future__ import annotations

import pytest

from calling import models
from calling.calls import control
from calling.commands import operations
from calling.machine import inputs
from tests.sockets.phones import Phone
from tests.support import fake_worker


@pytest.fixture
def pair(port, cast):
    """alice and bob in a call: (alice, bob, call id)."""
    alice, bob = Phone(port, cast.alice), Phone(port, cast.bob)
    return alice, bob, talk(alice, bob, "/private/bob")


def talk(caller: Phone, callee: Phone, destination: str, req_id: str = "t") -> str:
    call_id = caller.create(destination, req_id=req_id)
    fake_worker.carry(call_id)
    caller.expect("sdp.answer", call_id=call_id)
    caller.expect("call.ringing", call_id=call_id)
    callee.expect("call.incoming", call_id=call_id)
    callee.send("call.answer", call_id=call_id, sdp=fake_worker.SDP)
    caller.expect("call.answered", call_id=call_id)
    callee.expect("call.answered", call_id=call_id)
    fake_worker.answer_offers(call_id)
    callee.expect("sdp.answer", call_id=call_id)
    fake_worker.connect_media(call_id)
    return call_id


def test_hold_is_local_here_and_remote_there(pair):
    alice, bob, call_id = pair
    alice.send("call.hold", call_id=call_id)
    alice.expect("call.held", call_id=call_id, held_by="local")
    bob.expect("call.held", call_id=call_id, held_by="remote")
    alice.send("call.hold", call_id=call_id)  # repeating is a no-op
    alice.quiet()
    bob.quiet()
    alice.send("call.resume", call_id=call_id)
    alice.expect("call.resumed", call_id=call_id)
    bob.expect("call.resumed", call_id=call_id)


def test_when_one_of_two_holders_resumes_its_own_view_becomes_remote(pair):
    alice, bob, call_id = pair
    alice.send("call.hold", call_id=call_id)
    alice.expect("call.held", held_by="local")
    bob.expect("call.held", held_by="remote")
    bob.send("call.hold", call_id=call_id)
    bob.expect("call.held", held_by="local")
    alice.quiet()
    alice.send("call.resume", call_id=call_id)
    alice.expect("call.held", held_by="remote")
    bob.quiet()
    bob.send("call.resume", call_id=call_id)
    alice.expect("call.resumed")
    bob.expect("call.resumed")


def test_mute_is_told_to_both_sides_with_its_owner(pair):
    alice, bob, call_id = pair
    alice.send("call.mute", call_id=call_id)
    alice.expect("call.muted", channels=["audio"], by="local")
    bob.expect("call.muted", channels=["audio"], by="remote")
    alice.send("call.mute", call_id=call_id, channels=["audio", "video"])
    alice.expect("call.muted", channels=["video"])
    bob.expect("call.muted", channels=["video"])
    alice.send("call.unmute", call_id=call_id, channels=["audio", "video"])
    alice.expect("call.unmuted", channels=["audio", "video"])
    bob.expect("call.unmuted", channels=["audio", "video"])


def test_digits_are_told_one_by_one(pair):
    alice, bob, call_id = pair
    alice.send("call.dtmf", call_id=call_id, digits="1w#")
    for digit in "1#":
        bob.expect("call.dtmf", call_id=call_id, digit=digit, by="remote")
        alice.expect("call.dtmf", call_id=call_id, digit=digit, by="local")
    bob.send("call.dtmf", call_id=call_id, digits="12x")
    bob.refused("invalid_digits")


def test_digits_in_the_sound_are_told_to_the_other_side_only(pair):
    alice, bob, call_id = pair
    leg = fake_worker.leg_of(call_id, "caller")
    control.apply(call_id, inputs.DigitReceived(leg.peer_id, "5", 120))
    bob.expect("call.dtmf", digit="5", by="remote")
    alice.quiet()


def test_a_fresh_offer_gets_a_fresh_answer(pair):
    alice, bob, call_id = pair
    alice.send("call.update", call_id=call_id, sdp=fake_worker.SDP)
    alice.quiet()
    fake_worker.answer_offers(call_id)
    alice.expect("sdp.answer", call_id=call_id)
    bob.quiet()


def test_new_tracks_of_one_side_ask_the_other_for_an_offer(pair):
    alice, bob, call_id = pair
    alice.send("call.update", call_id=call_id, sdp=fake_worker.VIDEO_SDP)
    bob.expect("call.update", call_id=call_id, reason="new_tracks")
    bob.send("call.update", call_id=call_id, sdp=fake_worker.VIDEO_SDP)
    bob.quiet()
    fake_worker.answer_offers(call_id)
    alice.expect("sdp.answer")
    bob.expect("sdp.answer")
    alice.quiet()


def test_a_picture_in_a_codec_the_other_lacks_is_offered_afresh(pair):
    alice, bob, call_id = pair
    peer = fake_worker.leg_of(call_id, "caller").peer_id
    control.apply(call_id, inputs.MediaLost(peer, "codec", "video"))
    alice.expect("call.update", call_id=call_id, reason="new_tracks")
    control.apply(call_id, inputs.MediaLost(peer, "no_common_codec", "video"))
    alice.quiet()
    bob.quiet()
    lost = models.Event.objects.filter(call_id=call_id, type="leg.media_lost").order_by("sequence")
    assert [event.data["reason"] for event in lost] == ["codec", "no_common_codec"]


def test_media_that_moved_is_asked_for_afresh_from_both(pair):
    alice, bob, call_id = pair
    control.apply(call_id, inputs.WorkerMoved())
    for phone in (alice, bob):
        phone.expect("call.update", call_id=call_id, reason="media_moved")
        phone.send("call.update", call_id=call_id, sdp=fake_worker.SDP)
        phone.quiet()
    fake_worker.answer_offers(call_id)
    for phone in (alice, bob):
        phone.expect("sdp.answer", call_id=call_id)


def test_calls_are_listed_with_state_and_direction(pair, port, cast):
    alice, _bob, call_id = pair
    carol = Phone(port, cast.carol)
    second = alice.create("/private/carol", req_id="second")
    fake_worker.carry(second)
    carol.expect("call.incoming")
    for wanted in ("sdp.answer", "call.ringing"):
        alice.expect(wanted)
    alice.send("call.hold", call_id=call_id)
    alice.expect("call.held")
    alice.send("calls.list", req_id="l")
    listed = alice.expect("calls", req_id="l")["calls"]
    assert listed == [
        {
            "id": call_id,
            "from": "/private/alice",
            "to": "/private/bob",
            "state": "held",
            "direction": "outbound",
        },
        {
            "id": second,
            "from": "/private/alice",
            "to": "/private/carol",
            "state": "ringing",
            "direction": "outbound",
        },
    ]
    carol.send("calls.list", req_id="l")
    (one,) = carol.expect("calls")["calls"]
    assert (one["id"], one["state"], one["direction"]) == (second, "ringing", "inbound")


def test_candidates_find_their_call_by_id_by_req_id_or_by_being_the_only_one(port, cast):
    alice = Phone(port, cast.alice)
    line = "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"
    # Trickled before the answer to create is read: the socket keeps the order.
    alice.send("call.create", req_id="c", destination="/private/bob", sdp=fake_worker.SDP)
    alice.send("ice.candidate", req_id="c", candidate=line, sdp_mid="0", sdp_m_line_index=0)
    alice.send("ice.candidate", candidate=line, sdp_mid=None, sdp_m_line_index=0)
    call_id = alice.expect("call.trying")["call_id"]
    alice.send("ice.candidate", call_id=call_id, candidate=line)
    alice.send("ice.candidate", call_id=call_id, candidate="rubbish", req_id=9)
    alice.refused("invalid_parameter", req_id=9)
    alice.send("ice.done", call_id=call_id)
    alice.quiet()
    rows = models.IceCandidate.objects.filter(peer_id=fake_worker.leg_of(call_id, "caller").peer_id).order_by(
        "id"
    )
    assert [row.done for row in rows] == [False, False, False, True]
    assert rows[0].candidate == {"candidate": line, "sdp_mid": "0", "sdp_m_line_index": 0}
    alice.send("ice.candidate", candidate=line)  # nothing gathers any more
    alice.refused("call_id_required")


def test_both_are_told_while_the_call_is_recorded_and_who_comes_back_again(pair, port, cast):
    alice, bob, call_id = pair
    leg_id = fake_worker.leg_of(call_id, "caller").id
    row = operations.operate(call_id, leg_id, "record", "r", {"format": "wav", "stereo": False})
    operations.changed(row.id, "running", "started")
    for phone in pair[:2]:
        phone.expect("call.recording", call_id=call_id, recording=True)
        phone.quiet()
    alice.drop()
    back = Phone(port, cast.alice, alice.device_id)
    back.expect("calls")
    back.expect("call.recording", call_id=call_id, recording=True)
    operations.changed(row.id, "finished", "finished")
    for phone in (back, bob):
        phone.expect("call.recording", call_id=call_id, recording=False)
        phone.quiet()


def test_captions_are_shown_to_both_while_a_transcript_asks_for_them(pair):
    alice, bob, call_id = pair
    leg_id = fake_worker.leg_of(call_id, "caller").id
    params = {"model": "quick", "language": "en"}
    for captions in (False, True):
        row = operations.operate(call_id, leg_id, "transcribe", f"c-{captions}", params)
        words = {
            "text": "Good morning.",
            "start_ms": 0,
            "end_ms": 900,
            **({"captions": True} if captions else {}),
        }
        operations.told(row.id, "partial", words, leg_id=leg_id)
        operations.told(row.id, "final", words, leg_id=leg_id)
        if not captions:
            alice.quiet()
            bob.quiet()
    for final in (False, True):
        alice.expect("call.caption", call_id=call_id, text="Good morning.", final=final, by="local")
        bob.expect("call.caption", call_id=call_id, text="Good morning.", final=final, by="remote")
