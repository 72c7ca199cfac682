"""Placing a new call: read the fields, check the scope, resolve, build the legs, open the call.

Rows and events are written in one transaction through the door (`calling.calls.control`). Nothing here
talks to a worker: a session is started by its row and a nudge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError

import clock
from calling import models
from calling.calls import control
from calling.calls.status_urls import keep_status_url
from calling.commands import call_limits, operations, routing, speech_params, suspension
from calling.commands.params import (
    MAX_CALLER_NAME,
    Params,
    as_form,
    read_metadata,
    read_party,
    read_script,
    read_url,
)
from calling.commands.routing import DialRequest
from calling.machine.reasons import Cause
from calling.machine.states import Call, Leg, Media, Party, Role
from calling.media_sessions import placement
from calling.media_sessions.placement import require_redis, start_session
from calling.models.ids import uuid7
from calling.telephony import policy
from calling.telephony.rates import MICROS
from rest import errors
from rest.json_bodies import Json
from subscribers import addressing
from subscribers.addressing import Target
from subscribers.models import Script
from tokens import rate_limits
from tokens.claims import claims_of, grant_of
from tokens.subjects import ApiKey, Subject, TokenHolder

WATCHING = Media(receive_video=True)  # whom a script plays to: it may have pictures, and needs no camera


def dial(
    subject: Subject,
    data: Json,
    *,
    key: str = "to",
    device_id: str | None = None,
    claim: UUID | None = None,
) -> models.Call:
    """Read the fields of a dial and place the call; `key` names the field of the destination.

    `claim`: the id that the call is to have, the same when a request is tried again. Raises InvalidParams
    and what `place` raises.
    """
    request = read_dial(subject, data, key=key, device_id=device_id)
    return place(subject, replace(request, claim=claim))


def place(subject: Subject, request: DialRequest) -> models.Call:
    """Place a call. Returns its row as created; raises 402 403 404 422 429 503, and then no call is made."""
    made = already_made(subject, request.claim)
    if made is not None:
        return made
    take_dial_rate(subject)
    target = routing.resolve(subject, request.to)
    require_price(subject, target, request.max_price)
    outside = request.connect is not None or target.kind in ("pstn", "sip")
    asked = routing.caller_number(subject, request, target) if outside else None
    joined = routing.resolve(subject, request.connect, "connect") if request.connect else None
    shown = routing.caller_number(subject, request, joined) if joined else asked
    require_redis()

    def work() -> models.Call:
        number = asked if outside else routing.caller_number(subject, request, target)
        run = attached_script_run(subject, request)
        callee = leg_to(subject, target, Role.CALLEE, number)
        if request.detection is not None and callee.party is Party.APP:
            words = "machine_detection needs a destination where a person or a machine can answer."
            raise errors.Unprocessable("invalid_parameter", words, "machine_detection")
        if request.sip is not None:
            callee = request.sip.on(callee)
        channel = routing.parse(request.to).channel
        caller: tuple[Leg, ...] = ()
        if isinstance(subject, TokenHolder):
            caller = (routing.caller_leg(subject, request, channel),)
            callee = replace(callee, media=caller[0].media.counterpart())
            if request.device_kind == "sip" and callee.party is Party.DEVICE and not callee.attempts:
                # A SIP caller is told at once: its own network knows what to do with a 480.
                callee = replace(callee, refusal=callee.refusal or Cause.NO_DEVICE)
        elif callee.party.value == "device":
            wished = WATCHING if run is not None and channel is None else None
            callee = replace(callee, media=routing.media_for(request.media or wished, channel, None))
        connect = (leg_to(subject, joined, Role.TARGET, shown, callee.media),) if joined else ()
        call = Call(
            id=str(request.claim or uuid7()),
            legs=(*caller, callee),
            ring_seconds=request.timeout or settings.CALLWRIGHT_RING_SECONDS,
            max_seconds=request.max_duration or settings.CALLWRIGHT_MAX_CALL_SECONDS,
            program=str(run.id) if run else None,
            connect=connect,
        )
        row = new_row(subject, request, target, call.id, number)
        row.caller_leg = caller[0].id if caller else None
        room = str(target.resource_id) if target.kind == "room" else None
        phones = {request.device_id} if request.webrtc and request.device_id else set()
        phones |= {each.device_id for each in callee.attempts if each.kind == "sip"}
        beside = placement.session_beside(subject.project_id, phones) if room is None else None
        row.session = beside or placement.session_for(subject.project_id, room)
        call_limits.admit(subject, call)
        keep_status_url(row)
        plain = request.detection is None and run is None and callee.app != "script"
        control.open_call(row, call, last=plain)
        if request.detection is not None:
            operations.expect(row, callee.id, "detect", request.detection)
        adopt_runs(call.id, [run.id if run else None, callee.app_ref if callee.app == "script" else None])
        if row.session.state == "wanted":
            start_session(row.session)
        return row

    return once(subject, request.claim, work)


def require_price(subject: Subject, target: Target, most: float | None) -> None:
    """Raises 403 for a destination whose rate is above what the dial allows."""
    if most is None or target.kind not in ("pstn", "sip") or target.test:
        return
    _, rate = policy.price(subject.project_id, target)
    if rate is not None and rate.per_minute > most * MICROS:
        raise errors.Forbidden("price_too_high", "A minute to this destination costs more than is allowed.")


def already_made(subject: Subject, claim: UUID | None) -> models.Call | None:
    """The call of a request whose process died between committing the call and answering."""
    if claim is None:
        return None
    return models.Call.objects.filter(pk=claim, project_id=subject.project_id).first()


def once(subject: Subject, claim: UUID | None, work: Callable[[], models.Call]) -> models.Call:
    """Do it, or find the call that a slower attempt of the same request has made."""
    try:
        return suspension.dialling_phones(subject.project_id, work)
    except IntegrityError:
        made = already_made(subject, claim)
        if made is None:
            raise
        return made


def take_dial_rate(subject: Subject) -> None:
    rate = settings.CALLWRIGHT_DIALS_PER_SECOND
    wait = rate_limits.take_told(f"dial:{subject.project_id}", rate, rate * 2)
    if wait is not None:
        raise errors.TooManyRequests(wait)


def new_row(
    subject: Subject, request: DialRequest, target: Target, call_id: str, number: str | None
) -> models.Call:
    origin = subject.address if isinstance(subject, TokenHolder) else request.from_ or ""
    return models.Call(
        id=call_id,
        project_id=subject.project_id,
        kind=target.kind,
        from_address=origin,
        from_name=routing.name_of_caller(subject, request),
        to_address=target.address,
        caller_id=number or "",
        created_at=clock.now(),
        out_headers=dict(request.sip_headers),
        metadata=request.metadata,
        diverted_from=request.diverted_from,
        status_url=request.status_url,
        status_events=list(request.status_events),
        api_dialled=isinstance(subject, ApiKey),
    )


def leg_to(
    subject: Subject, target: Target, role: Role, number: str | None, other: Media | None = None
) -> Leg:
    """The leg of a destination; `other` is the media of the party that it is to talk with."""
    run = script_run(subject, target) if target.kind == "script" and not target.test else None
    leg = routing.target_leg(subject, target, role, number, str(run.id) if run else None)
    return leg if other is None else replace(leg, media=other.counterpart())


def script_run(subject: Subject, target: Target) -> models.ScriptRun:
    """A run of a script resource; its call is filled in when the call exists."""
    script = Script.objects.get(pk=str(target.resource_id))
    owner = "project" if isinstance(subject, ApiKey) else f"token:{subject.jti}"
    # The caller's own scope, for a destination that the script takes from the caller's words.
    caller = {"caller": scope_of(subject)} if isinstance(subject, TokenHolder) else {}
    return models.ScriptRun.objects.create(
        project_id=subject.project_id, document=script.document(), owner=owner, progress=caller, call=None
    )


def scope_of(holder: TokenHolder) -> dict[str, Any]:
    """The claims of a holder, from which `tokens.claims.holder_of` makes it again."""
    claims = claims_of(grant_of(holder), holder.jti, holder.family or holder.jti)
    return {**claims, "exp": int(holder.expires_at.timestamp())}


def attached_script_run(subject: Subject, request: DialRequest) -> models.ScriptRun | None:
    if request.script is None and not request.script_url:
        return None
    return models.ScriptRun.objects.create(
        project_id=subject.project_id,
        document=request.script,
        url=request.script_url or "",
        fallback_url=request.fallback_url or "",
        progress={"envs": request.variables} if request.variables else {},
    )


def adopt_runs(call_id: str, run_ids: Sequence[UUID | str | None]) -> None:
    models.ScriptRun.objects.filter(pk__in=[run for run in run_ids if run], call=None).update(call_id=call_id)


TOKEN_MAY_NOT_SEND = ("script", "script_url", "connect", "status_url", "status_events")


def read_dial(subject: Subject, data: Json, *, key: str = "to", device_id: str | None = None) -> DialRequest:
    """The fields of `POST /api/calls` and `call.create`. Raises InvalidParams; Forbidden for a token's
    excess."""
    form = as_form(data)
    if isinstance(subject, TokenHolder):
        refuse_extras(form)
    to = form.text(key, addressing.MAX_DESTINATION, required=True)
    script, script_url = read_script(form), read_url(form, "script_url")
    connect = form.text("connect", addressing.MAX_DESTINATION)
    if isinstance(subject, ApiKey):
        given = [name for name in ("script", "script_url", "connect") if form.given(name)]
        if len(given) != 1:
            code = "invalid_parameter" if given else "missing_required_parameter"
            form.fail(
                given[1] if given else "script", "Send exactly one of script, script_url, connect.", code
            )
        if form.given("sdp"):
            form.fail("sdp", "A call dialled by an API key has no caller leg, so sdp is not accepted.")
    else:
        form.know("from", "fallback_url")  # a device calls from its own address
    needs(form, "status_events", "status_url")
    if isinstance(subject, ApiKey):
        needs(form, "fallback_url", "script_url")
    detection = speech_params.machine_detection(form) if form.given("machine_detection") else None
    if detection is not None and isinstance(subject, TokenHolder):
        words = "A token may not send machine_detection."
        raise errors.Forbidden("not_permitted", words, "machine_detection")
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
        caller_name=form.text("caller_name", MAX_CALLER_NAME) or "",
        metadata=read_metadata(form),
        device_id=device_id,
        detection=detection,
    )
    form.check()
    return request


def needs(form: Params, name: str, other: str) -> None:
    """Note a fault if a field was sent without the field that gives it its effect."""
    if form.given(name) and not form.given(other):
        form.fail(name, f"{name} has no effect without {other}: send both.")


def refuse_extras(form: Params) -> None:
    for name in TOKEN_MAY_NOT_SEND:
        if form.given(name):
            raise errors.Forbidden("not_permitted", f"A token may not send {name}.", name)
