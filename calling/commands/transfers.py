"""Commands that join parties of a call with others: transfer, connect, consult, and joining two calls.

Each asks the scope, resolves, builds the legs and goes through the door (`calling.calls.control`) in one
transaction. Must not live here: placing a new call (`dial`), reading of fields (`params`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.conf import settings

from calling import models
from calling.calls import control, queries, store
from calling.calls.status_urls import StatusUrl
from calling.commands import call_limits, routing, suspension
from calling.commands.dial import adopt_runs, already_made, leg_to, new_row, once
from calling.commands.routing import DialRequest
from calling.commands.sip_wishes import SipWishes
from calling.machine import inputs
from calling.machine.states import Call, Leg, LegState, Media, MediaState, Party, Role
from calling.media_sessions.placement import require_redis, session_of_joined
from calling.models.ids import uuid7
from calling.runtime import nudge
from calling.telephony.billing import CapReached
from rest import errors
from subscribers.addressing import Target
from tokens.subjects import Subject


@dataclass(frozen=True)
class ConnectTarget:
    """A destination with what its far end is shown. `status_url` is told `calling.call.connect`, `state_url`
    the `calling.call.state` of that leg, `refer_url` how a transfer to it went."""

    to: str
    caller: str = ""
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    status_url: str = ""
    state_url: str = ""
    state_events: tuple[str, ...] = ("ended",)
    refer_url: str = ""
    sip: SipWishes = field(default_factory=SipWishes)


def caller_of(subject: Subject, wish: ConnectTarget, target: Target) -> str | None:
    """The number asked for. 422 where a phone or SIP peer would be shown one that is not the project's."""
    outside = target.kind in ("pstn", "sip") and not target.test
    if wish.caller and outside and not routing.number_of_project(subject.project_id, wish.caller):
        raise errors.Unprocessable(
            "invalid_from_number",
            "For a phone or SIP destination, from must be a number of the project.",
            "from",
        )
    return wish.caller or None


def with_headers(leg: Leg, wish: ConnectTarget) -> Leg:
    """The leg with what its INVITE is to carry and to agree on."""
    leg = wish.sip.on(leg)
    extra: dict[str, Any] = {}
    if wish.name:
        extra["name"] = wish.name
    if wish.headers:
        extra["headers"] = dict(wish.headers)
    if leg.party is not Party.SIP or not extra:
        return leg
    return replace(leg, route=json.dumps({**json.loads(leg.route), **extra}))


def tell(row: models.Call, leg: Leg, wish: ConnectTarget) -> None:
    """Endpoints of their own for what becomes of that leg."""
    if wish.status_url:
        StatusUrl("connect", leg.id).keep(row, wish.status_url)
    if wish.state_url:
        StatusUrl("leg", leg.id, states=wish.state_events).keep(row, wish.state_url)
    if wish.refer_url:
        StatusUrl("refer", leg.id).keep(row, wish.refer_url)


def transfer(subject: Subject, call_id: UUID | str, leg_id: str, to: str | ConnectTarget) -> control.Outcome:
    """Blind transfer of the other party of `leg_id`."""
    wish = ConnectTarget(to) if isinstance(to, str) else to
    target = routing.resolve(subject, wish.to)

    def work() -> control.Outcome:
        world, rows = store.lock_world(call_id)
        row = rows[str(UUID(str(call_id)))]
        given = world[str(row.id)].counterpart(leg_id)
        leg = joined_leg(subject, row, target, wish, given.media if given else None)
        outcome = control.commit_turn(
            world, rows, str(row.id), inputs.StartTransfer(leg_id, (leg,), target.address)
        )
        adopt_runs(str(row.id), [leg.app_ref if leg.app == "script" else None])
        return outcome

    return suspension.dialling_phones(subject.project_id, work)


def joined_leg(
    subject: Subject, row: models.Call, target: Target, wish: ConnectTarget, other: Media | None
) -> Leg:
    """The leg of a destination that is connected or transferred to, and who is told of it."""
    number = caller_of(subject, wish, target) or routing.number_for(subject, row, target)
    leg = with_headers(leg_to(subject, target, Role.TARGET, number, other), wish)
    tell(row, leg, wish)
    return leg


