"""What happened elsewhere: workers, devices, SIP peers, clocks. Late signals are no-ops. Pure."""

from __future__ import annotations

from calling.machine import inputs
from calling.machine.ending import end_call, end_leg, fail_leg, hang_up, is_scripted, lose
from calling.machine.failover import fail_moved_leg, media_described
from calling.machine.inputs import Hangup
from calling.machine.reasons import Cause, EndedBy, EndReason, sip_reason
from calling.machine.ringing import (
    answer_leg,
    begin_ringing,
    fail_if_all_rejected,
    fail_setup,
    join_ringing,
    ring_if_ready,
    say_connected,
    say_ringing,
    start_duration,
)
from calling.machine.states import (
    AttemptState,
    CallState,
    Leg,
    LegState,
    MediaState,
    Party,
    Role,
    Timer,
    TimerKind,
)
from calling.machine.turn import Turn


def opened(turn: Turn, call_id: str, signal: inputs.Open) -> None:
    call = turn.call(call_id)
    if call.timers:
        return
    turn.start_timer(call_id, TimerKind.SETUP, turn.limits.setup)
    turn.emit("call.created", call_id)
    ring_if_ready(turn, call_id)


def session_taken(turn: Turn, call_id: str, signal: inputs.SessionTaken) -> None:
    if not turn.call(call_id).carried:
        turn.set(call_id, carried=True)
        ring_if_ready(turn, call_id)


def answer_made(turn: Turn, call_id: str, signal: inputs.AnswerMade) -> None:
    leg = turn.call(call_id).leg(signal.leg_id)
    if leg is None or not leg.live or leg.serial != signal.serial or leg.answer is not None:
        return
    state = MediaState.CONNECTING if leg.media_state is MediaState.NEW else leg.media_state
    turn.set_leg(call_id, leg.id, answer=signal.sdp, media_state=state)
    media_described(turn, call_id, leg.id)
    ring_if_ready(turn, call_id)


def offer_made(turn: Turn, call_id: str, signal: inputs.OfferMade) -> None:
    for leg in turn.call(call_id).live_legs:
        for attempt in leg.attempts:
            if attempt.id == signal.attempt_id and attempt.state is AttemptState.PREPARING:
                turn.set_attempt(call_id, leg.id, attempt.id, state=AttemptState.RINGING, offer=signal.sdp)
        if leg.peer_id == signal.attempt_id and leg.offered and leg.offer is None and leg.answer is None:
            turn.set_leg(call_id, leg.id, answer=signal.sdp)  # for a re-INVITE, or the 2xx to one
            ring_if_ready(turn, call_id)


def offer_refused(turn: Turn, call_id: str, signal: inputs.OfferRefused) -> None:
    leg = turn.call(call_id).leg(signal.leg_id)
    if leg is None or not leg.live or (leg.serial, leg.offer) != (signal.serial, signal.refused):
        return
    changes = {"offer": signal.offer, "answer": signal.answer, "offered": signal.offered}
    turn.set_leg(call_id, leg.id, **changes, media=signal.media)


def legs_of_peer(turn: Turn, call_id: str, peer_id: str) -> list[Leg]:
    return [leg for leg in turn.call(call_id).live_legs if leg.peer_id == peer_id]


def media_connected(turn: Turn, call_id: str, signal: inputs.MediaConnected) -> None:
    for leg in legs_of_peer(turn, call_id, signal.peer_id):
        if leg.media_state is not MediaState.CONNECTED:
            turn.set_leg(call_id, leg.id, media_state=MediaState.CONNECTED)
            say_connected(turn, call_id, leg.id)


def attempt_failed(turn: Turn, call_id: str, signal: inputs.AttemptFailed) -> None:
    for leg in turn.call(call_id).live_legs:
        for attempt in leg.attempts:
            if attempt.id == signal.attempt_id and attempt.live:
                turn.set_attempt(
                    call_id, leg.id, attempt.id, state=AttemptState.REJECTED, reason=signal.cause
                )
                fail_if_all_rejected(turn, call_id, leg.id)
                return


