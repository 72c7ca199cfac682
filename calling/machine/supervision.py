"""Listening to a call: who supervises it, how, and what is said of it. Pure.

A supervisor has a call of its own, beside the supervised one in the same media session: it rings, is answered
and fails by itself, and the parties of the supervised call never see it. What they hear of it is the plan's.
"""

from __future__ import annotations

from dataclasses import replace

from calling.machine.inputs import Refused, SetSupervision, Supervise
from calling.machine.states import Call, CallState, Leg, Party, Supervision, SupervisionMode
from calling.machine.turn import Turn

MOST_SUPERVISORS = 4  # of one call at once


def supervise(turn: Turn, call_id: str, command: Supervise) -> None:
    """The supervised call's side: it may be listened to. The supervisor's call opens by itself."""
    call = turn.call(call_id)
    if call.supervision is not None:
        raise Refused("A supervisor's call cannot be supervised.", call.state.value)
    if call.state is not CallState.ANSWERED:
        raise Refused(f"The call is {call.state.value}; it must be answered.", call.state.value)
    if len(call.supervisors) >= MOST_SUPERVISORS:
        raise Refused(f"A call can have at most {MOST_SUPERVISORS} supervisors.", call.state.value)
    require_party(call, command.supervision)
    turn.set(call_id, supervisors=(*call.supervisors, command.supervisor_id))


def require_party(call: Call, wanted: Supervision) -> None:
    """A whisper needs somebody who can hear it alone."""
    if wanted.mode is not SupervisionMode.WHISPER:
        return
    leg = call.leg(wanted.leg_id) if wanted.leg_id is not None else None
    if leg is None or not leg.answered or leg.party is Party.APP:
        raise Refused("Select an answered party to hear the whisper.", call.state.value)
    other = call.counterpart(leg.id)
    if other is not None and other.app == "room":
        raise Refused("In a room a supervisor can listen or barge, not whisper.", call.state.value)


def set_supervision(turn: Turn, call_id: str, command: SetSupervision) -> None:
    """Another mode, or another party that hears the whisper; by the supervisor's call."""
    call = turn.call(call_id)
    if call.supervision is None or call.supervision.call_id not in turn.world:
        raise Refused("The call is not a supervisor's call.", call.state.value)
    wanted = replace(
        call.supervision, mode=command.mode, leg_id=command.leg_id or call.supervision.leg_id, by=command.by
    )
    require_party(turn.call(wanted.call_id), wanted)
    change(turn, call_id, wanted)


def change(turn: Turn, call_id: str, wanted: Supervision) -> None:
    before = turn.call(call_id).supervision
    turn.set(call_id, supervision=wanted)
    changed = before is None or (before.mode, before.leg_id) != (wanted.mode, wanted.leg_id)
    if changed and turn.call(call_id).state is CallState.ANSWERED:
        begun(turn, call_id)


def begun(turn: Turn, call_id: str) -> None:
    """A supervisor's call is answered, or its mode is another: that is said of the supervised call."""
    call = turn.call(call_id)
    leg = call.supervisor
    if call.supervision is not None and leg is not None and call.supervision.call_id in turn.world:
        say(turn, call, leg, "leg.supervising")


def over(turn: Turn, call_id: str) -> None:
    """A supervisor's call has ended, while the supervised one may go on."""
    call = turn.call(call_id)
    if call.supervision is None or call.supervision.call_id not in turn.world:
        return
    first = turn.call(call.supervision.call_id)
    turn.set(first.id, supervisors=tuple(each for each in first.supervisors if each != call_id))
    leg = call.supervisor
    if leg is not None and call.answered_at is not None:
        reason = call.end_reason.value if call.end_reason else None
        say(turn, call, leg, "leg.supervising_ended", reason=reason, cause=call.end_cause)


def say(turn: Turn, call: Call, leg: Leg, type: str, **more: object) -> None:
    wanted = call.supervision
    assert wanted is not None
    data = {"supervising_call_id": call.id, "address": leg.address, "mode": wanted.mode.value}
    turn.emit(type, wanted.call_id, leg.id, **data, supervised_leg_id=wanted.leg_id, by=wanted.by, **more)


def party_left(turn: Turn, call_id: str, leg_id: str) -> None:
    """Who heard the whisper has left: the supervisor only listens from now on."""
    for supervisor_id in turn.call(call_id).supervisors:
        found = turn.world.get(supervisor_id)
        wanted = found.supervision if found is not None else None
        if wanted is None or wanted.leg_id != leg_id:
            continue
        whispers = wanted.mode is SupervisionMode.WHISPER
        mode = SupervisionMode.LISTEN if whispers else wanted.mode
        change(turn, supervisor_id, replace(wanted, mode=mode, leg_id=None))
