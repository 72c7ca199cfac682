"""How a leg rings and is answered: devices, SIP peers and the platform's own applications. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from calling.machine.ending import close_attempts, end_call, end_leg, fail_leg
from calling.machine.inputs import Answer, AnswerWithScript, DeviceRef, Refused, Reject
from calling.machine.reasons import Cause, EndedBy, EndReason, sip_reason
from calling.machine.states import (
    Attempt,
    AttemptState,
    Call,
    CallState,
    Leg,
    LegState,
    MediaState,
    Party,
    Role,
    TimerKind,
    Transfer,
)
from calling.machine.supervision import begun
from calling.machine.turn import Turn

# What is told of several devices that ended differently: what a person did, before what a network did.
TELLING = (
    EndReason.BUSY,
    EndReason.REJECTED,
    EndReason.NO_ANSWER,
    EndReason.CANCELLED,
    EndReason.FAILED,
)
AT_ONCE = frozenset({"echo", "announcement", "room", "share", "supervision"})
ANNOUNCED_SECONDS = 30  # the announcement lasts 12; who hears it is told its end by the worker that plays it


def ready_to_ring(turn: Turn, call_id: str) -> bool:
    """A callee rings only after a worker can carry the call and, if it offered, answered its caller."""
    call = turn.call(call_id)
    caller = call.role(Role.CALLER)
    return call.carried and (caller is None or not caller.serial or caller.answer is not None)


def ring_if_ready(turn: Turn, call_id: str) -> None:
    call = turn.call(call_id)
    callee = call.role(Role.CALLEE)
    waiting = call.state is CallState.CREATED and callee is not None and callee.state is LegState.CREATED
    started = any(timer.kind is TimerKind.RING for timer in call.timers)
    if waiting and not started and callee is not None and ready_to_ring(turn, call_id):
        turn.stop_timer(call_id, TimerKind.SETUP)
        ring(turn, call_id, callee.id, call.ring_seconds)


def ring(turn: Turn, call_id: str, leg_id: str, seconds: float) -> None:
    """Start reaching a callee or target."""
    leg = turn.leg(call_id, leg_id)
    if leg.refusal == "busy" or leg.app == "busy":
        fail_leg(turn, call_id, leg_id, EndReason.BUSY)
        return
    if leg.refusal == Cause.NO_DEVICE:
        fail_leg(turn, call_id, leg_id, EndReason.NO_ANSWER, leg.refusal, EndedBy.PLATFORM)
        return
    if leg.refusal:
        fail_leg(turn, call_id, leg_id, EndReason.FAILED, leg.refusal)
        return
    begin_ringing(turn, call_id, leg_id, seconds)
    if leg.party is Party.SIP:
        return  # it rings when the far end says so
    turn.set_leg(call_id, leg_id, state=LegState.RINGING, rang=leg.rang or bool(leg.attempts))
    say_ringing(turn, call_id, leg_id)
    if leg.app in AT_ONCE:
        answer_leg(turn, call_id, leg_id)
    elif leg.app == "tone":
        turn.start_timer(call_id, TimerKind.APP, 1, leg_id)


def begin_ringing(turn: Turn, call_id: str, leg_id: str, seconds: float | None = None) -> None:
    """The time to answer runs, once; setting up is over."""
    call = turn.call(call_id)
    if any(timer.kind is TimerKind.RING and timer.leg_id == leg_id for timer in call.timers):
        return
    turn.stop_timer(call_id, TimerKind.SETUP)
    turn.start_timer(call_id, TimerKind.RING, seconds or call.ring_seconds, leg_id)


def say_ringing(turn: Turn, call_id: str, leg_id: str) -> None:
    call = turn.call(call_id)
    if call.state is CallState.CREATED:
        turn.set(call_id, state=CallState.RINGING, ringing_at=turn.now)
        turn.emit("call.ringing", call_id, leg_id)


def join_ringing(turn: Turn, call_id: str, leg_id: str, device: DeviceRef) -> None:
    """A device came online while its subscriber is being rung: it rings too."""
    leg = turn.leg(call_id, leg_id)
    mine = [attempt for attempt in leg.attempts if attempt.device_id == device.id]
    if any(attempt.live or attempt.state is AttemptState.REJECTED for attempt in mine):
        return
    state = AttemptState.RINGING if device.kind == "phone" else AttemptState.PREPARING
    attempt = Attempt(device.attempt_id, device.id, device.kind, state)
    turn.set_leg(call_id, leg_id, attempts=(*leg.attempts, attempt), rang=True)


def answer(turn: Turn, call_id: str, command: Answer) -> None:
    """A device (or a back end over REST, `device_id` None) picks up."""
    leg = turn.leg(call_id, command.leg_id)
    attempt = next(
        (
            a
            for a in leg.attempts
            if command.device_id is not None and a.device_id == command.device_id and a.live
        ),
        None,
    )
    rings = leg.state is LegState.RINGING or (leg.party is Party.SIP and leg.state is LegState.CREATED)
    if not rings or leg.party is Party.APP:
        raise Refused(f"The leg is {leg.state.value}; only a ringing leg can be answered.", leg.state.value)
    if command.device_id is not None and attempt is None:
        raise Refused("This device is not being rung by that call.", leg.state.value)
    if attempt is not None and attempt.state is AttemptState.PREPARING:
        raise Refused("The platform's offer to this device is not ready.", leg.state.value)
    offered = attempt is not None and attempt.kind != "phone"
    if attempt is not None:
        turn.set_attempt(call_id, leg.id, attempt.id, state=AttemptState.ACCEPTED)
    descriptions: dict[str, Any] = {
        "peer_id": attempt.id if offered and attempt else command.peer_id,
        "offer": command.sdp,
        "answer": attempt.offer if offered and attempt else None,
        "offered": offered,
        "serial": 1,
    }
    if leg.early_media and not leg.offered:
        descriptions = {}  # an UPDATE has changed them meanwhile (RFC 6337 section 3.1.1)
    turn.set_leg(
        call_id,
        leg.id,
        device_id=command.device_id,
        **descriptions,
        media=command.media or leg.media,
        # Early media that is up already is not said to come up again.
        media_state=leg.media_state if leg.early_media else MediaState.CONNECTING,
    )
    answer_leg(turn, call_id, leg.id)


def answer_with_script(turn: Turn, call_id: str, command: AnswerWithScript) -> None:
    leg = turn.leg(call_id, command.leg_id)
    if leg.state is not LegState.RINGING:
        raise Refused(f"The leg is {leg.state.value}; only a ringing leg can be answered.", leg.state.value)
    others = (other for other in turn.call(call_id).live_legs if other.id != leg.id)
    if not any(other.party is not Party.APP for other in others):
        raise Refused("There is no party for a script to talk with.", leg.state.value)
    turn.set_leg(call_id, leg.id, party=Party.APP, app="script", app_ref=command.run_id)
    answer_leg(turn, call_id, leg.id)


def reject(turn: Turn, call_id: str, command: Reject) -> None:
    leg = turn.leg(call_id, command.leg_id)
    if leg.state is not LegState.RINGING and not (leg.party is Party.SIP and leg.state is LegState.CREATED):
        raise Refused(f"The leg is {leg.state.value}; only a ringing leg can be rejected.", leg.state.value)
    reason = EndReason.BUSY if command.reason == "busy" else EndReason.REJECTED
    if command.device_id is None:
        fail_leg(turn, call_id, leg.id, reason)
        return
    attempt = next((a for a in leg.attempts if a.device_id == command.device_id and a.live), None)
    if attempt is None:
        raise Refused("This device is not being rung by that call.", leg.state.value)
    turn.set_attempt(call_id, leg.id, attempt.id, state=AttemptState.REJECTED, reason=reason.value)
    fail_if_all_rejected(turn, call_id, leg.id)


def fail_if_all_rejected(turn: Turn, call_id: str, leg_id: str) -> None:
    """The leg ends with its last attempt if one said no or failed; who merely vanished may return."""
    leg = turn.leg(call_id, leg_id)
    ends = [
        end_of_attempt(attempt.reason or "")
        for attempt in leg.attempts
        if attempt.state is AttemptState.REJECTED
    ]
    if ends and not any(attempt.live for attempt in leg.attempts):
        reason, cause = min(ends, key=lambda end: (TELLING.index(end[0]), end[1]))
        fail_leg(turn, call_id, leg_id, reason, cause)


def end_of_attempt(word: str) -> tuple[EndReason, str]:
    """(reason, cause) that an attempt's own word gives its leg: busy, rejected, `sip_<code>`, or a cause."""
    if word in (EndReason.BUSY.value, EndReason.REJECTED.value):
        return EndReason(word), Cause.NORMAL
    code = word.removeprefix("sip_")
    return (sip_reason(int(code)) if code.isdecimal() else EndReason.FAILED), word


