"""A worker was lost and another carries on: what every leg needs before it is heard again. Pure.

Nothing that the lost worker had answered is worth anything now. Devices that offer are asked for a fresh
offer, SIP peers are given one, devices that ring with an offer of the lost worker are rung anew. A leg
that cannot do its part in time leaves as if its media had failed, with the cause `worker_lost`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from calling.machine.ending import end_leg, fail_leg, lose
from calling.machine.inputs import PeerMissing, Reanswered, WorkerMoved
from calling.machine.reasons import Cause, EndedBy, EndReason
from calling.machine.ringing import await_media
from calling.machine.states import Attempt, AttemptState, Leg, MediaState, Party, Role, TimerKind
from calling.machine.turn import Turn


def worker_moved(turn: Turn, call_id: str, signal: WorkerMoved) -> None:
    """Ask for every leg's media afresh; `carried` is false until the new worker says so."""
    turn.set(call_id, carried=False)
    spare = list(signal.spare)
    for leg in turn.call(call_id).live_legs:
        if not turn.call(call_id).live:
            return
        if not turn.leg(call_id, leg.id).live:
            continue
        if leg.answered or leg.role is Role.CALLER:
            move_media(turn, call_id, leg)
        else:
            ring_anew(turn, call_id, leg, spare)


def peer_missing(turn: Turn, call_id: str, signal: PeerMissing) -> None:
    """Ask for that leg's media afresh, once: a leg that came from a call of another worker."""
    for leg in turn.call(call_id).live_legs:
        if leg.peer_id == signal.peer_id and leg.serial == signal.serial:
            move_media(turn, call_id, leg)
            return


def move_media(turn: Turn, call_id: str, leg: Leg) -> None:
    """An answered leg, or the caller's at any time."""
    if leg.party is Party.APP or leg.peer_id is None:
        return
    changes: dict[str, Any] = {"offer": None, "answer": None, "offered": leg.kind == "sip"}
    waiting = leg.offer is not None and leg.answer is None and not leg.offered
    if waiting or (leg.kind == "sip" and not leg.answered):
        changes = {"answer": None}  # an offer, or an INVITE, is still open: the new worker answers it
    elif leg.kind != "sip" and leg.device_id is None:
        fail_moved_leg(turn, call_id, leg.id)  # dialled over REST: no device makes an offer
        return
    if not waiting and not shared_with_first(turn, call_id, leg):
        changes["serial"] = leg.serial + 1
    turn.set_leg(call_id, leg.id, **changes, media_state=MediaState.NEW, early_media=False)
    turn.stop_timer(call_id, TimerKind.MEDIA, leg.id)
    turn.start_timer(call_id, TimerKind.REOFFER, turn.limits.reoffer, leg.id)


def shared_with_first(turn: Turn, call_id: str, leg: Leg) -> bool:
    """A consultation on its first call's media: the device is asked once, in the first call."""
    call = turn.call(call_id)
    if not call.consulting or call.consult_of not in turn.world:
        return False
    return any(other.peer_id == leg.peer_id for other in turn.call(call.consult_of).live_legs)


def ring_anew(turn: Turn, call_id: str, leg: Leg, spare: list[str]) -> None:
    """Devices that were given an offer of the lost worker get another; the others just go on ringing."""
    attempts: list[Attempt] = []
    fresh: list[Attempt] = []
    for attempt in leg.attempts:
        if attempt.live and attempt.offer is not None:
            if spare:
                again = Attempt(spare.pop(0), attempt.device_id, attempt.kind, AttemptState.PREPARING)
                fresh.append(again)
            attempt = replace(attempt, state=AttemptState.CANCELLED if fresh else AttemptState.GONE)
        attempts.append(attempt)
    if tuple(attempts) == leg.attempts:
        return
    changes: dict[str, Any] = {"attempts": (*attempts, *fresh)}
    if leg.early_media:
        changes |= {"early_media": False, "peer_id": None, "offer": None, "answer": None, "offered": False}
    turn.set_leg(call_id, leg.id, **changes, media_state=MediaState.NEW)
    if leg.party is Party.SIP and not fresh:
        fail_leg(turn, call_id, leg.id, EndReason.FAILED, Cause.WORKER_LOST, EndedBy.PLATFORM)


def media_described(turn: Turn, call_id: str, leg_id: str) -> None:
    """Both descriptions of a leg are known again: it has the usual time to connect."""
    leg = turn.leg(call_id, leg_id)
    waiting = any(t.kind is TimerKind.REOFFER and t.leg_id == leg_id for t in turn.call(call_id).timers)
    if not waiting:
        return
    turn.stop_timer(call_id, TimerKind.REOFFER, leg_id)
    if leg.answered:
        await_media(turn, call_id, leg_id)


def reanswered(turn: Turn, call_id: str, signal: Reanswered) -> None:
    leg = turn.call(call_id).leg(signal.leg_id)
    if leg is None or not leg.live or not leg.offered or leg.offer is not None or leg.answer is None:
        return
    state = leg.media_state if leg.media_state is MediaState.CONNECTED else MediaState.CONNECTING
    turn.set_leg(call_id, leg.id, offer=signal.sdp, serial=leg.serial + 1, media_state=state)
    media_described(turn, call_id, leg.id)


def fail_moved_leg(turn: Turn, call_id: str, leg_id: str) -> None:
    """The leg's media is gone for good; a transferor only leaves, anybody else ends the call."""
    transfer = turn.call(call_id).transfer
    if transfer is not None and transfer.by == leg_id:
        end_leg(turn, call_id, leg_id, EndReason.FAILED, Cause.WORKER_LOST)
    else:
        lose(turn, call_id, leg_id, Cause.WORKER_LOST)
