"""Commands that name a destination: dial, transfer, consult, connect; and those that bring a script.

Each asks the scope, resolves, builds the legs and goes through the door (`calling.control`) in one
transaction. Nothing here talks to a worker: a session is started by its row and a nudge.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from calling import control, dialling, joining, models, nudge, placement, store, suspension
from calling.dialling import DialRequest
from calling.joining import Joining
from calling.machine import inputs
from calling.machine.states import Call, Leg, LegState, Media, MediaState, Role
from calling.models.ids import uuid7
from subscribers.addressing import Target
from subscribers.http import problems
from subscribers.models import Script
from tokens import limits
from tokens.claims import claims_of, grant_of
from tokens.subjects import ApiKey, Subject, TokenHolder

log = logging.getLogger(__name__)
SESSION_TASK = "calling.tasks.run_session"
WATCHING = Media(receive_video=True)  # whom a script plays to: it may have pictures, and needs no camera


def dial(subject: Subject, request: DialRequest) -> models.Call:
    """Place a call. Returns its row as created; raises 402 403 404 422 429 503, and then no call is made."""
    made = already_made(subject, request.claim)
    if made is not None:
        return made
    take_dial_rate(subject)
    target = dialling.find(subject, request.to)
    number = dialling.caller_number(subject, request, target)
    joined = dialling.find(subject, request.connect, "connect") if request.connect else None
    shown = dialling.caller_number(subject, request, joined) if joined else number
    require_redis()

    def work() -> models.Call:
        run = program_run(subject, request)
        callee = leg_to(subject, target, Role.CALLEE, number)
        channel = dialling.parse(request.to).channel
        caller: tuple[Leg, ...] = ()
        if isinstance(subject, TokenHolder):
            caller = (dialling.caller_leg(subject, request, channel),)
            callee = replace(callee, media=dialling.facing(caller[0].media))
        elif callee.party.value == "device":
            wished = WATCHING if run is not None and channel is None else None
            callee = replace(callee, media=dialling.media_for(request.media or wished, channel, None))
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
        room = str(target.resource_id) if target.kind == "room" else None
        row.session = placement.session_for(subject.project_id, room)
        keep_status_url(row)
        control.open_call(row, call)
        adopt_runs(call.id, [run.id if run else None, callee.app_ref if callee.app == "script" else None])
        if row.session.state == "wanted":
            start_session(row.session)
        return row

    return once(subject, request.claim, work)


def already_made(subject: Subject, claim: UUID | None) -> models.Call | None:
    """The call of a request whose process died between committing the call and answering."""
    if claim is None:
        return None
    return models.Call.objects.filter(pk=claim, project_id=subject.project_id).first()


def once(subject: Subject, claim: UUID | None, work: Callable[[], models.Call]) -> models.Call:
    """Do it, or find that a slower try of the same request has done it meanwhile."""
    try:
        return suspension.dialling_phones(subject.project_id, work)
    except IntegrityError:
        made = already_made(subject, claim)
        if made is None:
            raise
        return made


def take_dial_rate(subject: Subject) -> None:
    rate = settings.CALLWRIGHT_DIALS_PER_SECOND
    wait = limits.take(f"dial:{subject.project_id}", rate, rate * 2)
    if wait is not None:
        raise problems.TooManyRequests(wait)


def require_redis() -> None:
    """A new dial needs Redis to start its media session: 503 before anything is written (DESIGN rule 7)."""
    if not nudge.available():
        raise problems.Unavailable("Calls cannot be started at the moment; try again.", retry_after=2)


def new_row(
    subject: Subject, request: DialRequest, target: Target, call_id: str, number: str | None
) -> models.Call:
    if isinstance(subject, TokenHolder):
        origin, name = subject.address, subject.display_name
    else:
        origin, name = request.from_ or "", ""
    return models.Call(
        id=call_id,
        project_id=subject.project_id,
        kind=target.kind,
        from_address=origin,
        from_name=name,
        to_address=target.address,
        caller_id=number or "",
        created_at=timezone.now(),
        out_headers=dict(request.sip_headers),
        metadata=request.metadata,
        status_url=request.status_url,
        status_events=list(request.status_events),
        api_dialled=isinstance(subject, ApiKey),
        dialled_by="key" if isinstance(subject, ApiKey) else f"token:{subject.jti}",
    )


def keep_status_url(row: models.Call) -> None:
    """A call's status_url is a webhook endpoint of its own, signed with the project's signing key."""
    if row.status_url:
        models.WebhookEndpoint.objects.create(
            project_id=row.project_id, url=row.status_url, call_id=row.id, status_events=row.status_events
        )


def leg_to(
    subject: Subject, target: Target, role: Role, number: str | None, other: Media | None = None
) -> Leg:
    """The leg of a destination; `other` is the media of the party that it is to talk with."""
    run = script_run(subject, target) if target.kind == "script" and not target.test else None
    leg = dialling.target_leg(subject, target, role, number, str(run.id) if run else None)
    return leg if other is None else replace(leg, media=dialling.facing(other))


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
    return {**claims_of(grant_of(holder), holder.jti, holder.jti), "exp": int(holder.expires_at.timestamp())}


def program_run(subject: Subject, request: DialRequest) -> models.ScriptRun | None:
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


def start_session(session: models.MediaSession) -> None:
    """Ask the workers to take a session, once it is committed; the sweep asks again if nobody did."""
    session_id, epoch = str(session.id), session.epoch

    def send() -> None:
        try:
            current_app.send_task(
                SESSION_TASK, args=[session_id, epoch], queue="media", expires=10, retry=False
            )
            models.MediaSession.objects.filter(pk=session_id).update(dispatched_at=timezone.now())
        except Exception as error:  # the broker client raises many kinds; the sweep is the guarantee
            log.warning(
                "A media session could not be dispatched", extra={"session": session_id, "error": str(error)}
            )

    transaction.on_commit(send)


def transfer(subject: Subject, call_id: UUID | str, leg_id: str, to: str) -> control.Outcome:
    """Blind transfer of the other party of `leg_id` (contract 5)."""
    target = dialling.find(subject, to)

    def work() -> control.Outcome:
        world, rows = store.lock_world(call_id)
        row = rows[str(UUID(str(call_id)))]
        given = world[str(row.id)].counterpart(leg_id)
        number = dialling.number_for(subject, row, target)
        leg = leg_to(subject, target, Role.TARGET, number, given.media if given else None)
        outcome = control.commit_turn(
            world, rows, str(row.id), inputs.StartTransfer(leg_id, (leg,), target.address)
        )
        adopt_runs(str(row.id), [leg.app_ref if leg.app == "script" else None])
        return outcome

    return suspension.dialling_phones(subject.project_id, work)


def joined_leg(subject: Subject, row: models.Call, target: Target, wish: Joining, other: Media | None) -> Leg:
    """The leg of one destination of a `connect`, and who is told of it."""
    number = joining.caller_of(subject, wish, target) or dialling.number_for(subject, row, target)
    leg = joining.dressed(leg_to(subject, target, Role.TARGET, number, other), wish)
    joining.tell(row, leg, wish)
    return leg


def connect(
    subject: Subject,
    call_id: UUID | str,
    leg_id: str,
    to: Sequence[str | Joining],
    timeout: int | None = None,
) -> control.Outcome:
    """A script joins its party with one of `to`, rung together; the first to answer wins."""
    wishes = [Joining(each) if isinstance(each, str) else each for each in to]
    targets = [dialling.find(subject, each.to) for each in wishes]

    def work() -> control.Outcome:
        world, rows = store.lock_world(call_id)
        row = rows[str(UUID(str(call_id)))]
        party = world[str(row.id)].leg(leg_id)
        media = party.media if party is not None else None
        legs = tuple(
            joined_leg(subject, row, target, each, media)
            for target, each in zip(targets, wishes, strict=True)
        )
        command = inputs.Connect(leg_id, legs, targets[0].address, timeout)
        outcome = control.commit_turn(world, rows, str(row.id), command)
        adopt_runs(str(row.id), [leg.app_ref for leg in legs if leg.app == "script"])
        return outcome

    return suspension.dialling_phones(subject.project_id, work)


def consult(subject: Subject, call_id: UUID | str, leg_id: str, request: DialRequest) -> models.Call:
    """Start an attended transfer: a second call of the same party, the first held meanwhile.

    Without an SDP the transferor's media serves both calls by turns.
    """
    made = already_made(subject, request.claim)
    if made is not None:
        return made
    target = dialling.find(subject, request.to)
    require_redis()

    def work() -> models.Call:
        world, rows = store.lock_world(call_id)
        first_row = rows[str(UUID(str(call_id)))]
        first_id, second_id = str(first_row.id), str(request.claim or uuid7())
        own = world[first_id].leg(leg_id)
        if own is None:
            raise problems.NotFound()
        control.commit_turn(world, rows, first_id, inputs.StartConsult(leg_id, second_id))
        first = store.values([first_row])[0]
        number = dialling.number_for(subject, first_row, target)
        consulting = consulting_leg(own, request)
        callee = leg_to(subject, target, Role.CALLEE, number, consulting.media)
        call = Call(
            id=second_id,
            legs=(consulting, callee),
            ring_seconds=request.timeout or settings.CALLWRIGHT_RING_SECONDS,
            max_seconds=settings.CALLWRIGHT_MAX_CALL_SECONDS,
            carried=first.carried,
            consult_of=first_id,
            consulting=True,
        )
        row = new_row(subject, request, target, second_id, number)
        row.from_address, row.from_name = own.address, own.name
        row.session = first_row.session
        control.open_call(row, call, ({first_id: first}, {first_id: first_row}))
        adopt_runs(call.id, [callee.app_ref if callee.app == "script" else None])
        return row

    return once(subject, request.claim, work)


def join(first_id: str, leg_id: str, second_id: str, other_leg_id: str) -> control.Outcome:
    """Attended transfer of two calls of one party that were dialled apart (a desk phone's REFER)."""

    def work() -> control.Outcome:
        world: dict[str, Call] = {}
        rows: dict[str, models.Call] = {}
        for each in sorted({str(UUID(str(first_id))), str(UUID(str(second_id)))}):
            more = store.lock_world(each)
            world |= more[0]
            rows |= more[1]
        first, second = rows[str(UUID(str(first_id)))], rows[str(UUID(str(second_id)))]
        apart = first.session_id != second.session_id
        command = inputs.Join(leg_id, str(second.id), other_leg_id, apart)
        return control.commit_turn(world, rows, str(first.id), command)

    return control.in_transaction(work)


def consulting_leg(own: Leg, request: DialRequest) -> Leg:
    """The transferor's leg in the consultation: its own media, or the first leg's shared."""
    fresh = replace(own, id=str(uuid7()), role=Role.CALLER, state=LegState.CREATED, held=False, attempts=())
    fresh = replace(fresh, muted=frozenset(), former_call_id=None)
    if request.sdp is None:
        return fresh
    return replace(
        fresh,
        media=dialling.media_for(request.media, None, request.sdp),
        media_state=MediaState.NEW,
        peer_id=str(uuid7()),
        offer=request.sdp,
        answer=None,
        offered=False,
        serial=1,
    )


def answer_with_script(
    subject: Subject,
    call_id: UUID | str,
    leg_id: str,
    script: dict[str, Any] | None,
    script_url: str | None = None,
) -> control.Outcome:
    """A back end takes a ringing call with a script."""

    def work() -> control.Outcome:
        run = models.ScriptRun.objects.create(
            project_id=subject.project_id, call_id=call_id, document=script, url=script_url or ""
        )
        world, rows = store.lock_world(call_id)
        command = inputs.AnswerWithScript(leg_id, str(run.id))
        return control.commit_turn(world, rows, str(UUID(str(call_id))), command)

    return control.in_transaction(work)


def run_script(subject: Subject, call_id: UUID | str, leg_id: str, request: DialRequest) -> control.Outcome:
    """Another script for an answered party (`script`, or `script_url` with its `fallback_url`)."""

    def work() -> control.Outcome:
        world, rows = store.lock_world(call_id)
        row = rows[str(UUID(str(call_id)))]
        models.ScriptRun.objects.filter(call_id=row.id).exclude(state="ended").update(state="ended")
        run = program_run(subject, request)
        assert run is not None  # the edge has seen to it that there is a script
        adopt_runs(str(row.id), [run.id])
        return control.commit_turn(world, rows, str(row.id), inputs.RunScript(leg_id, str(run.id)))

    return control.in_transaction(work)


def set_status_url(call_id: UUID | str, url: str) -> None:
    """From now on a call's states are told to `url`; the events asked for stay as they are."""

    def work() -> None:
        row = models.Call.objects.select_for_update().get(pk=call_id)
        row.status_url = url
        row.save(update_fields=["status_url"])
        states = models.WebhookEndpoint.objects.filter(call_id=row.id, events=[])
        if not states.update(url=url):
            keep_status_url(row)

    control.in_transaction(work)


def tell_operation(row: models.Call, verb: str, control_id: str, url: str) -> None:
    """An operation's own status_url: an endpoint that is told of this operation alone."""
    what = [f"{verb}/{control_id}"]
    models.WebhookEndpoint.objects.create(
        project_id=row.project_id, url=url, call_id=row.id, events=what, status_events=what
    )
