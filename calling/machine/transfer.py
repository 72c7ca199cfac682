"""Transfers, blind and attended: who gives whom to whom, and what comes back when it fails. Pure."""

from __future__ import annotations

from dataclasses import replace

from calling.machine.ending import end_call, end_leg
from calling.machine.inputs import (
    CancelTransfer,
    CompleteTransfer,
    Connect,
    Join,
    Merge,
    Refused,
    RunScript,
    StartConsult,
    StartTransfer,
)
from calling.machine.reasons import EndedBy, EndReason
from calling.machine.ringing import complete, start_connecting, waiting_script
from calling.machine.states import Call, CallState, Leg, Party, Role, TimerKind, Transfer
from calling.machine.turn import Turn

MOVES_ITSELF = frozenset({"script", "room"})


def require_free(call: Call, leg: Leg) -> None:
    """The leg may start a transfer or consultation: it is answered and nothing of the kind is pending."""
    if not leg.answered:
        raise Refused(f"The leg is {leg.state.value}; it must be answered.", leg.state.value)
    if call.supervision is not None:
        raise Refused("A supervisor cannot transfer the supervision.", leg.state.value)
    if call.transfer is not None:
        raise Refused("A transfer is already pending.", "transferring")
    if call.consult_id is not None:
        raise Refused("A consultation is already pending.", "consulting")
    if len(call.company(leg.id)) > 1:
        raise Refused("In a conversation of three, nobody can be transferred or added.", "answered")


def start(turn: Turn, call_id: str, command: StartTransfer) -> None:
    """Blind transfer of the other party; a party alone with the platform is connected itself."""
    call, leg = turn.call(call_id), turn.leg(call_id, command.leg_id)
    require_free(call, leg)
    other = call.counterpart(leg.id)
    alone = other is None or (other.party is Party.APP and other.app in MOVES_ITSELF)
    start_connecting(
        turn,
        call_id,
        leg.id if alone or other is None else other.id,
        command.targets,
        command.to,
        call.ring_seconds,
        by=None if alone else leg.id,
    )


def connect(turn: Turn, call_id: str, command: Connect) -> None:
    """A script's `connect`: its outcome goes back to the script."""
    call, leg = turn.call(call_id), turn.leg(call_id, command.leg_id)
    script = waiting_script(call, leg.id)
    if script is None or call.transfer is not None:
        require_free(call, leg)
    other = call.counterpart(leg.id)
    if other is not None and other.party is not Party.APP:
        raise Refused("The party is talking with somebody.", leg.state.value)
    seconds = command.timeout or call.ring_seconds
    if script is not None:
        turn.start_timer(call_id, TimerKind.RING, seconds + call.ring_seconds, script.id)
    start_connecting(turn, call_id, leg.id, command.targets, command.to, seconds, connect=True, scripted=True)


def run_script(turn: Turn, call_id: str, command: RunScript) -> None:
    """Another script for an answered party: what it talked with, or was being connected to, leaves."""
    call, leg = turn.call(call_id), turn.leg(call_id, command.leg_id)
    if not leg.answered:
        raise Refused(f"The leg is {leg.state.value}; it must be answered.", leg.state.value)
    if call.supervision is not None:
        raise Refused("A supervisor's call runs no script.", leg.state.value)
    if call.consult_id is not None or call.consulting:
        raise Refused("A consultation is pending.", "consulting")
    turn.set(call_id, program=command.run_id, transfer=None, connect=())
    if leg.held:
        turn.set_leg(call_id, leg.id, held=False)
        turn.emit("call.resumed", call_id, leg.id)
    for other in turn.call(call_id).legs:
        if other.live and other.id != leg.id:
            end_leg(turn, call_id, other.id, EndReason.TRANSFERRED)


def consult(turn: Turn, call_id: str, command: StartConsult) -> None:
    """The first call's side of `consult`: it is held and waits. The second call opens by itself."""
    call, leg = turn.call(call_id), turn.leg(call_id, command.leg_id)
    require_free(call, leg)
    if call.consulting:
        raise Refused("A consultation cannot start another consultation.", "consulting")
    if call.counterpart(leg.id) is None:
        raise Refused("There is nobody to transfer.", leg.state.value)
    turn.set(call_id, consult_id=command.consult_id)
    if not leg.held:
        turn.set_leg(call_id, leg.id, held=True)
        turn.emit("call.held", call_id, leg.id)
    turn.emit("call.consult_started", call_id, leg.id, consult_call_id=command.consult_id)


def linked(turn: Turn, call_id: str) -> tuple[Call, Call]:
    """The first call and its live consultation, whichever of the two `call_id` names."""
    call = turn.call(call_id)
    if call.consulting and call.consult_of in turn.world:
        call = turn.call(call.consult_of)
    if call.consult_id is None or call.consult_id not in turn.world:
        raise Refused("There is no consultation to complete or cancel.", call.state.value)
    return call, turn.call(call.consult_id)


def require_transferor(first: Call, second: Call, leg_id: str) -> None:
    """Nobody but who consults, by either of his legs, may say what becomes of the consultation."""
    his = (consulter_in_first(first, second), second.role(Role.CALLER))
    if leg_id not in {leg.id for leg in his if leg is not None}:
        raise Refused("Only the consulting leg can end its consultation.", first.state.value)