def connect(
    subject: Subject,
    call_id: UUID | str,
    leg_id: str,
    to: Sequence[str | ConnectTarget],
    timeout: int | None = None,
) -> tuple[control.Outcome, Mapping[str, int]]:
    """Connect a script's party with one of `to`, rung together; the first to answer wins.

    Also which of `to` each leg is for: a phone that the project cannot pay, or that is one too many, keeps
    nobody else of its group from being rung. It is raised where nobody is left.
    """
    wishes = [ConnectTarget(each) if isinstance(each, str) else each for each in to]
    targets = [routing.resolve(subject, each.to) for each in wishes]
    refused: list[errors.ApiError] = []

    def work() -> tuple[control.Outcome, Mapping[str, int]]:
        world, rows = store.lock_world(call_id)
        row = rows[str(UUID(str(call_id)))]
        party = world[str(row.id)].leg(leg_id)
        media = party.media if party is not None else None
        legs: list[Leg] = []
        numbers: dict[str, int] = {}
        refused.clear()
        for number, (target, each) in enumerate(zip(targets, wishes, strict=True)):
            try:
                legs.append(joined_leg(subject, row, target, each, media))
                numbers[legs[-1].id] = number
            except (errors.PaymentRequired, CapReached) as problem:
                refused.append(problem)
        if not legs:
            raise refused.pop()
        command = inputs.Connect(leg_id, tuple(legs), legs[0].address, timeout)
        outcome = control.commit_turn(world, rows, str(row.id), command)
        adopt_runs(str(row.id), [leg.app_ref for leg in legs if leg.app == "script"])
        return outcome, numbers

    try:
        return suspension.dialling_phones(subject.project_id, work)
    finally:
        for problem in refused:
            suspension.note_refusal(subject.project_id, problem)


def consult(subject: Subject, call_id: UUID | str, leg_id: str, request: DialRequest) -> models.Call:
    """Start an attended transfer: a second call of the same party, the first held meanwhile.

    Without an SDP the transferor's media serves both calls by turns.
    """
    made = already_made(subject, request.claim)
    if made is not None:
        return made
    target = routing.resolve(subject, request.to)
    require_redis()

    def work() -> models.Call:
        world, rows = store.lock_world(call_id)
        first_row = rows[str(UUID(str(call_id)))]
        first_id, second_id = str(first_row.id), str(request.claim or uuid7())
        own = world[first_id].leg(leg_id)
        if own is None:
            raise errors.NotFound
        control.commit_turn(world, rows, first_id, inputs.StartConsult(leg_id, second_id))
        first = queries.values([first_row])[0]
        number = routing.number_for(subject, first_row, target)
        consulting = consultation_leg(own, request)
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
        call_limits.admit(subject, call)
        control.open_call(row, call, ({first_id: first}, {first_id: first_row}))
        adopt_runs(call.id, [callee.app_ref if callee.app == "script" else None])
        return row

    return once(subject, request.claim, work)


def join_calls(first_id: str, leg_id: str, second_id: str, other_leg_id: str) -> control.Outcome:
    """Attended transfer of two calls of one party that began apart (a desk phone's REFER).

    Refused where two workers carry them and the media of neither far end can be moved.
    """

    def work() -> control.Outcome:
        world: dict[str, Call] = {}
        rows: dict[str, models.Call] = {}
        for each in sorted({str(UUID(str(first_id))), str(UUID(str(second_id)))}):
            more = store.lock_world(each)
            world |= more[0]
            rows |= more[1]
        one, other = str(UUID(str(first_id))), str(UUID(str(second_id)))
        waiting, target = world[one].counterpart(leg_id), world[other].counterpart(other_leg_id)
        if waiting is not None and target is not None:
            carry_together(rows[one], rows[other], waiting, target)
        return control.commit_turn(world, rows, one, inputs.Join(leg_id, other, other_leg_id))

    return control.in_transaction(work)


def carry_together(first: models.Call, second: models.Call, waiting: Leg, target: Leg) -> None:
    """Give both calls to the worker that can carry what becomes of them."""
    session = session_of_joined(first, second, waiting, target)
    if session is None:
        raise inputs.Refused(
            "Two media workers carry these calls, and no party's media can move.", "answered"
        )
    if first.session is not None and session.pk != first.session.pk:
        nudge.wake_session(first.session.pk)  # its worker lets the call go
        first.session = session
        first.save(update_fields=["session"])


def consultation_leg(own: Leg, request: DialRequest) -> Leg:
    """The transferor's leg in the consultation: its own media, or the first leg's shared."""
    fresh = replace(own, id=str(uuid7()), role=Role.CALLER, state=LegState.CREATED, held=False, attempts=())
    fresh = replace(fresh, muted=frozenset(), former_call_id=None)
    if request.sdp is None:
        return fresh
    return replace(
        fresh,
        media=routing.media_for(request.media, None, request.sdp),
        media_state=MediaState.NEW,
        peer_id=str(uuid7()),
        offer=request.sdp,
        answer=None,
        offered=False,
        serial=1,
    )
