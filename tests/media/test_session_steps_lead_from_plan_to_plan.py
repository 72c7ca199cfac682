"""`steps(old, new)`: what a session does when its calls change. Pure."""

from __future__ import annotations

from dataclasses import replace

from calling.machine.plan import PeerMode, PeerPlan, Plan, ScriptRunPlan
from calling.machine.states import Media
from calling.media.session.plan_diff import (
    Accept,
    ClosePeer,
    Describe,
    MakePeer,
    Route,
    StartScriptRun,
    StopScriptRun,
    steps,
)


def peer(name: str, hears: str | None = None, **more: object) -> PeerPlan:
    plan = PeerPlan(
        name,
        "call",
        f"leg-{name}",
        PeerMode.ANSWER,
        "phone",
        Media(),
        serial=1,
        remote_sdp="offer",
        hears=hears,
    )
    return replace(plan, **more)  # type: ignore[arg-type]


ALICE, BOB = peer("alice", "peer:bob"), peer("bob", "peer:alice")


def test_nothing_changed_means_nothing_to_do() -> None:
    plan = Plan((ALICE, BOB), (ScriptRunPlan("run", "call", "leg-alice"),))
    assert steps(plan, plan) == ()


def test_peers_are_all_made_before_anybody_is_routed() -> None:
    found = steps(Plan(), Plan((ALICE, BOB)))
    assert found == (MakePeer(ALICE), MakePeer(BOB), Route(ALICE), Route(BOB))


def test_who_goes_is_closed_first_and_who_heard_him_is_routed_anew() -> None:
    lonely = replace(BOB, hears=None)
    assert steps(Plan((ALICE, BOB)), Plan((lonely,))) == (ClosePeer("alice"), Route(lonely))


def test_hold_is_routing_alone() -> None:
    held = replace(BOB, hears="music")
    assert steps(Plan((ALICE, BOB)), Plan((ALICE, held))) == (Route(held),)


def test_a_higher_serial_is_a_fresh_offer_to_answer() -> None:
    again = replace(ALICE, serial=2, remote_sdp="another")
    found = steps(Plan((ALICE, BOB)), Plan((again, BOB)))
    assert found[0] == Describe(again)
    assert set(found[1:]) == {Route(again), Route(BOB)}


def test_an_accepted_offer_is_taken_once() -> None:
    offered = peer("eve", mode=PeerMode.OFFER, remote_sdp=None, serial=0)
    accepted = replace(offered, mode=PeerMode.ACCEPT, remote_sdp="answer", serial=1)
    assert steps(Plan(), Plan((offered,)))[0] == MakePeer(offered)
    assert steps(Plan((offered,)), Plan((accepted,)))[0] == Accept(accepted)
    answered = replace(accepted, answered=True, hears="peer:bob")
    assert steps(Plan((accepted,)), Plan((answered,))) == (Route(answered),)


def test_a_script_starts_stops_and_is_told_whom_it_talks_with() -> None:
    run = ScriptRunPlan("run", "call", "leg-alice")
    moved = replace(run, leg_id="leg-bob")
    assert steps(Plan(), Plan((), (run,))) == (StartScriptRun(run),)
    assert steps(Plan((), (run,)), Plan((), (moved,))) == (StartScriptRun(moved),)
    assert steps(Plan((), (run,)), Plan()) == (StopScriptRun("run"),)
