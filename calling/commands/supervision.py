"""Supervising a call: listening, whispering to one party, barging in (docs/contract.md#supervision).

The supervisor's own call is opened beside the supervised one, in its media session. Only a project's key with
the scope `admin`, or its staff, may ask; the edge sees to that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from django.conf import settings

import clock
from calling import models
from calling.calls import control, queries, store
from calling.commands import call_limits, leg_selection, routing, suspension
from calling.commands.dial import leg_to, take_dial_rate
from calling.commands.params import Params
from calling.machine import inputs
from calling.machine.states import Call, Leg, Media, Party, Role, Supervision, SupervisionMode
from calling.media_sessions.placement import has_place, require_redis
from calling.models.ids import uuid7
from calling.telephony import policy
from rest import errors
from subscribers import addressing
from subscribers.addressing import Target
from tokens.subjects import ApiKey

MODES = tuple(mode.value for mode in SupervisionMode)
SOUND = Media(audio=True, receive_audio=True, video=False, receive_video=False)
PEOPLE = ("subscriber", "pstn", "sip")  # whom `to` may name


@dataclass(frozen=True)
class Supervisor:
    """What `listen` made: the supervised call, and the supervisor's own call and leg."""

    call_id: str
    supervising_call_id: str
    leg_id: str


@dataclass(frozen=True)
class Wish:
    """`POST /api/calls/{id}/listen`, checked for shapes: exactly one of sdp and to."""

    mode: SupervisionMode
    sdp: str | None
    to: str | None
    leg: str | None
    timeout: int | None


def read_listen(form: Params) -> Wish:
    sdp, to = form.sdp(), form.text("to", addressing.MAX_DESTINATION)
    mode, leg = form.choice("mode", MODES, "listen"), form.text("leg", 45)
    timeout = form.integer("timeout", 1, 600)
    if form.given("sdp") and form.given("to"):
        form.fail("to", "Send exactly one of sdp and to.")
    elif not form.given("sdp") and not form.given("to"):
        form.fail("sdp", "Send sdp or to.", "missing_required_parameter")
    if form.given("sdp") and form.given("timeout"):
        form.fail("timeout", "timeout needs to; a supervisor with an sdp is connected at once.")
    form.check()
    return Wish(SupervisionMode(mode or "listen"), sdp, to, leg, timeout)


def listen(key: ApiKey, call_id: str, form: Params, by: str) -> Supervisor:
    """Let a supervisor into a call. `by`: who asks, for the audit log. 404 403 409 422 429 503."""
    wish = read_listen(form)
    row, _ = leg_selection.locate(key, call_id)
    take_dial_rate(key)
    target = person(key, wish.to) if wish.to is not None else None
    require_redis()

    def work() -> Supervisor:
        world, rows = store.lock_world(row.id)
        first_row = rows[str(row.id)]
        first = world[str(row.id)]
        tone = policy.policy_of(key.project_id).supervision_tone
        heard_by = supervised_leg(first, wish.mode, wish.leg)
        wanted = Supervision(first.id, wish.mode, heard_by, by[:150], tone)
        legs, connect = legs_of(key, first_row, wish, target)
        call = Call(
            id=str(uuid7()),
            legs=legs,
            connect=connect,
            ring_seconds=wish.timeout or settings.CALLWRIGHT_RING_SECONDS,
            max_seconds=settings.CALLWRIGHT_MAX_CALL_SECONDS,
            carried=first.carried,
            supervision=wanted,
        )
        control.commit_turn(world, rows, first.id, inputs.Supervise(call.id, wanted))
        linked = {each: queries.values([rows[each]])[0] for each in world}
        made = models.Call(
            id=call.id,
            project_id=key.project_id,
            session=first_row.session,
            kind=target.kind if target is not None else "subscriber",
            from_address=first_row.from_address,
            from_name=first_row.from_name,
            to_address=legs[-1].address if target is not None else first_row.to_address,
            caller_id=first_row.caller_id,
            created_at=clock.now(),
            api_dialled=True,
        )
        if first_row.session is None or not has_place(first_row.session):
            raise errors.Unavailable("The call's media worker accepts no more parties.", retry_after=5)
        call_limits.admit(key, call)
        control.open_call(made, call, (linked, rows))
        return Supervisor(first.id, call.id, legs[0].id)

    return suspension.dialling_phones(key.project_id, work)


