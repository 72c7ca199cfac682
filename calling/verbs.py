"""The verbs of a call, once for REST and sockets: read the fields, find the leg, go through the door.

Every function takes the subject, the call's id, the fields as parsed JSON and, from a socket, the device
that speaks. It returns the id of the call that the answer should show. Raises `fields.Invalid` (422), the
machine's `Refused` (409) and the problems of `subscribers.http`; `answers` says how each is told.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings

from calling import candidates, control, dialling, fields, models, placing, store
from calling.dialling import DialRequest
from calling.fields import Form
from calling.machine import inputs
from calling.machine.inputs import Refused
from calling.machine.states import AttemptState, Call, Leg, LegState, Role
from calling.machine.transfer import consulter_in_first
from calling.models.ids import uuid7
from calling.scripts.parse import BadScript, check_document
from calling.sdp_media import media_of_sdp
from calling.webhooks import guard
from subscribers import addressing
from subscribers.http import problems
from tokens.subjects import ApiKey, Subject, TokenHolder

TOKEN_MAY_NOT_SEND = ("script", "script_url", "connect", "status_url", "status_events")


class NotThisDevice(Refused):
    """The leg is the subscriber's, but another of its devices carries it."""


# --- dial -----------------------------------------------------------------------------------------


def read_url(form: Form, name: str) -> str | None:
    """A URL that Callwright may be asked to fetch: judged by its text now, by its address when fetched."""
    value = form.value(name)
    if value is None:
        return None
    try:
        return guard.parse_url(value, allow_private=settings.CALLWRIGHT_ALLOW_PRIVATE_URLS).url
    except guard.UnsafeUrl as error:
        form.wrong(name, f"{name}: {error}", "url_is_unsafe")
        return None


def read_script(form: Form) -> dict[str, Any] | None:
    """A SWML document that would run: checked whole, before any call is made."""
    script = form.script()
    if script is None:
        return None
    try:
        check_document(script)
    except BadScript as error:
        form.wrong("script", f"script: {error}", "invalid_script")
        return None
    return script


def read_party(form: Form, name: str) -> str | None:
    """An E.164, SIP or address string that names a party without being dialled."""
    value = form.text(name, addressing.MAX_DESTINATION)
    if value is None:
        return None
    try:
        return addressing.parse_destination(value).text
    except addressing.MalformedDestination as error:
        form.wrong(name, f"{name}: {error}")
        return None


def read_dial(subject: Subject, data: Any, *, key: str = "to", device_id: str | None = None) -> DialRequest:
    """The fields of `POST /api/calls` and `call.create`. Raises Invalid; Forbidden for a token's excess."""
    form = Form(data)
    if isinstance(subject, TokenHolder):
        refuse_extras(form)
    to = form.text(key, addressing.MAX_DESTINATION, required=True)
    script, script_url = read_script(form), read_url(form, "script_url")
    connect = form.text("connect", addressing.MAX_DESTINATION)
    if isinstance(subject, ApiKey):
        given = [name for name in ("script", "script_url", "connect") if form.has(name)]
        if len(given) != 1:
            code = "invalid_parameter" if given else "missing_required_parameter"
            form.wrong(
                given[1] if given else "script", "Send exactly one of script, script_url, connect.", code
            )
        if form.has("sdp"):
            form.wrong("sdp", "A call dialled by an API key has no caller leg that an sdp could be for.")
    request = DialRequest(
        to=to or "",
        from_=read_party(form, "from") if isinstance(subject, ApiKey) else None,
        sdp=form.sdp(required=True) if isinstance(subject, TokenHolder) else None,
        media=form.media(),
        script=script,
        script_url=script_url,
        fallback_url=read_url(form, "fallback_url") if isinstance(subject, ApiKey) else None,
        connect=connect,
        caller_id=read_party(form, "caller_id"),
        timeout=form.integer("timeout", 1, 600),
        max_duration=form.integer("max_duration", 1, 86400),
        sip_headers=form.headers(),
        status_url=read_url(form, "status_url") or "",
        status_events=form.status_events(),
        metadata=form.metadata(),
        device_id=device_id,
    )
    form.check()
    return request


def refuse_extras(form: Form) -> None:
    for name in TOKEN_MAY_NOT_SEND:
        if form.has(name):
            raise problems.Forbidden("not_permitted", f"A token may not send {name}.", name)


def dial(
    subject: Subject,
    data: Any,
    *,
    key: str = "to",
    device_id: str | None = None,
    claim: UUID | None = None,
) -> UUID:
    """`claim`: the id the call is to have, the same when a request is tried again."""
    request = read_dial(subject, data, key=key, device_id=device_id)
    return placing.dial(subject, replace(request, claim=claim)).id


