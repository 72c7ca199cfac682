"""The commands of a call, shared by REST and sockets: read the fields, find the leg, use the door.

Every function takes the subject, the call's id, the fields as parsed JSON and, from a socket, the device
that speaks. It returns the id of the call that the answer should show. Raises `params.InvalidParams` (422),
the machine's `Refused` (409) and the problems of `rest`; `answers` says how each is told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from calling import models
from calling.calls import control, queries, store
from calling.commands import (
    ice_candidates,
    leg_selection,
    operations,
    routing,
    supervision,
    transfers,
)
from calling.commands.dial import adopt_runs, attached_script_run, needs, refuse_extras
from calling.commands.leg_selection import NotThisDevice, implied_leg, select_leg
from calling.commands.params import Params, as_form, read_script, read_url
from calling.commands.routing import DialRequest
from calling.machine import inputs
from calling.machine.inputs import Input
from calling.machine.states import AttemptState, Call, Leg, LegState
from calling.models.ids import uuid7
from calling.sdp.peek import media_of_sdp
from rest.json_bodies import Json
from subscribers import addressing
from tokens.subjects import ApiKey, Subject, TokenHolder

# --- ringing --------------------------------------------------------------------------------------


def answer(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    """`{sdp, media?}` from a device, `{script}` or `{script_url}` from a back end."""
    form = as_form(data)
    if isinstance(subject, TokenHolder):
        refuse_extras(form)
    given = [name for name in ("sdp", "script", "script_url") if form.given(name)]
    sdp = form.sdp(required=isinstance(subject, TokenHolder))
    script, script_url, media = read_script(form), read_url(form, "script_url"), form.media()
    if isinstance(subject, ApiKey) and len(given) != 1:
        code = "invalid_parameter" if given else "missing_required_parameter"
        form.fail(given[1] if given else "script", "Send exactly one of script, script_url, sdp.", code)
    needs(form, "media", "sdp")
    if sdp is None:
        found, leg = select_leg(subject, call_id, form, device_id)
        answer_with_script(subject, found, leg.id, script, script_url)
        return found
    agreed, peer_id = routing.media_for(media, None, sdp), str(uuid7())
    return act(
        subject, call_id, form, device_id, lambda leg: inputs.Answer(leg.id, device_id, sdp, agreed, peer_id)
    )


def act(
    subject: Subject, call_id: str, form: Params, device_id: str | None, what: Callable[[Leg], Input | None]
) -> str:
    """Do something with the leg that is meant; None: nothing is to be done. A token's own is found and
    changed in one transaction, where it is in the call that was named."""
    if isinstance(subject, TokenHolder):
        name = form.text("leg", 45)
        form.check()

        def find(call: Call, row: models.Call) -> Sequence[Input]:
            value = what(leg_selection.live_leg_in(subject, row, call, name, device_id))
            return () if value is None else (value,)

        with contextlib.suppress(leg_selection.Elsewhere):
            return control.apply_found(call_id, find).call.id
        moved_to, leg = leg_selection.own_leg(subject, call_id, name, device_id)
        found = moved_to.id
    else:
        found, leg = select_leg(subject, call_id, form, device_id)
    if (value := what(leg)) is not None:
        control.apply(found, value)
    return found


def reject(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    """`{"reason": "rejected" | "busy"}`; from a socket only that device's attempt."""
    form = as_form(data)
    reason = form.choice("reason", ("rejected", "busy"), "rejected")
    return act(
        subject, call_id, form, device_id, lambda leg: inputs.Reject(leg.id, device_id, reason or "rejected")
    )


