"""The only writer of calls, legs and attempts: lock, read into machine values, save what changed.

No rule lives here and nobody is told from here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from calling import models, snapshots
from calling.machine.states import Call, Leg, LegState, Party, World
from subscribers.http import problems
from tokens.subjects import ApiKey, Subject, TokenHolder


def read_legs(call_ids: Iterable[UUID]) -> dict[UUID, tuple[Leg, ...]]:
    """The machine legs of some calls, in their order."""
    rows = list(models.Leg.objects.filter(call_id__in=list(call_ids)).order_by("position", "id"))
    attempts: dict[UUID, list[models.Attempt]] = defaultdict(list)
    for attempt in models.Attempt.objects.filter(leg_id__in=[row.id for row in rows]).order_by("id"):
        attempts[attempt.leg_id].append(attempt)
    legs: dict[UUID, list[Leg]] = defaultdict(list)
    for row in rows:
        legs[row.call_id].append(snapshots.leg_value(row, attempts[row.id]))
    return {call_id: tuple(each) for call_id, each in legs.items()}


def values(rows: Iterable[models.Call]) -> list[Call]:
    rows = list(rows)
    legs = read_legs([row.id for row in rows])
    return [snapshots.call_value(row, legs.get(row.id, ())) for row in rows]


def snapshot(call_id: UUID | str) -> Call:
    """One call as it stands. Raises NotFound."""
    return values([get(call_id)])[0]


def get(call_id: UUID | str) -> models.Call:
    try:
        return models.Call.objects.get(pk=call_id)
    except (models.Call.DoesNotExist, ValueError) as error:
        raise problems.NotFound() from error


@contextmanager
def one_moment() -> Iterator[None]:
    """What is read inside is of one moment, unless a transaction is open already.

    A call is several rows: read one by one while a device answers, its leg was not answered yet and its
    attempt not live any more, and the media session closed the peer that had made the offer.
    """
    with transaction.atomic():
        if not connection.get_autocommit() and len(connection.savepoint_ids) == 0:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def session_calls(session_id: UUID | str) -> list[Call]:
    """The live calls of a media session, oldest first."""
    rows = (
        models.Call.objects.filter(session__id=session_id).exclude(state="ended").order_by("created_at", "id")
    )
    return values(rows)


class LinksMoved(Exception):
    """A consultation was linked between the look and the lock: take the transaction again."""


def linked_ids(row: models.Call) -> set[UUID]:
    links = (row.consult_id, row.consult_of if row.consulting else None)
    return {other for other in links if other is not None}


def lock_world(call_id: UUID | str) -> tuple[World, dict[str, models.Call]]:
    """Lock a call and the consultation linked with it, in id order; inside a transaction only.

    Raises NotFound, and LinksMoved when the links changed meanwhile (the caller starts again, so that
    locks are only ever taken in one order).
    """
    first = get(call_id)
    wanted = {first.id} | linked_ids(first)
    rows = list(models.Call.objects.select_for_update().filter(pk__in=wanted).order_by("id"))
    if not any(row.id == first.id for row in rows):
        raise problems.NotFound()
    if not {other for row in rows for other in linked_ids(row)} <= wanted:
        raise LinksMoved()
    return {call.id: call for call in values(rows)}, {str(row.id): row for row in rows}


def save_world(
    before: World, after: World, rows: dict[str, models.Call], counted: Iterable[str] = ()
) -> None:
    """Write what the machine changed: calls, legs (which may have moved between calls) and attempts.

    `counted`: the calls whose `sequence` has grown.
    """
    known = {leg.id: leg for call in before.values() for leg in call.legs}
    homes = {leg.id: call.id for call in before.values() for leg in call.legs}
    for call in after.values():
        old = before.get(call.id)
        if old != call:
            row = rows[call.id]
            for name, value in snapshots.call_columns(call).items():
                setattr(row, name, value)
            row.save()
        elif call.id in counted:
            rows[call.id].save(update_fields=["sequence"])
        for position, leg in enumerate(call.legs):
            was = known.get(leg.id)
            if was is None:
                create_leg(call.id, position, leg)
            elif was != leg or homes[leg.id] != call.id:
                columns = snapshots.leg_columns(leg)
                models.Leg.objects.filter(pk=leg.id).update(call_id=call.id, position=position, **columns)
                save_attempts(was, leg)


def create_leg(call_id: str, position: int, leg: Leg) -> None:
    models.Leg.objects.create(id=leg.id, call_id=call_id, position=position, **snapshots.leg_columns(leg))
    models.Attempt.objects.bulk_create(
        models.Attempt(id=attempt.id, leg_id=leg.id, **snapshots.attempt_columns(attempt))
        for attempt in leg.attempts
    )


def save_attempts(was: Leg, leg: Leg) -> None:
    if was.attempts == leg.attempts:
        return
    old = {attempt.id: attempt for attempt in was.attempts}
    for attempt in leg.attempts:
        columns = snapshots.attempt_columns(attempt)
        if attempt.id not in old:
            models.Attempt.objects.create(id=attempt.id, leg_id=leg.id, **columns)
        elif old[attempt.id] != attempt:
            models.Attempt.objects.filter(pk=attempt.id).update(**columns)


def locate(subject: Subject, call_id: UUID | str) -> tuple[models.Call, Leg | None]:
    """The call that `subject` means and, for a token, its own leg in it.

    A target that came out of a consultation may go on using the consultation's id (contract 5). Raises
    NotFound for another project's call and, for a token, for a call it has no leg in.
    """
    row = models.Call.objects.filter(pk=uuid_or_404(call_id), project_id=subject.project_id).first()
    if row is None:
        raise problems.NotFound()
    if isinstance(subject, ApiKey):
        return row, None
    asked = row.id
    legs = own_legs(subject, Q(call_id=asked) | Q(former_call_id=asked))
    if not legs:
        raise problems.NotFound()
    leg_row = max(legs, key=lambda leg: (leg.state != "ended", leg.call_id != asked, leg.id))
    if leg_row.call_id != asked:
        row = models.Call.objects.get(pk=leg_row.call_id)
    leg = snapshots.leg_value(leg_row, list(leg_row.attempts.order_by("id")))
    return row, leg


def own_legs(holder: TokenHolder, where: Q) -> list[models.Leg]:
    """The legs of a token's holder: its subscriber's, or for a guest those under its own address."""
    if holder.subscriber_id is not None:
        return list(models.Leg.objects.filter(where, subscriber_id=holder.subscriber_id))
    return list(models.Leg.objects.filter(where, subscriber_id=None, address=holder.address))


def uuid_or_404(value: UUID | str) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise problems.NotFound() from error


def pick_leg(call: Call, name: str | None, *, acting: bool = True) -> str:
    """The leg an API key names: an id, a role (the newest of it), or None where only one can be meant.

    Raises 422 `leg_required` when several could be meant, 422 `invalid_parameter` when none matches.
    """
    if name is not None:
        leg = call.leg(name) or next((each for each in reversed(call.legs) if each.role == name), None)
        if leg is None:
            raise problems.Unprocessable("invalid_parameter", "The call has no such leg.", "leg")
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
    raise problems.Unprocessable("leg_required", "Name the leg: an id, caller, callee or target.", "leg")