def answer_leg(turn: Turn, call_id: str, leg_id: str) -> None:
    """The leg is answered: the other devices stop ringing and the call, or the transfer, goes on."""
    leg = turn.leg(call_id, leg_id)
    turn.stop_timer(call_id, TimerKind.RING, leg_id)
    turn.stop_timer(call_id, TimerKind.APP, leg_id)
    turn.set_leg(
        call_id,
        leg_id,
        state=LegState.ANSWERED,
        attempts=close_attempts(leg, AttemptState.ANSWERED_ELSEWHERE),
    )
    await_media(turn, call_id, leg_id)
    if leg.app == "announcement":
        turn.start_timer(call_id, TimerKind.APP, ANNOUNCED_SECONDS, leg_id)
    call = turn.call(call_id)
    if call.transfer and leg_id in call.transfer.targets:
        script = waiting_script(call, call.transfer.waiting)
        if script is not None:
            answer_leg(turn, call_id, script.id)  # a script that connects before it answers
        complete(turn, call_id, leg_id, call.transfer)
    else:
        answer_call(turn, call_id, leg_id)
    say_connected(turn, call_id, leg_id)


def waiting_script(call: Call, waiting: str) -> Leg | None:
    """The script that rings for the caller `waiting` and has not answered it yet."""
    party = call.leg(waiting)
    if party is None or party.role is not Role.CALLER or party.answered:
        return None
    legs = call.live_legs
    return next((leg for leg in legs if leg.app == "script" and leg.state is LegState.RINGING), None)