def complete_consult(turn: Turn, call_id: str, command: CompleteTransfer) -> None:
    """The target's leg moves into the first call; while it still rings, as a blind transfer."""
    first, second = linked(turn, call_id)
    require_transferor(first, second, command.leg_id)
    transferor = consulter_in_first(first, second)
    target = second.role(Role.CALLEE)
    if transferor is None or target is None or not target.live or second.transfer is not None:
        raise Refused("The consultation cannot be completed now.", second.state.value)
    waiting = first.counterpart(transferor.id)
    if waiting is None:
        raise Refused("There is nobody to transfer.", first.state.value)
    move_leg(turn, first, second, transferor, target, waiting)


def join(turn: Turn, call_id: str, command: Join) -> None:
    """Two calls that the transferor dialled or took apart become one; his legs leave both."""
    first, second = turn.call(call_id), turn.call(command.other_id)
    transferor, own = turn.leg(first.id, command.leg_id), turn.leg(second.id, command.other_leg_id)
    require_free(first, transferor)
    require_free(second, own)
    if first.consulting or second.consulting or first.id == second.id:
        raise Refused("A consultation is pending.", "consulting")
    waiting, target = first.counterpart(transferor.id), second.counterpart(own.id)
    if waiting is None or target is None or Party.APP in (waiting.party, target.party):
        raise Refused("There is nobody to transfer.", first.state.value)
    if own.held:
        turn.set_leg(second.id, own.id, held=False)
    move_leg(turn, first, turn.call(second.id), transferor, target, waiting)


def merge(turn: Turn, call_id: str, command: Merge) -> None:
    """Two calls of one party become a conversation of three; the second may consult from the first."""
    first, second = turn.call(call_id), turn.call(command.other_id)
    own, spare = turn.leg(first.id, command.leg_id), turn.leg(second.id, command.other_leg_id)
    consults = first.consult_id == second.id and second.consulting
    for call, leg in ((first, own), (second, spare)):
        if not consults:
            require_free(call, leg)
        elif not leg.answered or call.transfer is not None:
            raise Refused(f"The leg is {leg.state.value}; it must be answered.", leg.state.value)
    if first.id == second.id or (not consults and (first.consulting or second.consulting)):
        raise Refused("A consultation is pending.", "consulting")
    here, there = first.company(own.id), second.company(spare.id)
    if not here or not there or Party.APP in (here[0].party, there[0].party):
        raise Refused("Only two conversations with people can be merged.", first.state.value)
    moved = replace(there[0], role=Role.TARGET, former_call_id=second.id)
    timers = tuple(timer for timer in second.timers if timer.leg_id == moved.id)
    remaining = tuple(leg for leg in second.legs if leg.id != moved.id)
    turn.set(second.id, legs=remaining, timers=tuple(t for t in second.timers if t not in timers))
    turn.set(second.id, consulting=False)
    turn.set(first.id, legs=(*first.legs, moved), timers=(*first.timers, *timers), consult_id=None)
    turn.emit("call.transferred", second.id, moved.id, new_call_id=first.id, to=moved.address)
    if turn.leg(first.id, own.id).held:
        turn.set_leg(first.id, own.id, held=False)
        turn.emit("call.resumed", first.id, own.id)
    turn.emit("call.merged", first.id, own.id, merged_call_id=second.id, target_leg_id=moved.id)
    end_call(turn, second.id, EndReason.TRANSFERRED, by=EndedBy(spare.role.value))


def move_leg(turn: Turn, first: Call, second: Call, transferor: Leg, target: Leg, waiting: Leg) -> None:
    """`target` moves from the second call into the first, to `waiting`; the second ends."""
    moved = replace(target, role=Role.TARGET, former_call_id=second.id)
    timers = tuple(timer for timer in second.timers if timer.leg_id == target.id)
    ringing = not target.answered
    remaining = tuple(leg for leg in second.legs if leg.id != target.id)
    turn.set(second.id, legs=remaining, timers=tuple(t for t in second.timers if t not in timers))
    transfer = Transfer(waiting.id, (moved.id,), target.address, transferor.id)
    turn.set(
        first.id,
        legs=(*first.legs, moved),
        timers=(*first.timers, *timers),
        consult_id=None,
        transfer=transfer,
    )
    turn.set(second.id, consulting=False)
    turn.emit("call.transferred", second.id, moved.id, new_call_id=first.id, to=target.address)
    if ringing:
        turn.emit(
            "call.transfer_requested", first.id, transferor.id, to=target.address, waiting_leg_id=waiting.id
        )
        if not any(t.kind is TimerKind.RING for t in timers):
            turn.start_timer(first.id, TimerKind.RING, first.ring_seconds, moved.id)
    else:
        complete(turn, first.id, moved.id, transfer)
    end_call(turn, second.id, EndReason.TRANSFERRED, by=EndedBy.CALLER)


def cancel_consult(turn: Turn, call_id: str, command: CancelTransfer) -> None:
    """Hang up the consultation; the first call resumes by itself."""
    first, second = linked(turn, call_id)
    require_transferor(first, second, command.leg_id)
    reason = EndReason.HANGUP if second.state is CallState.ANSWERED else EndReason.CANCELLED
    end_call(turn, second.id, reason, by=EndedBy.CALLER)


def consulter_in_first(first: Call, second: Call) -> Leg | None:
    """The transferor's leg in the first call: the same party as the consultation's caller."""
    caller = second.role(Role.CALLER)
    if caller is None:
        return None
    return next((leg for leg in first.legs if leg.answered and leg.same_party(caller)), None)