def media_failed(turn: Turn, call_id: str, signal: inputs.MediaFailed) -> None:
    for leg in turn.call(call_id).live_legs:
        for attempt in leg.attempts:
            if attempt.id == signal.peer_id and attempt.live:
                if signal.cause != Cause.UNREACHABLE:
                    attempt_failed(turn, call_id, inputs.AttemptFailed(attempt.id, signal.cause))
                    return
                turn.set_attempt(call_id, leg.id, attempt.id, state=AttemptState.GONE)
                fail_if_all_rejected(turn, call_id, leg.id)
                return
    for leg in legs_of_peer(turn, call_id, signal.peer_id):
        turn.set_leg(call_id, leg.id, media_state=MediaState.FAILED)
        transfer = turn.call(call_id).transfer
        if transfer and leg.id == transfer.by:
            end_leg(turn, call_id, leg.id, EndReason.FAILED, signal.cause)
        elif turn.call(call_id).live:
            lose(turn, call_id, leg.id, signal.cause)


def media_lost(turn: Turn, call_id: str, signal: inputs.MediaLost) -> None:
    for leg in legs_of_peer(turn, call_id, signal.peer_id):
        silent = leg.kind == "sip" and leg.answered  # was never heard, and so is not connected
        if leg.media_state is MediaState.CONNECTED or silent:
            turn.emit("leg.media_lost", call_id, leg.id, kind=signal.kind, reason=signal.reason)


def digit_received(turn: Turn, call_id: str, signal: inputs.DigitReceived) -> None:
    for leg in legs_of_peer(turn, call_id, signal.peer_id):
        if leg.answered and not leg.held:
            turn.emit(
                "call.dtmf",
                call_id,
                leg.id,
                digit=signal.digit,
                duration_ms=signal.duration_ms,
                source="media",
            )


def app_answered(turn: Turn, call_id: str, signal: inputs.AppAnswered) -> None:
    leg = turn.call(call_id).leg(signal.leg_id)
    if leg is not None and leg.party is Party.APP and leg.state is LegState.RINGING:
        answer_leg(turn, call_id, leg.id)


def script_run_ended(turn: Turn, call_id: str, signal: inputs.ScriptRunEnded) -> None:
    """A script that is over hangs up, unless a transfer has taken its party away meanwhile."""
    call = turn.call(call_id)
    app = next((leg for leg in call.live_legs if leg.app == "script" and leg.app_ref == signal.run_id), None)
    if app is None and call.program != signal.run_id:
        return
    turn.set(call_id, program=None)
    cause = Cause.SCRIPT_ERROR if signal.error else Cause.NORMAL
    if app is not None and not app.answered:
        fail_leg(turn, call_id, app.id, EndReason.FAILED if signal.error else EndReason.REJECTED, cause)
        return
    waiting = turn.call(call_id).transfer
    if waiting is not None and not waiting.scripted and (app is None or app.id != waiting.waiting):
        return
    reason = EndReason.FAILED if signal.error else EndReason.HANGUP
    end_call(turn, call_id, reason, cause, EndedBy.PLATFORM)


def duration_limited(turn: Turn, call_id: str, signal: inputs.DurationLimited) -> None:
    call = turn.call(call_id)
    if call.answered_at is None or signal.seconds >= call.max_seconds:
        return
    turn.set(call_id, max_seconds=signal.seconds)
    left = signal.seconds - (turn.now - call.answered_at).total_seconds()
    start_duration(turn, call_id, left)


def device_online(turn: Turn, call_id: str, signal: inputs.DeviceOnline) -> None:
    for leg in turn.call(call_id).live_legs:
        if leg.device_id == signal.device.id:
            turn.stop_timer(call_id, TimerKind.GRACE, leg.id)
        elif (
            leg.state is LegState.RINGING
            and leg.party is Party.DEVICE
            and leg.subscriber_id == signal.subscriber_id
        ):
            join_ringing(turn, call_id, leg.id, signal.device)


def device_offline(turn: Turn, call_id: str, signal: inputs.DeviceOffline) -> None:
    for leg in turn.call(call_id).live_legs:
        for attempt in leg.attempts:
            if attempt.device_id == signal.device_id and attempt.live:
                turn.set_attempt(call_id, leg.id, attempt.id, state=AttemptState.GONE)
                fail_if_all_rejected(turn, call_id, leg.id)
    for leg in turn.call(call_id).live_legs:
        # A desk phone's call does not hang on its registration: its dialog says when it is over.
        if leg.device_id == signal.device_id and leg.kind != "sip":
            if signal.final:
                hang_up(turn, call_id, Hangup(leg.id, cause=Cause.DEVICE_LOST))
            else:
                seconds = turn.limits.gone if signal.gone else turn.limits.grace
                turn.start_timer(call_id, TimerKind.GRACE, seconds, leg.id)


