"""A device's candidates are under way when its call ends, is refused, or is answered elsewhere: no error."""

from __future__ import annotations

import pytest

from tests.sockets.phones import Phone
from tests.support import fake_worker

LINE = "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host"


def trickle(phone: Phone, **named: str | int) -> None:
    """As a browser does: one candidate, the end of them in three spellings, and `ice.done`."""
    for candidate in (LINE, "", None, "a=end-of-candidates"):
        phone.send("ice.candidate", candidate=candidate, sdp_mid="0", **named)
    phone.send("ice.done", **named)


@pytest.fixture
def alice(port, cast):
    return Phone(port, cast.alice)


@pytest.mark.parametrize("named", [{}, {"req_id": "c1"}], ids=["without a name", "by the create's req_id"])
def test_of_a_call_that_ended_while_it_gathered(alice, named):
    call_id = alice.create("/public/busy")
    fake_worker.carry(call_id)
    alice.expect("sdp.answer")
    alice.expect("call.ended", reason="busy")
    trickle(alice, **named)
    alice.quiet()


@pytest.mark.parametrize("named", [{}, {"req_id": "c1"}], ids=["without a name", "by the create's req_id"])
def test_of_a_call_that_was_refused(alice, named):
    alice.send("call.create", req_id="c1", destination="/private/nobody", sdp=fake_worker.SDP)
    trickle(alice, **named)
    alice.refused("not_found", req_id="c1")
    alice.quiet()


@pytest.mark.parametrize("named", [True, False], ids=["by the call's id", "without a name"])
def test_of_the_device_that_was_too_late(port, cast, alice, named):
    one, other = Phone(port, cast.bob), Phone(port, cast.bob)
    call_id = alice.create("/private/bob")
    fake_worker.carry(call_id)
    for bob in (one, other):
        bob.expect("call.incoming")
    one.send("call.answer", call_id=call_id, sdp=fake_worker.SDP)
    one.expect("call.answered")
    other.expect("call.ended", cause="answered_elsewhere")
    other.send("call.answer", call_id=call_id, sdp=fake_worker.SDP)
    trickle(other, **({"call_id": call_id} if named else {}))
    other.refused("not_allowed")
    other.quiet()


def test_who_never_offered_anything_is_asked_which_call_it_means(alice):
    alice.send("ice.candidate", candidate=LINE, req_id=1)
    alice.refused("call_id_required", req_id=1)
    alice.send("ice.candidate", candidate=LINE, req_id="c1")
    alice.refused("call_id_required", req_id="c1")


@pytest.mark.parametrize("candidate", [0, False, [], {}, "1 1 udp 1 127.0.0.1 9 typ host", "end"])
def test_what_is_no_candidate_is_no_end_of_them_either(alice, candidate):
    alice.create("/private/bob")
    alice.send("ice.candidate", req_id=1, candidate=candidate, sdp_mid="0")
    alice.refused("invalid_parameter", req_id=1)
