"""`WorkerMoved`: what each kind of leg needs before another worker can carry it, and by when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from calling.machine import inputs
from calling.machine.plan import PeerMode, make_plan
from calling.machine.states import (
    Attempt,
    AttemptState,
    CallState,
    Leg,
    LegState,
    MediaState,
    Party,
    Role,
    TimerKind,
    World,
)
from tests.machine.scenarios import BOTH, NOW, Step, answered, apply, consulting, device_leg, plain_call

TALKING = answered(plain_call(device_leg("B", "bob", ("dB",))))


def after(world: World, *values: object, seconds: float = 0) -> World:
    for value in values:
        world = apply(world, Step("C", value, NOW + timedelta(seconds=seconds))).world
    return world


def leg_of(world: World, leg_id: str, call_id: str = "C") -> Leg:
    leg = world[call_id].leg(leg_id)
    assert leg is not None
    return leg


def sip_call() -> World:
    trunk = Leg(
        "B", Role.CALLEE, Party.SIP, "+15551234567",
        attempts=(Attempt("at-sip", "gw", "sip", AttemptState.PREPARING),),
    )  # fmt: skip
    world = plain_call(trunk)
    return after(
        world,
        inputs.Open(),
        inputs.SessionTaken(),
        inputs.AnswerMade("A", "x"),
        inputs.OfferMade("at-sip", "o1"),
    )


def test_devices_are_asked_for_a_fresh_offer_and_keep_hold_and_mute() -> None:
    before = after(TALKING, inputs.Hold("A"), inputs.Mute("B", frozenset({"audio"})))
    world = after(before, inputs.WorkerMoved())
    for leg_id in "AB":
        leg = leg_of(world, leg_id)
        assert (leg.offer, leg.answer, leg.media_state) == (None, None, MediaState.NEW)
        assert leg.serial == leg_of(before, leg_id).serial + 1
    assert make_plan(world.values()).peers == ()
    assert not world["C"].carried
    world = after(world, inputs.SessionTaken(), inputs.Reoffer("A", "a2"), inputs.Reoffer("B", "b2"))
    plan = make_plan(world.values())
    assert [(peer.mode, peer.remote_sdp) for peer in plan.peers] == [
        (PeerMode.ANSWER, "a2"),
        (PeerMode.ANSWER, "b2"),
    ]
    assert leg_of(world, "A").held and leg_of(world, "B").muted == {"audio"}


def test_who_does_not_offer_in_time_ends_the_call_once_as_worker_lost() -> None:
    world = after(TALKING, inputs.WorkerMoved(), inputs.Reoffer("A", "a2"))
    late = apply(world, Step("C", inputs.DeadlinePassed(), NOW + timedelta(seconds=5)))
    call = late.world["C"]
    assert (call.state, call.end_reason, call.end_cause) == (CallState.ENDED, "failed", "worker_lost")
    assert [event.type for event in late.events].count("call.ended") == 1


def test_both_answers_settle_the_move_and_leave_the_usual_time_to_connect() -> None:
    world = after(TALKING, inputs.WorkerMoved())
    for leg_id in "AB":
        world = after(world, inputs.Reoffer(leg_id, "again"))
        world = after(world, inputs.AnswerMade(leg_id, "answer", leg_of(world, leg_id).serial))
    kinds = [timer.kind for timer in world["C"].timers]
    assert TimerKind.REOFFER not in kinds and kinds.count(TimerKind.MEDIA) == 2
    connected = apply(world, Step("C", inputs.MediaConnected("pA")))
    assert [event.type for event in connected.events] == ["leg.connected"]
    world = after(world, inputs.MediaConnected("pA"), inputs.MediaConnected("pB"))
    assert after(world, inputs.DeadlinePassed(), seconds=30)["C"].live


def test_an_offer_that_was_still_waiting_is_answered_by_the_new_worker() -> None:
    world = after(TALKING, inputs.Reoffer("A", "restart"), inputs.WorkerMoved())
    assert (leg_of(world, "A").offer, leg_of(world, "A").answer) == ("restart", None)
    assert [peer.remote_sdp for peer in make_plan(world.values()).peers] == ["restart"]


def test_a_call_that_was_not_ringing_yet_rings_once_its_caller_has_offered_again() -> None:
    world = after(plain_call(device_leg("B", "bob", ("dB",))), inputs.Open(), inputs.AnswerMade("A", "x"))
    world = after(world, inputs.WorkerMoved(), inputs.SessionTaken())
    assert world["C"].state is CallState.CREATED
    world = after(world, inputs.Reoffer("A", "a2"))
    world = after(world, inputs.AnswerMade("A", "y", leg_of(world, "A").serial))
    assert world["C"].state is CallState.RINGING


def test_phones_that_ring_go_on_ringing() -> None:
    world = plain_call(device_leg("B", "bob", ("dB",)))
    world = after(world, inputs.Open(), inputs.SessionTaken(), inputs.AnswerMade("A", "x"))
    moved = after(world, inputs.WorkerMoved())
    assert leg_of(moved, "B") == leg_of(world, "B")


def test_a_leg_over_rest_cannot_be_asked_and_ends_its_call() -> None:
    callee = leg_of(TALKING, "B")
    call = TALKING["C"]
    world = {"C": replace(call, legs=(call.legs[0], replace(callee, device_id=None)))}
    assert after(world, inputs.WorkerMoved())["C"].end_cause == "worker_lost"


def test_an_answered_sip_leg_is_offered_afresh() -> None:
    world = after(sip_call(), inputs.SipProgress("B"), inputs.Answer("B", "gw", "s1"), inputs.WorkerMoved())
    peer = make_plan(world.values()).peer("at-sip")
    assert peer is not None and (peer.mode, peer.answered, peer.kind) == (PeerMode.OFFER, False, "sip")
    world = after(world, inputs.OfferMade("at-sip", "o2"))
    assert leg_of(world, "B").answer == "o2"
    assert after(world, inputs.OfferMade("at-sip", "o3")) == world, "one offer at a time"
    world = after(world, inputs.Reanswered("B", "s2"))
    peer = make_plan(world.values()).peer("at-sip")
    assert peer is not None and (peer.mode, peer.remote_sdp) == (PeerMode.ACCEPT, "s2")
    assert after(world, inputs.Reanswered("B", "s3")) == world, "late is a no-op"


def test_a_sip_peer_that_rings_is_rung_anew_and_without_a_spare_id_lost() -> None:
    ringing = after(sip_call(), inputs.SipProgress("B", "early"))
    world = after(ringing, inputs.WorkerMoved(("at-2",)))
    leg = leg_of(world, "B")
    assert [(a.id, a.state) for a in leg.attempts] == [
        ("at-sip", AttemptState.CANCELLED),
        ("at-2", AttemptState.PREPARING),
    ]
    assert (leg.peer_id, leg.offer, leg.early_media, leg.state) == (None, None, False, LegState.RINGING)
    peer = make_plan(world.values()).peer("at-2")
    assert peer is not None and peer.mode is PeerMode.OFFER
    assert after(ringing, inputs.WorkerMoved())["C"].end_cause == "worker_lost"


def test_an_open_invite_of_a_sip_caller_is_answered_by_the_new_worker() -> None:
    world = plain_call(device_leg("B", "bob", ("dB",)))
    caller = replace(leg_of(world, "A"), party=Party.SIP)
    world = {"C": replace(world["C"], legs=(caller, world["C"].legs[1]))}
    world = after(
        world, inputs.Open(), inputs.SessionTaken(), inputs.AnswerMade("A", "x"), inputs.WorkerMoved()
    )
    leg = leg_of(world, "A")
    assert (leg.offer, leg.answer, leg.serial) == ("offer-a", None, 2)


def test_a_consultation_on_the_same_media_is_asked_once_and_answered_twice() -> None:
    world = consulting(TALKING, "A")
    for call_id in "CD":
        world = apply(world, Step(call_id, inputs.WorkerMoved())).world
    serials = leg_of(world, "A").serial, leg_of(world, "A2", "D").serial
    assert serials == (2, 1), "only the first call's device is asked"
    world = after(world, inputs.Reoffer("A", "a2"))
    first, second = leg_of(world, "A"), leg_of(world, "A2", "D")
    assert (first.offer, first.serial) == (second.offer, second.serial) == ("a2", 3)


def test_a_transfer_under_way_goes_on_when_its_transferor_cannot_be_asked() -> None:
    call = TALKING["C"]
    rest = replace(leg_of(TALKING, "A"), device_id=None)
    world: World = {"C": replace(call, legs=(rest, call.legs[1]))}
    target = device_leg("T", "carol", ("dT",), Role.TARGET)
    world = after(world, inputs.StartTransfer("A", (target,), "/private/carol"), inputs.WorkerMoved())
    assert world["C"].live and not leg_of(world, "A").live
    world = after(world, inputs.Reoffer("B", "b2"), inputs.Answer("T", "dT", "t", BOTH, "pT"))
    assert {leg.id for leg in world["C"].live_legs} == {"B", "T"}