# --- whose leg ------------------------------------------------------------------------------------


def own_leg(subject: TokenHolder, call_id: str, form: Form, device_id: str | None) -> tuple[Call, Leg]:
    """The token's own leg; from a socket, the one that its device carries or is rung by."""
    row, leg = store.locate(subject, call_id)
    assert leg is not None  # `locate` raises NotFound for a token without a leg
    call = store.snapshot(row.id)
    if device_id is not None:
        leg = next((each for each in call.legs if touches(each, device_id)), leg)
        if leg.live and leg.device_id not in (None, device_id):
            raise NotThisDevice("Another device of this subscriber carries the call.", leg.state.value)
    name = form.text("leg", 45)
    form.check()
    if name is not None and name not in (leg.id, leg.role.value):
        # Whoever calls its own address has two legs and may name either.
        mine = (each for each in reversed(call.legs) if owns(subject, each))
        named = next((each for each in mine if name in (each.id, each.role.value)), None)
        if named is None:
            raise problems.Forbidden("not_permitted", "A token acts for its own leg.", "leg")
        leg = named
    return call, leg


def owns(subject: TokenHolder, leg: Leg) -> bool:
    if subject.subscriber_id is None:
        return leg.subscriber_id is None and leg.address == subject.address
    return leg.subscriber_id == str(subject.subscriber_id)


def touches(leg: Leg, device_id: str) -> bool:
    return leg.live and (
        leg.device_id == device_id or any(a.device_id == device_id and a.live for a in leg.attempts)
    )


def which_leg(
    subject: Subject, call_id: str, form: Form, device_id: str | None = None, *, acting: bool = True
) -> tuple[str, Leg]:
    """(call id, leg) that a verb is about: a token's own, or the one that an API key names."""
    if isinstance(subject, TokenHolder):
        call, leg = own_leg(subject, call_id, form, device_id)
        return call.id, leg
    name = form.text("leg", 45)
    form.check()
    row, _ = store.locate(subject, call_id)
    call = store.snapshot(row.id)
    found = call.leg(store.pick_leg(call, name, acting=acting))
    assert found is not None
    return call.id, found


# --- ringing --------------------------------------------------------------------------------------


