"""How calls and legs end: exactly once, with a reason, telling a linked consultation. Pure."""

from __future__ import annotations

from dataclasses import replace

from calling.machine.inputs import Hangup, SipFailed
from calling.machine.reasons import Cause, EndedBy, EndReason
from calling.machine.states import Attempt, AttemptState, Call, CallState, Leg, LegState, Party, Role
from calling.machine.supervision import over, party_left
from calling.machine.turn import Turn


def close_attempts(leg: Leg, state: AttemptState, keep: str | None = None) -> tuple[Attempt, ...]:
    return tuple(
        replace(attempt, state=state) if attempt.live and attempt.id != keep else attempt
        for attempt in leg.attempts
    )


def end_leg(
    turn: Turn,
    call_id: str,
    leg_id: str,
    reason: EndReason,
    cause: str = Cause.NORMAL,
    *,
    say: bool = True,
    attempts: AttemptState = AttemptState.CANCELLED,
) -> None:
    """End one leg. `leg.ended` is said only for a leg that leaves before its call does."""
    leg = turn.leg(call_id, leg_id)
    if not leg.live:
        return
    turn.set_leg(
        call_id,
        leg_id,
        state=LegState.ENDED,
        held=False,
        end_reason=reason,
        end_cause=cause,
        attempts=close_attempts(leg, attempts),
    )
    turn.set(call_id, timers=tuple(timer for timer in turn.call(call_id).timers if timer.leg_id != leg_id))
    if say:
        turn.emit("leg.ended", call_id, leg_id, reason=reason.value, cause=cause)
    if turn.call(call_id).supervisors:
        party_left(turn, call_id, leg_id)


def end_call(
    turn: Turn,
    call_id: str,
    reason: EndReason,
    cause: str = Cause.NORMAL,
    by: EndedBy | None = None,
    sip: SipFailed | None = None,
) -> None:
    """End a call and what is left of it; free or resume the call it was linked with."""
    if not turn.call(call_id).live:
        return
    for supervisor_id in turn.call(call_id).supervisors:
        if supervisor_id in turn.world:
            end_call(turn, supervisor_id, EndReason.HANGUP, by=EndedBy.PLATFORM)
    call = turn.call(call_id)
    for leg in call.live_legs:
        end_leg(turn, call_id, leg.id, reason, cause, say=False)
    turn.set(
        call_id,
        state=CallState.ENDED,
        timers=(),
        transfer=None,
        ended_at=turn.now,
        end_reason=reason,
        end_cause=cause,
        ended_by=by,
        sip_code=sip.code if sip else None,
        sip_headers=sip.headers if sip else (),
        consult_id=None,
        consulting=False,
    )
    data: dict[str, object] = {"reason": reason.value, "cause": cause, "ended_by": by.value if by else None}
    if sip is not None:
        data |= {"sip_code": sip.code, "sip_headers": dict(sip.headers)}
    turn.emit("call.ended", call_id, None, **data)
    if call.supervision is not None:
        over(turn, call_id)
    if call.consult_id and call.consult_id in turn.world:
        turn.set(call.consult_id, consulting=False)  # it goes on as an ordinary call
    if call.consulting and call.consult_of in turn.world:
        resume_first(turn, call.consult_of)


def resume_first(turn: Turn, first_id: str) -> None:
    """A consultation is over without a transfer: its first call carries on (docs/contract.md#consult)."""
    first = turn.call(first_id)
    if not first.live or first.consult_id is None:
        return
    consultation = turn.call(first.consult_id)
    turn.set(first_id, consult_id=None)
    consulter = consultation.role(Role.CALLER)
    for leg in first.legs:
        if consulter is not None and leg.same_party(consulter) and leg.answered and leg.held:
            turn.set_leg(first_id, leg.id, held=False)
            turn.emit("call.resumed", first_id, leg.id)


def is_scripted(turn: Turn, call_id: str) -> bool:
    call = turn.call(call_id)
    return call.program is not None or any(leg.answered and leg.app == "script" for leg in call.legs)


