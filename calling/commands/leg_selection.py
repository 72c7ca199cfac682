"""Which call and which leg a subject may name: its own for a token, any of its project for an API key."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from calling import models
from calling.calls import mapping, queries
from calling.commands.params import Params, as_form
from calling.machine.inputs import Refused
from calling.machine.states import Call, Leg, LegState, Party, Role
from calling.machine.transfer import consulter_in_first
from rest import errors
from rest.json_bodies import Json
from subscribers.postgresql import prepared
from tokens.subjects import ApiKey, Subject, TokenHolder


def locate(subject: Subject, call_id: UUID | str) -> tuple[models.Call, Leg | None]:
    """The call that `subject` means and, for a token, its own leg in it.

    A target that came out of a consultation may go on using the consultation's id
    (docs/contract.md#consult). Raises NotFound for another project's call and, for a token, for a call it
    has no leg in.
    """
    row = models.Call.objects.filter(pk=uuid_or_404(call_id), project_id=subject.project_id).first()
    if row is None:
        raise errors.NotFound
    if isinstance(subject, ApiKey):
        return row, None
    asked = row.id
    legs = own_legs(subject, Q(call_id=asked) | Q(former_call_id=asked))
    if not legs:
        raise errors.NotFound
    leg_row = max(legs, key=lambda leg: (leg.state != "ended", leg.call_id != asked, leg.id))
    if leg_row.call_id != asked:
        row = models.Call.objects.get(pk=leg_row.call_id)
    return row, mapping.leg_value(leg_row, queries.attempts_of(leg_row))


CALL = f"""
SELECT {mapping.CALL_COLUMNS}, {mapping.LEGS},
    EXISTS (SELECT 1 FROM calling_leg m WHERE m.former_call_id = c.id)
FROM calling_call c WHERE c.id = %s AND c.project_id = %s
"""


def whole_call_of(subject: Subject, call_id: UUID | str) -> tuple[Call, Leg | None]:
    """What `locate` finds, with the call's legs; one statement where no leg of it has moved."""
    found = prepared.rows(CALL, [uuid_or_404(call_id), subject.project_id])
    if not found:
        raise errors.NotFound
    ((*columns, legs, moved),) = found
    if moved and isinstance(subject, TokenHolder):
        row, leg = locate(subject, call_id)
        return queries.values([row])[0], leg
    call = mapping.whole_call(mapping.call_row(columns), legs)
    if isinstance(subject, ApiKey):
        return call, None
    mine = [leg for leg in call.legs if is_own(subject, leg)]
    if not mine:
        raise errors.NotFound
    return call, max(mine, key=lambda leg: (leg.live, UUID(leg.id)))


def own_legs(holder: TokenHolder, where: Q) -> list[models.Leg]:
    """The legs of a token's holder: its subscriber's, or for a guest those of its own identity.

    Each with its attempts (`queries.attempts_of`).
    """
    rows = models.Leg.objects.filter(where, legs_of(holder))
    return list(rows.defer("stats").annotate(tries=queries.ATTEMPTS))


def legs_of(holder: TokenHolder) -> Q:
    """Which legs are the holder's. A guest's go by its full identity, never by the short address.

    Live ones that the version before wrote have no identity; until they end the address has to do.
    """
    if holder.subscriber_id is not None:
        return Q(subscriber_id=holder.subscriber_id)
    unnamed = Q(holder="", address=holder.address) & ~Q(state="ended")
    return Q(subscriber_id=None) & (Q(holder=holder.identity) | unnamed)


def uuid_or_404(value: UUID | str) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise errors.NotFound from error


def pick_leg(call: Call, name: str | None, *, acting: bool = True) -> str:
    """The leg an API key names: an id, a role (the newest of it), or None where only one can be meant.

    Raises 422 `leg_required` when several could be meant, 422 `invalid_parameter` when none matches.
    """
    if name is not None:
        leg = call.leg(name) or next((each for each in reversed(call.legs) if each.role == name), None)
        if leg is None:
            raise errors.Unprocessable("invalid_parameter", "The call has no such leg.", "leg")
        return leg.id
    candidates = [leg for leg in call.live_legs if leg.party is not Party.APP] or list(call.live_legs)
    if acting and len(candidates) > 1:
        ringing = [leg for leg in candidates if leg.state is LegState.RINGING]
        candidates = (
            ringing if len(ringing) == 1 and not any(leg.answered for leg in candidates) else candidates
        )
    if len(candidates) == 1:
        return candidates[0].id
    if not candidates and call.legs:
        return call.legs[-1].id
    raise errors.Unprocessable("leg_required", "Select the leg: its id, caller, callee or target.", "leg")


class NotThisDevice(Refused):
    """The leg belongs to the subscriber, but is on another of its devices."""


def own_leg(subject: TokenHolder, call_id: str, name: str | None, device_id: str | None) -> tuple[Call, Leg]:
    """The token's own leg; from a socket, the one that its device carries or is rung by."""
    call, leg = whole_call_of(subject, call_id)
    assert leg is not None  # a token without a leg is told NotFound
    return call, meant_leg(subject, call, leg, name, device_id)


def meant_leg(subject: TokenHolder, call: Call, leg: Leg, name: str | None, device_id: str | None) -> Leg:
    """Which leg of a call a token means, whose newest there is `leg`."""
    if device_id is not None:
        leg = next((each for each in call.legs if rings_or_carries(each, device_id)), leg)
        if leg.live and leg.device_id not in (None, device_id):
            raise NotThisDevice("The call is on another device of this subscriber.", leg.state.value)
    if name is not None and name not in (leg.id, leg.role.value):
        # Whoever calls its own address has two legs and may name either.
        mine = (each for each in reversed(call.legs) if is_own(subject, each))
        named = next((each for each in mine if name in (each.id, each.role.value)), None)
        if named is None:
            raise errors.Forbidden("not_permitted", "A token can act only on its own leg.", "leg")
        leg = named
    return leg


class Elsewhere(Exception):
    """The token has no live leg in this call: it has ended, is another's, or has moved to another call."""


def live_leg_in(
    subject: TokenHolder, row: models.Call, call: Call, name: str | None, device_id: str | None
) -> Leg:
    """The leg that `own_leg` finds, in a call that is locked already. Raises Elsewhere."""
    mine = [leg for leg in call.live_legs if is_own(subject, leg)]
    if row.project_id != subject.project_id or not mine:
        raise Elsewhere
    return meant_leg(subject, call, max(mine, key=lambda leg: UUID(leg.id)), name, device_id)


def is_own(subject: TokenHolder, leg: Leg) -> bool:
    if subject.subscriber_id is None:
        if leg.subscriber_id is not None:
            return False
        return leg.holder == subject.identity if leg.holder else leg.live and leg.address == subject.address
    return leg.subscriber_id == str(subject.subscriber_id)


def rings_or_carries(leg: Leg, device_id: str) -> bool:
    return leg.live and (
        leg.device_id == device_id or any(a.device_id == device_id and a.live for a in leg.attempts)
    )


def select_leg(
    subject: Subject, call_id: str, form: Params, device_id: str | None = None, *, acting: bool = True
) -> tuple[str, Leg]:
    """(call id, leg) that a verb is about: a token's own, or the one that an API key names.

    `leg` is the last field that is read, so the form is checked here.
    """
    name = form.text("leg", 45)
    form.check()
    if isinstance(subject, TokenHolder):
        call, leg = own_leg(subject, call_id, name, device_id)
        return call.id, leg
    call, _ = whole_call_of(subject, call_id)
    found = call.leg(pick_leg(call, name, acting=acting))
    assert found is not None
    return call.id, found


def implied_leg(subject: Subject, call_id: str, data: Json, device_id: str | None = None) -> tuple[str, str]:
    """(call, leg) for a verb that only the consulting party can mean: an API key need not name it."""
    form = as_form(data)
    if isinstance(subject, ApiKey) and not form.given("leg"):
        form.check()
        call, _ = whole_call_of(subject, call_id)
        return call.id, (consulting_leg(call) or (call.live_legs or call.legs)[0]).id
    found, leg = select_leg(subject, call_id, form, device_id)
    return found, leg.id


def consulting_leg(call: Call) -> Leg | None:
    """The leg of whoever consults, in the first call or in the consultation; None where nobody does."""
    if call.consulting:
        return call.role(Role.CALLER)
    if call.consult_id is None:
        return None
    return consulter_in_first(call, queries.snapshot(call.consult_id))