def answer(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    """`{sdp, media?}` from a device, `{script}` or `{script_url}` from a back end."""
    form = Form(data)
    if isinstance(subject, TokenHolder):
        refuse_extras(form)
    given = [name for name in ("sdp", "script", "script_url") if form.has(name)]
    sdp = form.sdp(required=isinstance(subject, TokenHolder))
    script, script_url, media = read_script(form), read_url(form, "script_url"), form.media()
    if isinstance(subject, ApiKey) and len(given) != 1:
        code = "invalid_parameter" if given else "missing_required_parameter"
        form.wrong(given[1] if given else "script", "Send exactly one of script, script_url, sdp.", code)
    form.check()
    found, leg = which_leg(subject, call_id, form, device_id)
    if sdp is None:
        placing.answer_with_script(subject, found, leg.id, script, script_url)
    else:
        agreed = dialling.media_for(media, None, sdp)
        control.apply(found, inputs.Answer(leg.id, device_id, sdp, agreed, str(uuid7())))
    return found


def reject(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    """`{"reason": "rejected" | "busy"}`; from a socket only that device's attempt."""
    form = Form(data)
    reason = form.choice("reason", ("rejected", "busy"), "rejected")
    form.check()
    found, leg = which_leg(subject, call_id, form, device_id)
    control.apply(found, inputs.Reject(leg.id, device_id, reason or "rejected"))
    return found


def hangup(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    """A leg leaves; from an API key without a leg the call ends. A no-op once it is over."""
    form = Form(data)
    if isinstance(subject, ApiKey) and not form.has("leg"):
        row, _ = store.locate(subject, call_id)
        control.apply(row.id, inputs.Hangup())
        return str(row.id)
    try:
        found, leg = which_leg(subject, call_id, form, device_id)
    except NotThisDevice:
        return call_id  # this device's part in it is over already
    if device_id is not None and leg.state is LegState.RINGING and leg.device_id is None:
        if any(a.device_id == device_id and a.state in RUNG for a in leg.attempts):
            control.apply(found, inputs.Reject(leg.id, device_id))
        return found
    control.apply(found, inputs.Hangup(leg.id))
    return found


RUNG = (AttemptState.RINGING, AttemptState.PREPARING)


# --- talking --------------------------------------------------------------------------------------


def hold(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    found, leg = which_leg(subject, call_id, Form(data), device_id)
    control.apply(found, inputs.Hold(leg.id))
    return found


def resume(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    found, leg = which_leg(subject, call_id, Form(data), device_id)
    control.apply(found, inputs.Resume(leg.id))
    return found


def mute(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    form = Form(data)
    channels = form.channels()
    form.check()
    found, leg = which_leg(subject, call_id, form, device_id)
    control.apply(found, inputs.Mute(leg.id, channels))
    return found


def unmute(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    form = Form(data)
    channels = form.channels()
    form.check()
    found, leg = which_leg(subject, call_id, form, device_id)
    control.apply(found, inputs.Unmute(leg.id, channels))
    return found


def dtmf(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    form = Form(data)
    digits = form.digits()
    form.check()
    found, leg = which_leg(subject, call_id, form, device_id)
    control.apply(found, inputs.SendDigits(leg.id, digits or ""))
    return found


def update(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    """A fresh offer of the same leg: new tracks, or an ICE restart."""
    form = Form(data)
    sdp = form.sdp(required=True)
    form.check()
    found, leg = which_leg(subject, call_id, form, device_id)
    control.apply(found, inputs.Reoffer(leg.id, sdp or "", media_of_sdp(sdp or "")))
    return found


def candidate(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    """One trickled candidate of the device's leg."""
    form = Form(data)
    found_candidate = fields.candidate(form)
    found, leg = which_leg(subject, call_id, form, device_id)
    candidates.trickle(found, leg, found_candidate)
    return found


def candidates_done(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    found, leg = which_leg(subject, call_id, Form(data), device_id)
    candidates.trickle(found, leg, None)
    return found


# --- giving the other party to somebody -----------------------------------------------------------


def transfer(
    subject: Subject, call_id: str, data: Any, device_id: str | None = None, *, key: str = "to"
) -> str:
    """`{to}`: blind transfer."""
    form = Form(data)
    to = form.text(key, addressing.MAX_DESTINATION, required=True)
    form.check()
    found, leg = which_leg(subject, call_id, form, device_id)
    placing.transfer(subject, found, leg.id, to or "")
    return found


def consult(
    subject: Subject,
    call_id: str,
    data: Any,
    device_id: str | None = None,
    *,
    key: str = "to",
    claim: UUID | None = None,
) -> str:
    """`{to, sdp?, media?}`: the second call of an attended transfer; its id is returned."""
    form = Form(data)
    to = form.text(key, addressing.MAX_DESTINATION, required=True)
    request = DialRequest(
        to=to or "",
        sdp=form.sdp(),
        media=form.media(),
        timeout=form.integer("timeout", 1, 600),
        device_id=device_id,
        claim=claim,
    )
    form.check()
    found, leg = which_leg(subject, call_id, form, device_id)
    return str(placing.consult(subject, found, leg.id, request).id)


def implied_leg(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> tuple[str, str]:
    """(call, leg) for a verb that only the consulting party can mean: an API key need not name it."""
    form = Form(data)
    if isinstance(subject, ApiKey) and not form.has("leg"):
        row, _ = store.locate(subject, call_id)
        call = store.snapshot(row.id)
        return call.id, (consulting_leg(call) or (call.live_legs or call.legs)[0]).id
    found, leg = which_leg(subject, call_id, form, device_id)
    return found, leg.id


def consulting_leg(call: Call) -> Leg | None:
    """The leg of whoever consults, in the first call or in the consultation; None where nobody does."""
    if call.consulting:
        return call.role(Role.CALLER)
    if call.consult_id is None:
        return None
    return consulter_in_first(call, store.snapshot(call.consult_id))


def complete_transfer(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    found, leg_id = implied_leg(subject, call_id, data, device_id)
    control.apply(found, inputs.CompleteTransfer(leg_id))
    return found


def cancel_transfer(subject: Subject, call_id: str, data: Any, device_id: str | None = None) -> str:
    found, leg_id = implied_leg(subject, call_id, data, device_id)
    control.apply(found, inputs.CancelTransfer(leg_id))
    return found


def calls_of_device(device_id: str) -> list[models.Call]:
    """The live calls that a device carries or is being rung by, oldest first."""
    carried = models.Leg.objects.filter(device_id=device_id).exclude(state="ended").values("call_id")
    rung = models.Attempt.objects.filter(device_id=device_id, state__in=("preparing", "ringing")).values(
        "leg__call_id"
    )
    live = models.Call.objects.exclude(state="ended")
    return list((live.filter(pk__in=carried) | live.filter(pk__in=rung)).order_by("created_at", "id"))
