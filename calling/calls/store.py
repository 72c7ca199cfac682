"""The only writer of calls, legs and attempts: what a turn locks, and what it saves as one statement.

No rule lives here and nobody is told from here. What must not live here either: how rows become values
(`mapping`), and looks without a lock (`queries`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from calling import models
from calling.calls import mapping, positions, queries
from calling.calls.one_statement import OneStatement
from calling.machine.states import Attempt, Leg, World
from rest import errors
from subscribers.postgresql import prepared


class LinksMoved(Exception):
    """A consultation was linked between the look and the lock: take the transaction again."""


def linked_ids(row: models.Call) -> set[UUID]:
    links = (
        row.consult_id,
        row.consult_of if row.consulting else None,
        row.supervises if row.state != "ended" else None,
        *(UUID(each) for each in row.supervisors or ()),
    )
    return {other for other in links if other is not None}


def all_linked_ids(row: models.Call) -> set[UUID]:
    """The call with those linked to it, and those linked to these: a supervised call's consultation."""
    found, fresh = {row.id}, linked_ids(row)
    while fresh - found:
        rows = list(models.Call.objects.filter(pk__in=fresh - found))
        found |= fresh
        fresh = {other for each in rows for other in linked_ids(each)}
    return found


class StaleEpoch(Exception):
    """The worker's lease was taken over: its writes are refused."""


Fence = tuple[UUID | str, int]
FENCE = """
SELECT 1 FROM calling_mediasession WHERE id = %s AND epoch = %s AND state = 'running' FOR NO KEY UPDATE
"""
LOCK = f"""
SELECT {mapping.CALL_COLUMNS} FROM calling_call c WHERE c.id = %s
    AND c.consult_id IS NULL AND c.supervisors IS NULL AND (c.consult_of IS NULL OR NOT c.consulting)
    AND (c.supervises IS NULL OR c.state = 'ended') FOR UPDATE
"""
"""A call alone (`linked_ids` says that there are none), as most are."""
LOCKED_LEGS = f"SELECT {mapping.LEGS} FROM calling_call c WHERE c.id = %s"
"""A statement of its own in the same message: it sees what was committed while the lock was waited for."""
OUTSIDE, OFFERS = "filling = repeat(' ', 1090)", range(750, 1900)
"""Makes the row of a leg that gets an offer of that length so long that PostgreSQL puts the offer outside of
it at once (migration `0037_offers_outside`). It is a few bytes itself then."""


def lock_world(call_id: UUID | str, fence: Fence | None = None) -> tuple[World, dict[str, models.Call]]:
    """Lock a call and those linked with it (consultation, supervisors), in id order; inside a transaction.
    `fence`: a media session and the epoch that it must still have; its row is locked before them.

    Raises NotFound, StaleEpoch, and LinksMoved when the links changed meanwhile (the caller starts again, so
    that locks are only ever taken in one order).
    """
    try:
        key = UUID(str(call_id))
    except ValueError as error:
        raise errors.NotFound from error
    with connection.cursor() as cursor:
        fenced = [(FENCE, fence)] if fence is not None else []
        prepared.send(cursor, *fenced, (LOCK, [key]), (LOCKED_LEGS, [key]))
        if fenced:
            if cursor.fetchone() is None:
                raise StaleEpoch
            cursor.nextset()
        found = cursor.fetchone()
        if found is not None:
            cursor.nextset()
            row, (legs,) = mapping.call_row(found), cursor.fetchone()
            return {str(row.id): mapping.whole_call(row, legs)}, {str(row.id): row}
    first = queries.get(call_id)
    wanted = all_linked_ids(first)
    rows = list(models.Call.objects.select_for_update().filter(pk__in=wanted).order_by("id"))
    if not any(row.id == first.id for row in rows):
        raise errors.NotFound
    if not {other for row in rows for other in linked_ids(row)} <= wanted:
        raise LinksMoved
    return {call.id: call for call in queries.values(rows)}, {str(row.id): row for row in rows}


def save_world(
    before: World,
    after: World,
    rows: dict[str, models.Call],
    events: Sequence[models.Event] = (),
    fresh: str | None = None,
    agreed: Mapping[str, dict[str, Any]] | None = None,
    commit: bool = False,
) -> None:
    """Write what the machine changed: calls, legs (which may have moved between calls) and attempts, and the
    events that tell of it, under whose numbers the calls of `rows` are counted already.

    `fresh`: the call that is not a row yet. `agreed`: by leg, what its media agreed on: no state of the
    machine. `commit`: with it the transaction ends.
    """
    agreed = agreed or {}
    counted = {str(event.call_id) for event in events}
    homes = {leg.id: call.id for call in before.values() for leg in call.legs}
    known = {leg.id: leg for call in before.values() for leg in call.legs if call.id != fresh}
    rest = OneStatement()
    for call in sorted(after.values(), key=lambda call: call.id != fresh):
        row = rows[call.id]
        old = before.get(call.id) if call.id != fresh else None
        changed = (
            {}
            if old == call
            else differing(mapping.call_columns(old) if old else {}, mapping.call_columns(call))
        )
        for name, value in changed.items():
            setattr(row, name, value)
        if call.id == fresh:
            session = row.session
            rest.first([session] if session is not None and session._state.adding else [])
            rest.first([row])
        else:
            rest.update(
                models.Call, row.id, changed | ({"sequence": row.sequence} if call.id in counted else {})
            )
        new = [(at, leg) for at, leg in enumerate(call.legs) if leg.id not in known]
        rest.first([new_leg(call.id, leg, at) for at, leg in new])
        rest.first([new_attempt(leg, attempt) for _, leg in new for attempt in leg.attempts])
        for position, leg in enumerate(call.legs):
            was = known.get(leg.id)
            if was is not None and (was != leg or homes[leg.id] != call.id or leg.id in agreed):
                columns = differing(mapping.leg_columns(was), mapping.leg_columns(leg))
                if homes[leg.id] != call.id:
                    columns["call_id"] = call.id
                if leg.id in agreed:
                    columns["codec"] = agreed[leg.id]
                if columns:
                    also = OUTSIDE if len(columns.get("offer") or "") in OFFERS else ""
                    rest.update(models.Leg, leg.id, columns | {"position": position}, also)
                save_attempts(was, leg, rest)
    positions.write(events, rest)
    positions.note(events, rest.run(commit=commit))


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that changed. What did not, such as an SDP, is not written again."""
    return {name: value for name, value in after.items() if name not in before or before[name] != value}


def new_leg(call_id: str, leg: Leg, position: int) -> models.Leg:
    return models.Leg(id=leg.id, call_id=call_id, position=position, **mapping.leg_columns(leg))


def new_attempt(leg: Leg, attempt: Attempt) -> models.Attempt:
    return models.Attempt(id=attempt.id, leg_id=leg.id, **mapping.attempt_columns(attempt))


def save_attempts(was: Leg, leg: Leg, rest: OneStatement) -> None:
    if was.attempts == leg.attempts:
        return
    old = {attempt.id: attempt for attempt in was.attempts}
    rest.first([new_attempt(leg, attempt) for attempt in leg.attempts if attempt.id not in old])
    for attempt in leg.attempts:
        if attempt.id in old and old[attempt.id] != attempt:
            changed = differing(mapping.attempt_columns(old[attempt.id]), mapping.attempt_columns(attempt))
            rest.update(models.Attempt, attempt.id, changed)