def answer_call(turn: Turn, call_id: str, leg_id: str) -> None:
    say_ringing(turn, call_id, leg_id)  # no state is ever skipped
    call = turn.set(call_id, state=CallState.ANSWERED, answered_at=turn.now)
    caller = call.role(Role.CALLER)
    if caller is not None and caller.live:
        turn.set_leg(call_id, caller.id, state=LegState.ANSWERED)
        await_media(turn, call_id, caller.id)
    turn.stop_timer(call_id, TimerKind.SETUP)
    start_duration(turn, call_id, call.max_seconds)
    turn.emit("call.answered", call_id, leg_id)
    if call.supervision is not None:
        begun(turn, call_id)
    if caller is not None:
        say_connected(turn, call_id, caller.id)
    if call.connect:
        start_connecting(
            turn, call_id, leg_id, call.connect, call.connect[0].address, call.ring_seconds, connect=True
        )


def start_duration(turn: Turn, call_id: str, seconds: float) -> None:
    """The call may go on for so long; its parties are told some time before the end."""
    turn.start_timer(call_id, TimerKind.MAX_DURATION, seconds)
    turn.stop_timer(call_id, TimerKind.EXPIRING)
    if seconds > turn.limits.expiring:
        turn.start_timer(call_id, TimerKind.EXPIRING, seconds - turn.limits.expiring)


def await_media(turn: Turn, call_id: str, leg_id: str) -> None:
    """An answered leg has its time to connect. A SIP leg is connected once it is heard, and may be silent:
    the media worker notices one that says nothing at all (`CALLWRIGHT_SIP_SILENCE_SECONDS`)."""
    leg = turn.leg(call_id, leg_id)
    waits = leg.party is not Party.APP and leg.media_state is not MediaState.CONNECTED
    if waits and not (leg.kind == "sip" and leg.peer_id is not None):
        turn.start_timer(call_id, TimerKind.MEDIA, turn.limits.media, leg_id)


def say_connected(turn: Turn, call_id: str, leg_id: str) -> None:
    """Media that came up while ringing is said after the answer, so that order never surprises."""
    leg = turn.leg(call_id, leg_id)
    if leg.answered and leg.media_state is MediaState.CONNECTED:
        turn.stop_timer(call_id, TimerKind.MEDIA, leg_id)
        turn.emit("leg.connected", call_id, leg_id)


def start_connecting(
    turn: Turn,
    call_id: str,
    waiting: str,
    targets: tuple[Leg, ...],
    to: str,
    seconds: float,
    *,
    by: str | None = None,
    connect: bool = False,
    scripted: bool = False,
) -> None:
    """Add target legs to the call and ring them all; the first to answer is connected to `waiting`."""
    call = turn.call(call_id)
    targets = tuple(replace(target, role=Role.TARGET) for target in targets)
    transfer = Transfer(waiting, tuple(target.id for target in targets), to, by, connect, scripted)
    turn.set(call_id, legs=(*call.legs, *targets), transfer=transfer, connect=())
    if not connect:
        turn.emit("call.transfer_requested", call_id, by or waiting, to=to, waiting_leg_id=waiting)
    for target in targets:
        if turn.call(call_id).transfer == transfer and turn.leg(call_id, target.id).state is LegState.CREATED:
            ring(turn, call_id, target.id, seconds)


def complete(turn: Turn, call_id: str, target_id: str, transfer: Transfer) -> None:
    """A target answered: it talks with the waiting party, everybody else leaves."""
    turn.set(call_id, transfer=None)
    for leg in turn.call(call_id).legs:
        if leg.id in transfer.targets and leg.id != target_id:
            end_leg(turn, call_id, leg.id, EndReason.CANCELLED, Cause.ANSWERED_ELSEWHERE)
    if transfer.connect:
        turn.emit("call.answered", call_id, target_id)
        return
    turn.set(call_id, program=None)
    turn.emit(
        "call.transferred", call_id, transfer.by or transfer.waiting, to=transfer.to, target_leg_id=target_id
    )
    for leg in turn.call(call_id).legs:
        if leg.live and leg.id not in (target_id, transfer.waiting):
            end_leg(turn, call_id, leg.id, EndReason.TRANSFERRED)
    if not any(leg.live and leg.party is not Party.APP for leg in turn.call(call_id).legs):
        # An echo given to a tone: the platform does not talk with itself.
        end_call(turn, call_id, EndReason.TRANSFERRED, by=EndedBy.PLATFORM)


def fail_setup(turn: Turn, call_id: str) -> None:
    """No worker took the call, or none could answer the caller's offer, in time."""
    carried = turn.call(call_id).carried
    cause = Cause.MEDIA_FAILED if carried else Cause.NO_CAPACITY
    end_call(turn, call_id, EndReason.FAILED, cause, EndedBy.PLATFORM)