def person(key: ApiKey, to: str) -> Target:
    target = routing.resolve(key, to)
    if target.kind not in PEOPLE or target.test:
        raise errors.Unprocessable(
            "invalid_destination", "A supervisor is a subscriber, a phone number or a SIP party.", "to"
        )
    return target


def supervised_leg(call: Call, mode: SupervisionMode, name: str | None) -> str | None:
    """The party that hears a whisper, by id or role; None where none is named and none is needed."""
    if name is None and mode is not SupervisionMode.WHISPER:
        return None
    people = replace(call, legs=tuple(leg for leg in call.legs if leg.party is not Party.APP))
    leg_id = leg_selection.pick_leg(people, name)
    leg = call.leg(leg_id)
    if leg is None or not leg.answered:
        raise errors.Unprocessable("invalid_parameter", "That party is not in the call now.", "leg")
    return leg_id


def legs_of(
    key: ApiKey, first: models.Call, wish: Wish, target: Target | None
) -> tuple[tuple[Leg, ...], tuple[Leg, ...]]:
    """(legs, connect) of the supervisor's call: whoever offers an SDP calls in, anybody else is called."""
    listens = Leg(str(uuid7()), Role.CALLEE, Party.APP, first.to_address, app="supervision")
    if target is not None:
        number = routing.number_for(key, first, target)
        return (replace(leg_to(key, target, Role.CALLEE, number), media=SOUND),), (
            replace(listens, role=Role.TARGET),
        )
    own = Leg(
        str(uuid7()),
        Role.CALLER,
        Party.DEVICE,
        "supervisor",
        media=SOUND,
        peer_id=str(uuid7()),
        offer=wish.sdp,
        serial=1,
    )
    return (own, listens), ()


def supervision_of(key: ApiKey, call_id: str, leg_id: str) -> models.Call:
    """The supervisor's call whose leg that is. 404 where the call has no such supervisor."""
    row, _ = leg_selection.locate(key, call_id)
    wanted = leg_selection.uuid_or_404(leg_id)
    found = models.Call.objects.filter(supervises=row.id, legs__id=wanted).first()
    if found is None or str(wanted) != (supervisor_of(found) or ""):
        raise errors.NotFound
    return found


def supervisor_of(row: models.Call) -> str | None:
    leg = queries.values([row])[0].supervisor
    return leg.id if leg is not None else None


def is_supervisor(key: ApiKey, call_id: str, leg_id: object) -> bool:
    """Whether that is the id of a supervisor's leg of the call."""
    try:
        supervision_of(key, call_id, str(leg_id))
    except errors.NotFound:
        return False
    return True


def change(key: ApiKey, call_id: str, leg_id: str, form: Params, by: str) -> str:
    """`{mode, leg?}`: another mode of a supervisor. The id of the supervised call."""
    mode, name = form.choice("mode", MODES), form.text("leg", 45)
    if not form.given("mode"):
        form.fail("mode", "mode is required.", "missing_required_parameter")
    form.check()
    found = supervision_of(key, call_id, leg_id)
    first = queries.snapshot(found.supervises or UUID(int=0))
    wanted = SupervisionMode(mode or "listen")
    kept = queries.values([found])[0].supervision
    known = kept is not None and kept.leg_id is not None and name is None
    heard_by = None if known else supervised_leg(first, wanted, name)
    control.apply(found.id, inputs.SetSupervision(wanted, heard_by, by[:150]))
    return first.id


def end(key: ApiKey, call_id: str, leg_id: str) -> str:
    """The supervisor leaves; the call goes on. The id of the supervised call."""
    found = supervision_of(key, call_id, leg_id)
    leg = supervisor_of(found)
    control.apply(found.id, inputs.Hangup(leg))
    return str(found.supervises)