def leave(
    turn: Turn, call_id: str, leg_id: str, cause: str = Cause.NORMAL, by: EndedBy | None = None
) -> None:
    """An answered party leaves. It takes the call with it unless somebody else still has company."""
    call = turn.call(call_id)
    leg = turn.leg(call_id, leg_id)
    by = by or EndedBy(leg.role.value)
    transfer = call.transfer
    if transfer and transfer.by == leg_id:
        end_leg(turn, call_id, leg_id, EndReason.HANGUP, cause)
        return
    others = [
        other for other in call.legs if other.answered and other.id != leg_id and other.party is not Party.APP
    ]
    if goes_on_without(call, leg_id):
        end_leg(turn, call_id, leg_id, EndReason.HANGUP, cause)
        return
    waits = transfer is not None and transfer.waiting == leg_id
    if leg.role is Role.TARGET and others and is_scripted(turn, call_id) and not waits:
        end_leg(turn, call_id, leg_id, EndReason.HANGUP, cause)
        return
    end_call(turn, call_id, EndReason.HANGUP, cause, by)


def goes_on_without(call: Call, leg_id: str) -> bool:
    """Whether that leg is one of three in a conversation: two go on."""
    return call.transfer is None and len(call.company(leg_id)) > 1


def lose(
    turn: Turn,
    call_id: str,
    leg_id: str,
    cause: str,
    by: EndedBy = EndedBy.PLATFORM,
    sip: SipFailed | None = None,
) -> None:
    """An answered leg has failed: of three it leaves alone, else the call ends with it."""
    if goes_on_without(turn.call(call_id), leg_id):
        end_leg(turn, call_id, leg_id, EndReason.FAILED, cause)
    else:
        end_call(turn, call_id, EndReason.FAILED, cause, by, sip)


def hang_up(turn: Turn, call_id: str, command: Hangup) -> None:
    """The `hangup` verb at any moment of a leg's or call's life."""
    call = turn.call(call_id)
    if not call.live:
        return
    if command.leg_id is None:
        default = EndReason.HANGUP if call.state is CallState.ANSWERED else EndReason.CANCELLED
        reason = EndReason(command.reason) if command.reason else default
        end_call(turn, call_id, reason, command.cause, command.by or EndedBy.API)
        return
    leg = turn.leg(call_id, command.leg_id)
    if not leg.live:
        return
    if leg.answered:
        leave(turn, call_id, leg.id, command.cause, command.by)
    elif leg.role is Role.CALLER:
        end_call(turn, call_id, EndReason.CANCELLED, command.cause, command.by or EndedBy.CALLER)
    else:
        reason = EndReason(command.reason) if command.reason else EndReason.REJECTED
        fail_leg(turn, call_id, leg.id, reason, command.cause, command.by)


def fail_leg(
    turn: Turn,
    call_id: str,
    leg_id: str,
    reason: EndReason,
    cause: str = Cause.NORMAL,
    by: EndedBy | None = None,
    sip: SipFailed | None = None,
) -> None:
    """A callee or target that never answered is out: busy, rejected, timed out, unreachable."""
    call = turn.call(call_id)
    leg = turn.leg(call_id, leg_id)
    if not leg.live:
        return
    who = by or EndedBy(leg.role.value)
    transfer = call.transfer
    if transfer is None or leg_id not in transfer.targets:
        end_call(turn, call_id, reason, cause, who, sip)
        return
    end_leg(turn, call_id, leg_id, reason, cause)
    call = turn.call(call_id)
    if any(target.live for target in call.legs if target.id in transfer.targets):
        return
    turn.set(call_id, transfer=None)
    transferor = call.leg(transfer.by) if transfer.by else None
    stays = transfer.scripted or (
        not transfer.connect and (transfer.by is None or (transferor and transferor.live))
    )
    extra: dict[str, object] = {"sip_code": sip.code} if sip is not None else {}
    turn.emit(
        "call.transfer_failed",
        call_id,
        transfer.by or transfer.waiting,
        reason=reason.value,
        cause=cause,
        to=transfer.to,
        target_leg_id=leg_id,
        **extra,
    )
    if not stays:
        end_call(turn, call_id, reason, cause, who, sip)
