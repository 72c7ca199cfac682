"""Commands of an answered leg: hold, mute, digits, a new SDP offer. Pure.

Each is routing in the plan, never renegotiation.
"""

from __future__ import annotations

from calling.machine.events import Digits
from calling.machine.inputs import (
    AskOffer,
    Configure,
    Hold,
    Mute,
    Refused,
    Reoffer,
    Resume,
    SendDigits,
    Unmute,
    UserEvent,
)
from calling.machine.states import Leg, MediaState, Role
from calling.machine.turn import Turn


def require_answered(leg: Leg) -> None:
    if not leg.answered:
        raise Refused(f"The leg is {leg.state.value}; it must be answered.", leg.state.value)


def hold(turn: Turn, call_id: str, command: Hold) -> None:
    leg = turn.leg(call_id, command.leg_id)
    require_answered(leg)
    if not leg.held:
        turn.set_leg(call_id, leg.id, held=True)
        turn.emit("call.held", call_id, leg.id)


def resume(turn: Turn, call_id: str, command: Resume) -> None:
    leg = turn.leg(call_id, command.leg_id)
    require_answered(leg)
    if leg.held:
        turn.set_leg(call_id, leg.id, held=False)
        turn.emit("call.resumed", call_id, leg.id)


def mute(turn: Turn, call_id: str, command: Mute) -> None:
    leg = turn.leg(call_id, command.leg_id)
    require_answered(leg)
    new = command.channels - leg.muted
    if new:
        turn.set_leg(call_id, leg.id, muted=leg.muted | new)
        turn.emit("call.muted", call_id, leg.id, channels=sorted(new))


def unmute(turn: Turn, call_id: str, command: Unmute) -> None:
    leg = turn.leg(call_id, command.leg_id)
    require_answered(leg)
    gone = command.channels & leg.muted
    if gone:
        turn.set_leg(call_id, leg.id, muted=leg.muted - gone)
        turn.emit("call.unmuted", call_id, leg.id, channels=sorted(gone))


def configure(turn: Turn, call_id: str, command: Configure) -> None:
    """No event of the call: participants are told by who shows them, and the plan follows."""
    leg = turn.leg(call_id, command.leg_id)
    require_answered(leg)
    turn.set_leg(call_id, leg.id, settings=command.settings)


def send_digits(turn: Turn, call_id: str, command: SendDigits) -> None:
    leg = turn.leg(call_id, command.leg_id)
    require_answered(leg)
    turn.effects.append(Digits(call_id, leg.id, command.digits))
    for digit in command.digits:
        if digit not in "wW,":
            turn.emit("call.dtmf", call_id, leg.id, digit=digit.upper(), source="command")


def user_event(turn: Turn, call_id: str, command: UserEvent) -> None:
    turn.emit("call.user_event", call_id, command.leg_id, event=command.event)


def reoffer(turn: Turn, call_id: str, command: Reoffer) -> None:
    """A fresh offer replaces the last one; the worker answers it under the next serial.

    A transferor's media may serve two linked calls: both its legs get the offer.
    """
    leg = turn.leg(call_id, command.leg_id)
    if not leg.answered and leg.role is not Role.CALLER and not leg.early_media:
        require_answered(leg)
    if leg.peer_id is None:
        raise Refused("The leg has no media to update.", leg.state.value)
    shared = [(call.id, each) for call in turn.world.values() for each in call.live_legs]
    shared = [(home, each) for home, each in shared if each.peer_id == leg.peer_id]
    serial = 1 + max(each.serial for _, each in shared)
    for home, each in shared:
        turn.set_leg(
            home,
            each.id,
            offer=command.sdp,
            answer=None,
            offered=False,
            serial=serial,
            media=command.media or each.media,
            media_state=MediaState.CONNECTING if each.media_state is MediaState.NEW else each.media_state,
        )


def ask_offer(turn: Turn, call_id: str, command: AskOffer) -> None:
    """The far end's answer comes as `Reanswered`; until then sound goes on as it was agreed."""
    leg = turn.leg(call_id, command.leg_id)
    require_answered(leg)
    if leg.peer_id is None or leg.kind != "sip":
        raise Refused("The leg has no media for an offer.", leg.state.value)
    turn.set_leg(call_id, leg.id, offer=None, answer=None, offered=True, serial=leg.serial + 1)
