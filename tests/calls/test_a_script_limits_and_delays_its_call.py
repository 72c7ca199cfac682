"""A script may shorten its call, and connect its caller before answering: the machine's side of both."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from calling.machine import inputs
from calling.machine.decide import decide
from calling.machine.states import CallState, Role, World
from tests.machine.scenarios import NOW, app_leg, device_leg, plain_call


def ringing() -> World:
    """alice called a script, which rings."""
    world = plain_call(app_leg("B", "script"))
    for value in (inputs.Open(), inputs.SessionTaken(), inputs.AnswerMade("A", "answer", 1)):
        world = decide(world, "C", value, NOW).world
    assert world["C"].state is CallState.RINGING
    return world


def connecting(world: World) -> World:
    carol = device_leg("T", "carol", ("dT",), Role.TARGET)
    return decide(world, "C", inputs.Connect("A", (carol,), carol.address, 20), NOW).world


def test_the_caller_is_answered_when_the_connected_device_is() -> None:
    world = connecting(ringing())
    call = world["C"]
    assert call.state is CallState.RINGING and not call.leg("A").answered  # type: ignore[union-attr]
    done = decide(world, "C", inputs.Answer("T", "dT", "answer"), NOW)
    call = done.world["C"]
    assert call.state is CallState.ANSWERED and call.transfer is None
    answered = [(event.type, event.leg_id) for event in done.events if event.type == "call.answered"]
    assert answered == [("call.answered", "B"), ("call.answered", "T")]


def test_a_target_that_says_no_leaves_the_script_ringing() -> None:
    world = decide(connecting(ringing()), "C", inputs.Reject("T"), NOW).world
    assert world["C"].state is CallState.RINGING and world["C"].transfer is None
    assert decide(world, "C", inputs.AppAnswered("B"), NOW).world["C"].state is CallState.ANSWERED


def test_a_call_ends_when_its_script_said() -> None:
    world = decide(ringing(), "C", inputs.AppAnswered("B"), NOW).world
    later = NOW + timedelta(seconds=30)
    world = decide(world, "C", inputs.DurationLimited(100), later).world
    ends = [timer.at for timer in world["C"].timers if timer.kind == "max_duration"]
    assert ends == [NOW + timedelta(seconds=100)], "from the answer, not from now"
    warned = [timer.at for timer in world["C"].timers if timer.kind == "expiring"]
    assert warned == [NOW + timedelta(seconds=40)]
    world = {
        "C": replace(world["C"], timers=tuple(each for each in world["C"].timers if each.leg_id is None))
    }
    over = decide(world, "C", inputs.DeadlinePassed(), ends[0]).world["C"]
    assert (over.state, over.end_cause) == (CallState.ENDED, "max_duration")


def test_a_script_gives_no_call_more_than_it_had() -> None:
    world = ringing()
    world = {"C": replace(world["C"], max_seconds=60)}
    world = decide(world, "C", inputs.AppAnswered("B"), NOW).world
    assert decide(world, "C", inputs.DurationLimited(600), NOW).world == world
    assert decide(ringing(), "C", inputs.DurationLimited(5), NOW).world == ringing(), "nobody answered yet"


def test_a_ringing_device_that_is_out_of_time_did_not_answer() -> None:
    ended = decide(connecting(ringing()), "C", inputs.Hangup("T", reason="no-answer"), NOW).world["C"]
    assert ended.leg("T").end_reason == "no-answer"  # type: ignore[union-attr]