def hangup(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    """End a leg; an API key without a leg ends the call. Does nothing on an ended call."""
    form = as_form(data)
    if isinstance(subject, ApiKey) and not form.given("leg"):
        form.check()
        row, _ = leg_selection.locate(subject, call_id)
        control.apply(row.id, inputs.Hangup())
        return str(row.id)
    if isinstance(subject, ApiKey) and supervision.is_supervisor(subject, call_id, form.value("leg")):
        form.check()
        return supervision.end(subject, call_id, str(form.value("leg")))

    def leave(leg: Leg) -> Input | None:
        if device_id is not None and leg.state is LegState.RINGING and leg.device_id is None:
            rings = any(a.device_id == device_id and a.state in RUNG for a in leg.attempts)
            return inputs.Reject(leg.id, device_id) if rings else None
        return inputs.Hangup(leg.id)

    try:
        return act(subject, call_id, form, device_id, leave)
    except NotThisDevice:
        return call_id  # this device's part in it is over already


RUNG = (AttemptState.RINGING, AttemptState.PREPARING)


# --- talking --------------------------------------------------------------------------------------


def hold(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    return act(subject, call_id, as_form(data), device_id, lambda leg: inputs.Hold(leg.id))


def resume(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    return act(subject, call_id, as_form(data), device_id, lambda leg: inputs.Resume(leg.id))


def mute(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    form = as_form(data)
    channels = form.channels()
    return act(subject, call_id, form, device_id, lambda leg: inputs.Mute(leg.id, channels))


def unmute(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    form = as_form(data)
    channels = form.channels()
    return act(subject, call_id, form, device_id, lambda leg: inputs.Unmute(leg.id, channels))


def dtmf(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    form = as_form(data)
    digits = form.digits()
    found, leg = select_leg(subject, call_id, form, device_id)
    call = queries.snapshot(found)
    other = call.counterpart(leg.id) if leg.answered else None
    if other is not None and not operations.takes_keys(call, leg.id):
        operations.require_way_for_digits(other)
    control.apply(found, inputs.SendDigits(leg.id, digits or ""))
    return found


def update(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    """A new offer of the same leg: new tracks, or an ICE restart."""
    form = as_form(data)
    sdp = form.sdp(required=True)

    def offer(leg: Leg) -> Input:
        return inputs.Reoffer(leg.id, sdp or "", media_of_sdp(sdp or ""))

    return act(subject, call_id, form, device_id, offer)


def candidate(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    """One trickled candidate of the device's leg."""
    form = as_form(data)
    return trickled(subject, call_id, form, device_id, ice_candidates.read(form))


def candidates_done(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    return trickled(subject, call_id, as_form(data), device_id, {})


def trickled(
    subject: Subject,
    call_id: str,
    form: Params,
    device_id: str | None,
    candidate: dict[str, Json],
) -> str:
    try:
        found, leg = select_leg(subject, call_id, form, device_id)
    except NotThisDevice:
        return call_id  # it was on its way when another device answered
    ice_candidates.trickle(found, leg, candidate)
    return found


# --- giving the other party to somebody -----------------------------------------------------------


def transfer(
    subject: Subject, call_id: str, data: Json, device_id: str | None = None, *, key: str = "to"
) -> str:
    """`{to}`: blind transfer."""
    form = as_form(data)
    to = form.text(key, addressing.MAX_DESTINATION, required=True)
    found, leg = select_leg(subject, call_id, form, device_id)
    transfers.transfer(subject, found, leg.id, to or "")
    return found


def consult(
    subject: Subject,
    call_id: str,
    data: Json,
    device_id: str | None = None,
    *,
    key: str = "to",
    claim: UUID | None = None,
) -> str:
    """`{to, sdp?, media?}`: the second call of an attended transfer; its id is returned."""
    form = as_form(data)
    to = form.text(key, addressing.MAX_DESTINATION, required=True)
    request = DialRequest(
        to=to or "",
        sdp=form.sdp(),
        media=form.media(),
        timeout=form.integer("timeout", 1, 600),
        device_id=device_id,
        claim=claim,
    )
    found, leg = select_leg(subject, call_id, form, device_id)
    return str(transfers.consult(subject, found, leg.id, request).id)


def complete_transfer(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    found, leg_id = implied_leg(subject, call_id, data, device_id)
    control.apply(found, inputs.CompleteTransfer(leg_id))
    return found


def cancel_transfer(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> str:
    found, leg_id = implied_leg(subject, call_id, data, device_id)
    control.apply(found, inputs.CancelTransfer(leg_id))
    return found


def answer_with_script(
    subject: Subject,
    call_id: UUID | str,
    leg_id: str,
    script: dict[str, Any] | None,
    script_url: str | None = None,
) -> control.Outcome:
    """Answer a ringing call with a back end's script."""

    def work() -> control.Outcome:
        run = models.ScriptRun.objects.create(
            project_id=subject.project_id, call_id=call_id, document=script, url=script_url or ""
        )
        world, rows = store.lock_world(call_id)
        command = inputs.AnswerWithScript(leg_id, str(run.id))
        return control.commit_turn(world, rows, str(UUID(str(call_id))), command)

    return control.in_transaction(work)


def run_script(subject: Subject, call_id: UUID | str, leg_id: str, request: DialRequest) -> control.Outcome:
    """Run another script for an answered party (`script`, or `script_url` with its `fallback_url`)."""

    def work() -> control.Outcome:
        world, rows = store.lock_world(call_id)
        row = rows[str(UUID(str(call_id)))]
        models.ScriptRun.objects.filter(call_id=row.id).exclude(state="ended").update(state="ended")
        run = attached_script_run(subject, request)
        assert run is not None  # the edge has seen to it that there is a script
        adopt_runs(str(row.id), [run.id])
        return control.commit_turn(world, rows, str(row.id), inputs.RunScript(leg_id, str(run.id)))

    return control.in_transaction(work)
