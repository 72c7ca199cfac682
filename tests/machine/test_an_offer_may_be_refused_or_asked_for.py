"""`OfferRefused` and `AskOffer`: a later offer that is of no use leaves the leg as it was; a SIP party that
asks for an offer gets one of the worker's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calling.machine import inputs
from calling.machine.inputs import Refused
from calling.machine.plan import PeerMode, make_plan
from calling.machine.states import CallState, LegState, Media, MediaState, World
from calling.media.session.plan_diff import Describe, Route, steps
from tests.machine.scenarios import device_leg, plain_call
from tests.machine.test_a_lost_worker_is_replaced import TALKING, after, leg_of, sip_call

TRUNK = after(
    sip_call(), inputs.SipProgress("B"), inputs.Answer("B", "gw", "s1"), inputs.MediaConnected("at-sip")
)


def refused(world: World, leg_id: str, text: str | None, media: Media) -> inputs.OfferRefused:
    leg = leg_of(world, leg_id)
    return inputs.OfferRefused(leg_id, leg.serial, text, "o0", "a0", True, media)


def test_a_refused_offer_gives_the_leg_its_descriptions_back() -> None:
    before = leg_of(TALKING, "A")
    world = after(TALKING, inputs.Reoffer("A", "useless", Media(video=True)))
    signal = inputs.OfferRefused(
        "A", before.serial + 1, "useless", before.offer, before.answer, before.offered, before.media
    )
    world = after(world, signal)
    assert leg_of(world, "A") == replace(before, serial=before.serial + 1)
    assert after(world, signal) == world, "said twice it changes nothing"


def test_a_refusal_that_is_overtaken_changes_nothing() -> None:
    world = after(TALKING, inputs.Reoffer("A", "first"))
    late = refused(world, "A", "first", Media())
    world = after(world, inputs.Reoffer("A", "second"))
    assert after(world, late) == world
    assert after(world, inputs.Hangup(), late) == after(world, inputs.Hangup())


def test_a_sip_party_that_asks_is_offered_afresh_and_its_answer_taken() -> None:
    before = leg_of(TRUNK, "B")
    world = after(TRUNK, inputs.AskOffer("B"))
    leg = leg_of(world, "B")
    assert (leg.offer, leg.answer, leg.offered, leg.serial) == (None, None, True, before.serial + 1)
    assert leg.media_state is MediaState.CONNECTED, "sound goes on meanwhile"
    old, new = make_plan(TRUNK.values()), make_plan(world.values())
    plan = new.peer("at-sip")
    assert plan is not None and plan.mode is PeerMode.OFFER and not plan.answered
    kinds = [type(step) for step in steps(old, new) if step.peer.peer_id == "at-sip"]  # type: ignore[union-attr]
    assert kinds == [Describe, Route]
    world = after(world, inputs.OfferMade("at-sip", "o2"))
    assert leg_of(world, "B").answer == "o2"
    world = after(world, inputs.Reanswered("B", "s2"))
    leg = leg_of(world, "B")
    assert (leg.offer, leg.answer, leg.media_state) == ("s2", "o2", MediaState.CONNECTED)
    plan = make_plan(world.values()).peer("at-sip")
    assert plan is not None and plan.mode is PeerMode.ACCEPT and plan.remote_sdp == "s2"


def test_only_an_answered_sip_party_can_ask() -> None:
    for world, leg_id in ((TALKING, "A"), (sip_call(), "B")):
        with pytest.raises(Refused):
            after(world, inputs.AskOffer(leg_id))


def test_a_caller_without_an_offer_is_given_one_before_the_other_side_rings() -> None:
    world = plain_call(device_leg("B", "bob", ("dB",)))
    asks = replace(leg_of(world, "A"), offer=None, offered=True, serial=1, route='{"kind": "sip"}')
    call = world["C"]
    world = {"C": replace(call, legs=(asks, *call.legs[1:]))}
    world = after(world, inputs.Open(), inputs.SessionTaken())
    assert world["C"].state is CallState.CREATED
    plan = make_plan(world.values()).peer("pA")
    assert plan is not None and plan.mode is PeerMode.OFFER
    world = after(world, inputs.OfferMade("pA", "ours"))
    assert world["C"].state is CallState.RINGING
    world = after(world, inputs.Answer("B", "dB", "b", Media(), "pB"), inputs.Reanswered("A", "theirs"))
    leg = leg_of(world, "A")
    assert (leg.offer, leg.answer, leg.media_state) == ("theirs", "ours", MediaState.CONNECTING)


def test_an_update_before_the_answer_is_not_undone_by_it() -> None:
    world = after(sip_call(), inputs.SipProgress("B", "early"))
    world = after(world, inputs.Reoffer("B", "update"))
    leg = leg_of(world, "B")
    assert (leg.offer, leg.offered) == ("update", False)
    world = after(world, inputs.AnswerMade("B", "ours", leg.serial), inputs.Answer("B", "gw", "early"))
    leg = leg_of(world, "B")
    assert (leg.state, leg.offer, leg.answer, leg.offered) == (LegState.ANSWERED, "update", "ours", False)


def test_a_callee_that_rings_without_sound_cannot_change_it() -> None:
    world = after(sip_call(), inputs.SipProgress("B"))
    with pytest.raises(Refused):
        after(world, inputs.Reoffer("B", "update"))
