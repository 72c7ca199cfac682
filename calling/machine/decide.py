"""THE TABLE: which input is handled by which rule. Pure; the only entry into the machine.

`decide(world, input, now, limits)` returns the new world, the events to publish in order and the
effects a worker must perform. A command that is not legal raises `Refused` and nothing has moved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from calling.machine import ending, failover, inputs, ringing, signals, supervision, talking, transfer
from calling.machine.events import Effect, Event
from calling.machine.inputs import Input, Limits, Refused
from calling.machine.states import LegState, World
from calling.machine.turn import Turn

Rule = Callable[[Turn, str, Any], None]

COMMANDS: dict[type, Rule] = {
    inputs.Answer: ringing.answer,
    inputs.AnswerWithScript: ringing.answer_with_script,
    inputs.Reject: ringing.reject,
    inputs.Hangup: ending.hang_up,
    inputs.Hold: talking.hold,
    inputs.Resume: talking.resume,
    inputs.Mute: talking.mute,
    inputs.Unmute: talking.unmute,
    inputs.SendDigits: talking.send_digits,
    inputs.UserEvent: talking.user_event,
    inputs.Configure: talking.configure,
    inputs.Reoffer: talking.reoffer,
    inputs.AskOffer: talking.ask_offer,
    inputs.StartTransfer: transfer.start,
    inputs.Connect: transfer.connect,
    inputs.RunScript: transfer.run_script,
    inputs.StartConsult: transfer.consult,
    inputs.CompleteTransfer: transfer.complete_consult,
    inputs.Join: transfer.join,
    inputs.Merge: transfer.merge,
    inputs.CancelTransfer: transfer.cancel_consult,
    inputs.Supervise: supervision.supervise,
    inputs.SetSupervision: supervision.set_supervision,
}

SIGNALS: dict[type, Rule] = {
    inputs.Open: signals.opened,
    inputs.SessionTaken: signals.session_taken,
    inputs.AnswerMade: signals.answer_made,
    inputs.OfferRefused: signals.offer_refused,
    inputs.OfferMade: signals.offer_made,
    inputs.AttemptFailed: signals.attempt_failed,
    inputs.MediaConnected: signals.media_connected,
    inputs.MediaFailed: signals.media_failed,
    inputs.MediaLost: signals.media_lost,
    inputs.DigitReceived: signals.digit_received,
    inputs.AppAnswered: signals.app_answered,
    inputs.ScriptRunEnded: signals.script_run_ended,
    inputs.DurationLimited: signals.duration_limited,
    inputs.DeviceOnline: signals.device_online,
    inputs.DeviceOffline: signals.device_offline,
    inputs.SipProgress: signals.sip_progress,
    inputs.SipFailed: signals.sip_failed,
    inputs.WorkerLost: signals.worker_lost,
    inputs.WorkerMoved: failover.worker_moved,
    inputs.PeerMissing: failover.peer_missing,
    inputs.Reanswered: failover.reanswered,
    inputs.DeadlinePassed: signals.deadline_passed,
}


@dataclass(frozen=True)
class Decision:
    world: World
    events: tuple[Event, ...]
    effects: tuple[Effect, ...]


def decide(world: World, call_id: str, input: Input, now: datetime, limits: Limits | None = None) -> Decision:
    """Apply one input to the call `call_id` of `world` (which may hold a linked consultation too).

    Raises Refused for a command that is not legal now, KeyError for a leg that is not the call's.
    A hangup of an ended call is a no-op; a signal that comes late is a no-op.
    """
    turn = Turn(world, now, limits or Limits())
    kind = type(input)
    if kind in SIGNALS:
        if turn.call(call_id).live:
            SIGNALS[kind](turn, call_id, input)
    else:
        call = turn.call(call_id)
        # A supervisor names a leg of another call.
        leg_id = getattr(input, "leg_id", None) if kind is not inputs.SetSupervision else None
        leg = turn.leg(call_id, leg_id) if leg_id is not None else None
        if kind is not inputs.Hangup:
            if not call.live:
                raise Refused("The call has ended.", "ended")
            if leg is not None and leg.state is LegState.ENDED:
                raise Refused("The leg has ended.", "ended")
        COMMANDS[kind](turn, call_id, input)
    return Decision(turn.world, tuple(turn.events), tuple(turn.effects))