def sip_progress(turn: Turn, call_id: str, signal: inputs.SipProgress) -> None:
    leg = turn.call(call_id).leg(signal.leg_id)
    if leg is None or leg.party is not Party.SIP or leg.state not in (LegState.CREATED, LegState.RINGING):
        return
    if leg.state is LegState.CREATED:
        if leg.role is Role.CALLEE and turn.call(call_id).state is CallState.CREATED:
            begin_ringing(turn, call_id, leg.id)  # its INVITE was faster than the answer to its caller
        turn.set_leg(call_id, leg.id, state=LegState.RINGING, rang=True)
        say_ringing(turn, call_id, leg.id)
    if signal.sdp is not None and leg.attempts:
        attempt = leg.attempts[-1]
        turn.set_leg(
            call_id,
            leg.id,
            early_media=True,
            peer_id=attempt.id,
            offer=signal.sdp,
            answer=attempt.offer,
            offered=True,
            serial=leg.serial + 1,
        )


def sip_failed(turn: Turn, call_id: str, signal: inputs.SipFailed) -> None:
    leg = turn.call(call_id).leg(signal.leg_id)
    if leg is None or not leg.live or leg.party is not Party.SIP:
        return
    reason, cause = sip_reason(signal.code), f"sip_{signal.code}"
    if leg.answered:
        lose(turn, call_id, leg.id, cause, EndedBy(leg.role.value), signal)
    else:
        fail_leg(turn, call_id, leg.id, reason, cause, sip=signal)


def worker_lost(turn: Turn, call_id: str, signal: inputs.WorkerLost) -> None:
    end_call(turn, call_id, EndReason.FAILED, signal.cause, EndedBy.PLATFORM)


def deadline_passed(turn: Turn, call_id: str, signal: inputs.DeadlinePassed) -> None:
    """Handle every timer that is due, in order, until the call ends or none is."""
    while turn.call(call_id).live:
        due = [timer for timer in turn.call(call_id).timers if timer.at <= turn.now]
        if not due:
            return
        timer = min(due, key=lambda each: each.at)
        turn.stop_timer(call_id, timer.kind, timer.leg_id)
        expire(turn, call_id, timer)


def expire(turn: Turn, call_id: str, timer: Timer) -> None:
    call = turn.call(call_id)
    leg = call.leg(timer.leg_id) if timer.leg_id else None
    match timer.kind:
        case TimerKind.SETUP:
            fail_setup(turn, call_id)
        case TimerKind.MAX_DURATION:
            end_call(turn, call_id, EndReason.HANGUP, Cause.MAX_DURATION, EndedBy.PLATFORM)
        case TimerKind.EXPIRING:
            turn.emit("call.expiring", call_id, None, seconds_left=turn.limits.expiring)
        case TimerKind.RING if leg is not None:
            nobody = leg.party is Party.DEVICE and not leg.rang
            cause = Cause.NO_DEVICE if nobody else Cause.NORMAL
            fail_leg(turn, call_id, leg.id, EndReason.NO_ANSWER, cause, EndedBy.PLATFORM)
        case TimerKind.APP if leg is not None and leg.state is LegState.RINGING:
            answer_leg(turn, call_id, leg.id)
        case TimerKind.APP if leg is not None and leg.answered:  # an announcement that nobody hears
            hang_up(turn, call_id, Hangup(leg.id, by=EndedBy.PLATFORM))
        case TimerKind.GRACE if leg is not None:
            hang_up(turn, call_id, Hangup(leg.id, cause=Cause.DEVICE_LOST))
        case TimerKind.REOFFER if leg is not None:
            fail_moved_leg(turn, call_id, leg.id)
        case TimerKind.MEDIA if leg is not None and leg.media_state is not MediaState.CONNECTED:
            media_failed(turn, call_id, inputs.MediaFailed(leg.peer_id or ""))
            if leg.peer_id is None and turn.call(call_id).live and not is_scripted(turn, call_id):
                end_call(turn, call_id, EndReason.FAILED, Cause.MEDIA_FAILED, EndedBy.PLATFORM)
        case _:
            pass
