"""Two calls of one device become a conversation of three, and the hand that a member of a room raises.

Whoever could transfer one of the two other parties to the other may merge them: the same scope decides.
"""

from __future__ import annotations

from dataclasses import replace

from calling import models
from calling.calls import control, room_sessions, store
from calling.commands import leg_selection
from calling.commands.params import as_form
from calling.commands.transfers import carry_together
from calling.machine import inputs
from calling.machine.states import Call, Leg
from rest import errors
from rest.json_bodies import Json
from subscribers import addressing, directory
from tokens import scope
from tokens.subjects import Subject, TokenHolder


def merge(holder: TokenHolder, call_id: str, data: Json, device_id: str | None = None) -> str:
    """`{other_call_id}`: its other party comes into this call. The id of the call that goes on."""
    form = as_form(data)
    other_id = form.text("other_call_id", 45, required=True)
    form.check()
    first, own = leg_selection.own_leg(holder, call_id, None, device_id)
    if not own.live:
        raise inputs.Refused("The call has ended.", "ended")
    second, spare = leg_selection.own_leg(holder, other_id or "", None, device_id)

    def work() -> control.Outcome:
        world: dict[str, Call] = {}
        rows: dict[str, models.Call] = {}
        for each in sorted({first.id, second.id}):
            more = store.lock_world(each)
            world |= more[0]
            rows |= more[1]
        here, there = world[first.id].counterpart(own.id), world[second.id].counterpart(spare.id)
        if here is not None and there is not None:
            require_scope(holder, here, there)
            carry_together(rows[first.id], rows[second.id], here, there)
        return control.commit_turn(world, rows, first.id, inputs.Merge(own.id, second.id, spare.id))

    control.in_transaction(work)
    return first.id


def require_scope(subject: Subject, here: Leg, there: Leg) -> None:
    """403 where neither party could be transferred to the other."""
    if not (may_dial(subject, here.address) or may_dial(subject, there.address)):
        raise errors.Forbidden(
            "address_not_allowed", "This token may not connect these two parties.", "other_call_id"
        )


def may_dial(subject: Subject, address: str) -> bool:
    try:
        destination = addressing.parse_destination(address)
    except addressing.MalformedDestination:
        return False
    target = directory.resolve(subject.project_id, destination)
    return target is not None and scope.refusal(subject, destination, target) is None


def is_seen(call: Call, leg: Leg) -> bool:
    """Whether anybody is shown this leg's settings: in a room, in a conversation of three, and between two by
    a client of SignalWire."""
    if not leg.answered:
        return False
    company = call.company(leg.id)
    in_room = room_sessions.room_leg(call, leg) is not None
    return in_room or len(company) > 1 or any(each.kind == "fabric" for each in company)


def raise_hand(holder: TokenHolder, call_id: str, data: Json, device_id: str | None = None) -> str:
    """`{raised?}`: the others in the room or the conversation of three see the hand. 409 outside of both."""
    form = as_form(data)
    raised = form.boolean("raised")
    form.check()
    call, own = leg_selection.own_leg(holder, call_id, None, device_id)

    def work() -> control.Outcome:
        world, rows = store.lock_world(call.id)
        leg = world[call.id].leg(own.id) or own
        if not is_seen(world[call.id], leg):
            state = leg.state.value
            words = (
                f"A hand is seen in a room or a conversation of three only; this leg is {state} in neither."
            )
            raise inputs.Refused(words, state)
        wanted = replace(leg.settings, hand_raised=raised is not False)
        return control.commit_turn(world, rows, call.id, inputs.Configure(leg.id, wanted))

    control.in_transaction(work)
    room_sessions.wake_room(own.id)
    return call.id
