"""Merge: who has two calls talks with both parties at once; of three, whoever leaves leaves alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calling.machine.decide import decide
from calling.machine.inputs import Hangup, Hold, MediaFailed, Merge, Refused, StartTransfer
from calling.machine.plan import Plan, make_plan
from calling.machine.states import CallState, Leg, LegState, Media, Party, Role, World
from tests.machine.test_two_calls_of_one_party_become_one import NOW, talks, two_calls

MERGE = Merge("b1", "B", "b2")


def merged(first: Role = Role.CALLEE, second: Role = Role.CALLER) -> World:
    return decide(two_calls(first, second), "A", MERGE, NOW).world


def plan_of(world: World) -> Plan:
    return make_plan(call for call in world.values() if call.live)


@pytest.mark.parametrize("first", [Role.CALLER, Role.CALLEE])
@pytest.mark.parametrize("second", [Role.CALLER, Role.CALLEE])
def test_three_are_in_one_call_and_the_other_call_is_over(first: Role, second: Role) -> None:
    done = decide(two_calls(first, second), "A", MERGE, NOW)
    call, other = done.world["A"], done.world["B"]
    assert {leg.id for leg in call.live_legs} == {"a", "b1", "c"}
    assert not any(leg.held for leg in call.live_legs) and call.held_by("a") is None
    assert call.leg("c").former_call_id == "B" and other.end_reason == "transferred"
    said = [(event.type, event.call_id, event.leg_id) for event in done.events]
    assert said == [
        ("call.transferred", "B", "c"),
        ("call.resumed", "A", "b1"),
        ("call.merged", "A", "b1"),
        ("call.ended", "B", None),
    ]


def test_each_hears_and_sees_the_two_others() -> None:
    world = merged()
    pictured = {leg.id: replace(leg, media=Media(video=leg.id != "a")) for leg in world["A"].legs}
    world = {**world, "A": replace(world["A"], legs=tuple(pictured.values()))}
    plan = plan_of(world)
    heard = {each.leg_id: each.hears for each in plan.peers}
    assert heard == {"a": "mix:p-b1,p-c", "b1": "mix:p-a,p-c", "c": "mix:p-a,p-b1"}
    assert (plan.peer("p-a").sees, plan.peer("p-a").beside) == ("peer:p-b1", ("peer:p-c",))
    assert (plan.peer("p-c").sees, plan.peer("p-c").beside) == ("peer:p-b1", ())


def test_who_holds_is_out_of_it_and_the_two_others_go_on() -> None:
    world = decide(merged(), "A", Hold("b1"), NOW).world
    call, plan = world["A"], plan_of(world)
    heard = {each.leg_id: each.hears for each in plan.peers}
    assert heard == {"a": "peer:p-c", "b1": None, "c": "peer:p-a"}
    assert (call.held_by("b1"), call.held_by("a"), call.held_by("c")) == ("local", None, None)
    world = decide(world, "A", Hold("c"), NOW).world
    assert plan_of(world).peer("p-a").hears == "music" and world["A"].held_by("a") == "remote"


@pytest.mark.parametrize("leaves", ["a", "b1", "c"])
def test_whoever_leaves_leaves_alone_and_the_last_two_end_as_ever(leaves: str) -> None:
    world = merged()
    done = decide(world, "A", Hangup(leaves), NOW)
    assert [(event.type, event.leg_id) for event in done.events] == [("leg.ended", leaves)]
    one, two = done.world["A"].live_legs
    heard = {each.leg_id: each.hears for each in plan_of(done.world).peers}
    assert heard == {one.id: f"peer:{two.peer_id}", two.id: f"peer:{one.peer_id}"}
    over = decide(done.world, "A", Hangup(one.id), NOW).world["A"]
    assert over.state is CallState.ENDED and over.end_reason == "hangup"


def test_media_that_fails_takes_its_own_leg_alone() -> None:
    world = decide(merged(), "A", MediaFailed("p-c"), NOW).world
    assert world["A"].live and world["A"].leg("c").end_reason == "failed"


def test_the_consultation_of_a_call_is_merged_with_it() -> None:
    world = two_calls()
    first = replace(world["A"], consult_id="B")
    world = {"A": first, "B": replace(world["B"], consult_of="A", consulting=True)}
    after = decide(world, "A", MERGE, NOW).world
    assert {leg.id for leg in after["A"].live_legs} == {"a", "b1", "c"} and after["A"].consult_id is None
    assert not after["B"].live


def test_merging_is_refused_where_there_are_not_two_people() -> None:
    world = two_calls()
    app = Leg("room", Role.CALLEE, Party.APP, "/public/x", app="room", app_ref="r", state=LegState.ANSWERED)
    alone = replace(world["B"], legs=(world["B"].legs[0], app))
    ringing = replace(
        world["B"], legs=(world["B"].legs[0], talks("c", Role.CALLEE, "carol", state=LegState.RINGING))
    )
    for other in (alone, ringing):
        with pytest.raises(Refused):
            decide({**world, "B": other}, "A", MERGE, NOW)
    with pytest.raises(Refused):
        decide(world, "A", Merge("b1", "A", "b1"), NOW)


def test_three_take_no_fourth_and_transfer_nobody() -> None:
    world = merged()
    more = (talks("b3", Role.CALLER, "bob"), talks("d", Role.CALLEE, "dora"))
    world = {**world, "D": replace(two_calls()["B"], id="D", legs=more)}
    target = Leg("t", Role.TARGET, Party.DEVICE, "/private/erin")
    for command in (Merge("b1", "D", "b3"), StartTransfer("b1", (target,), "/private/erin")):
        with pytest.raises(Refused):
            decide(world, "A", command, NOW)
