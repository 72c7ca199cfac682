"""The only writer of calls, legs and attempts: lock, read into machine values, save what changed.

No rule lives here and nobody is told from here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection, transaction
from django.db.models import JSONField, OuterRef
from django.db.models.functions import JSONObject
from psycopg import IsolationLevel

from calling import models
from calling.calls import positions
from calling.calls.one_statement import OneStatement
from calling.machine.reasons import EndedBy, EndReason
from calling.machine.states import (
    Attempt,
    AttemptState,
    Call,
    CallState,
    Leg,
    LegState,
    Media,
    MediaState,
    Party,
    Role,
    Settings,
    Supervision,
    SupervisionMode,
    Timer,
    TimerKind,
    Transfer,
    World,
)
from rest import errors

UNTOUCHED = Settings()


def read_legs(call_ids: Iterable[UUID]) -> dict[UUID, tuple[Leg, ...]]:
    """The machine legs of some calls, in their order."""
    found = leg_rows(call_ids)
    return {
        call_id: tuple(leg_value(row, attempts_of(row)) for row in rows) for call_id, rows in found.items()
    }


CALL_FIELDS = models.Call._meta.concrete_fields
CALL_COLUMNS = ", ".join(f'c."{field.column}"' for field in CALL_FIELDS)
"""What `call_row` takes, in its order, of a `calling_call c`."""
LEG_COLUMNS = ", ".join(
    f'l."{field.column}"' for field in models.Leg._meta.concrete_fields if field.name != "stats"
)
ATTEMPT_COLUMNS = ("id", "device_id", "kind", "state", "reason", "offer")
LEGS = f"""(
    SELECT json_agg(whole ORDER BY whole.position, whole.id)::text FROM (
        SELECT {LEG_COLUMNS}, (
            SELECT json_agg(json_build_object({", ".join(f"'{each}', a.{each}" for each in ATTEMPT_COLUMNS)})
                            ORDER BY a.id)
            FROM calling_attempt a WHERE a.leg_id = l.id
        ) AS tries FROM calling_leg l WHERE l.call_id = c.id
    ) whole)"""
"""The legs of a `calling_call c` with their attempts, as JSON (`legs_of_json`).

Not in a statement that locks the call: it would see the legs as they were before it waited.
"""


def legs_where(condition: str) -> str:
    """The legs `l` of which that holds, without their attempts, oldest first, as JSON (`legs_of_json`)."""
    return f"""(
    SELECT json_agg(whole ORDER BY whole.id)::text FROM (
        SELECT {LEG_COLUMNS} FROM calling_leg l WHERE {condition}
    ) whole)"""


def call_row(found: Sequence[Any]) -> models.Call:
    """The row of a call whose `CALL_COLUMNS` were read."""
    pairs = zip(CALL_FIELDS, found, strict=True)
    values = [
        json.loads(value) if isinstance(value, str) and isinstance(field, JSONField) else value
        for field, value in pairs
    ]
    return models.Call.from_db(connection.alias, [field.attname for field in CALL_FIELDS], values)


def legs_of_json(text: str | None) -> list[tuple[models.Leg, list[models.Attempt]]]:
    """The legs that `LEGS` or `legs_where` read, in their order."""
    found = []
    for each in json.loads(text or "[]"):
        tries = each.pop("tries", None) or []
        leg = models.Leg(**each)
        found.append((leg, [models.Attempt(leg_id=leg.id, **attempt) for attempt in tries]))
    return found


def whole_call(row: models.Call, legs: str | None) -> Call:
    """The call of a row and of its `LEGS`; the row learns the codecs of its legs."""
    found = legs_of_json(legs)
    row.codecs = {str(leg.id): leg.codec for leg, _ in found}
    return call_value(row, tuple(leg_value(leg, attempts) for leg, attempts in found))


# An attempt's columns travel with its leg: two tables, one statement.
ATTEMPTS = ArraySubquery(
    models.Attempt.objects.filter(leg_id=OuterRef("pk"))
    .order_by("id")
    .values(whole=JSONObject(**{name: name for name in ATTEMPT_COLUMNS}))
)


def leg_rows(call_ids: Iterable[UUID]) -> dict[UUID, list[models.Leg]]:
    """The rows of the legs of some calls, in their order, each with its attempts (`attempts_of`)."""
    legs = models.Leg.objects.filter(call_id__in=list(call_ids)).defer("stats").annotate(tries=ATTEMPTS)
    found: dict[UUID, list[models.Leg]] = defaultdict(list)
    for row in legs.order_by("position", "id"):
        found[row.call_id].append(row)
    return found


def attempts_of(row: models.Leg) -> list[models.Attempt]:
    tries: list[dict[str, Any]] = row.tries  # type: ignore[attr-defined]  # the annotation
    return [models.Attempt(leg_id=row.id, **each) for each in tries]


def values(rows: Iterable[models.Call]) -> list[Call]:
    """The calls of some rows; each row learns the codecs of its legs."""
    rows = list(rows)
    legs = leg_rows([row.id for row in rows])
    for row in rows:
        row.codecs = {str(leg.id): leg.codec for leg in legs[row.id]}
    return [call_value(row, tuple(leg_value(leg, attempts_of(leg)) for leg in legs[row.id])) for row in rows]


def snapshot(call_id: UUID | str) -> Call:
    """One call as it stands. Raises NotFound."""
    return values([get(call_id)])[0]


def get(call_id: UUID | str) -> models.Call:
    try:
        return models.Call.objects.get(pk=call_id)
    except (models.Call.DoesNotExist, ValueError) as error:
        raise errors.NotFound from error


@contextmanager
def repeatable_read() -> Iterator[None]:
    """What is read inside is of one moment, unless a transaction is open already.

    A call is several rows: read one by one while a device answers, its leg was not answered yet and its
    attempt not live any more, and the media session closed the peer that had made the offer.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    connection.ensure_connection()
    plain = connection.connection
    if not plain.closed:  # one that is lost says so at the first statement
        plain.isolation_level, plain.read_only = IsolationLevel.REPEATABLE_READ, True  # BEGIN says so
    try:
        with transaction.atomic():
            yield
    finally:
        if connection.connection is plain and not plain.closed:
            plain.isolation_level = plain.read_only = None


def session_calls(session_id: UUID | str) -> list[Call]:
    """The live calls of a media session, oldest first."""
    rows = (
        models.Call.objects.filter(session__id=session_id).exclude(state="ended").order_by("created_at", "id")
    )
    return values(rows)


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
    """The worker's lease was taken over: whatever it says no longer counts."""


Fence = tuple[UUID | str, int]
FENCE = """
SELECT 1 FROM calling_mediasession WHERE id = %s AND epoch = %s AND state = 'running' FOR NO KEY UPDATE
"""
# Two statements in one message: the second sees what was committed while the first waited.
LOCK = f"""
SELECT {CALL_COLUMNS} FROM calling_call c WHERE c.id = %s
    AND c.consult_id IS NULL AND c.supervisors IS NULL AND (c.consult_of IS NULL OR NOT c.consulting)
    AND (c.supervises IS NULL OR c.state = 'ended') FOR UPDATE;
SELECT {LEGS} FROM calling_call c WHERE c.id = %s
"""
"""A call alone (`linked_ids` says that there are none), as most are."""


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
        if fence is None:
            cursor.execute(LOCK, [key, key])
        else:
            cursor.execute(f"{FENCE}; {LOCK}", [*fence, key, key])
            if cursor.fetchone() is None:
                raise StaleEpoch
            cursor.nextset()
        found = cursor.fetchone()
        if found is not None:
            cursor.nextset()
            row, (legs,) = call_row(found), cursor.fetchone()
            return {str(row.id): whole_call(row, legs)}, {str(row.id): row}
    first = get(call_id)
    wanted = all_linked_ids(first)
    rows = list(models.Call.objects.select_for_update().filter(pk__in=wanted).order_by("id"))
    if not any(row.id == first.id for row in rows):
        raise errors.NotFound
    if not {other for row in rows for other in linked_ids(row)} <= wanted:
        raise LinksMoved
    return {call.id: call for call in values(rows)}, {str(row.id): row for row in rows}


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
        changed = {} if old == call else differing(call_columns(old) if old else {}, call_columns(call))
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
                columns = differing(leg_columns(was), leg_columns(leg))
                if homes[leg.id] != call.id:
                    columns["call_id"] = call.id
                if leg.id in agreed:
                    columns["codec"] = agreed[leg.id]
                if columns:
                    rest.update(models.Leg, leg.id, columns | {"position": position})
                save_attempts(was, leg, rest)
    positions.write(events, rest)
    positions.note(events, rest.run(commit=commit))


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that changed. What did not, such as an SDP, is not written again."""
    return {name: value for name, value in after.items() if name not in before or before[name] != value}


def new_leg(call_id: str, leg: Leg, position: int) -> models.Leg:
    return models.Leg(id=leg.id, call_id=call_id, position=position, **leg_columns(leg))


def new_attempt(leg: Leg, attempt: Attempt) -> models.Attempt:
    return models.Attempt(id=attempt.id, leg_id=leg.id, **attempt_columns(attempt))


def save_attempts(was: Leg, leg: Leg, rest: OneStatement) -> None:
    if was.attempts == leg.attempts:
        return
    old = {attempt.id: attempt for attempt in was.attempts}
    rest.first([new_attempt(leg, attempt) for attempt in leg.attempts if attempt.id not in old])
    for attempt in leg.attempts:
        if attempt.id in old and old[attempt.id] != attempt:
            changed = differing(attempt_columns(old[attempt.id]), attempt_columns(attempt))
            rest.update(models.Attempt, attempt.id, changed)


def text(value: UUID | None) -> str | None:
    return str(value) if value is not None else None


def attempt_value(row: models.Attempt) -> Attempt:
    return Attempt(str(row.id), str(row.device_id), row.kind, AttemptState(row.state), row.reason, row.offer)


def leg_value(row: models.Leg, attempts: list[models.Attempt]) -> Leg:
    return Leg(
        id=str(row.id),
        role=Role(row.role),
        party=Party(row.party),
        address=row.address,
        name=row.name,
        subscriber_id=text(row.subscriber_id),
        holder=row.holder,
        part=row.part,
        part_of=text(row.part_of),
        settings=Settings(**(row.settings or {})),
        device_id=text(row.device_id),
        app=row.app,
        app_ref=row.app_ref,
        state=LegState(row.state),
        held=row.held,
        muted=frozenset(row.muted),
        media=Media(**row.media),
        media_state=MediaState(row.media_state),
        peer_id=text(row.peer_id),
        offer=row.offer,
        answer=row.answer,
        serial=row.serial,
        offered=row.offered,
        attempts=tuple(attempt_value(attempt) for attempt in attempts),
        end_reason=EndReason(row.end_reason) if row.end_reason else None,
        end_cause=row.end_cause,
        former_call_id=text(row.former_call_id),
        refusal=row.refusal,
        rang=row.rang,
        early_media=row.early_media,
        route=json.dumps(row.route),
    )


def leg_columns(leg: Leg) -> dict[str, Any]:
    """The columns of `models.Leg` that the machine owns (not codec and stats)."""
    return {
        "role": leg.role.value,
        "party": leg.party.value,
        "address": leg.address,
        "name": leg.name,
        "subscriber_id": leg.subscriber_id,
        "holder": leg.holder,
        "part": leg.part,
        "part_of": leg.part_of,
        "settings": asdict(leg.settings) if leg.settings != UNTOUCHED else None,
        "device_id": leg.device_id,
        "app": leg.app,
        "app_ref": leg.app_ref,
        "state": leg.state.value,
        "held": leg.held,
        "muted": sorted(leg.muted),
        "media": asdict(leg.media),
        "media_state": leg.media_state.value,
        "peer_id": leg.peer_id,
        "offer": leg.offer,
        "answer": leg.answer,
        "serial": leg.serial,
        "offered": leg.offered,
        "early_media": leg.early_media,
        "rang": leg.rang,
        "refusal": leg.refusal,
        "end_reason": leg.end_reason.value if leg.end_reason else None,
        "end_cause": leg.end_cause,
        "former_call_id": leg.former_call_id,
        "route": json.loads(leg.route),
    }


def attempt_columns(attempt: Attempt) -> dict[str, Any]:
    return {
        "device_id": attempt.device_id,
        "kind": attempt.kind,
        "state": attempt.state.value,
        "reason": attempt.reason,
        "offer": attempt.offer,
    }


def waiting_leg_json(leg: Leg) -> dict[str, Any]:
    """A leg that is not a row yet (`connect` of a dial), as JSON in its call's row."""
    columns = leg_columns(leg)
    return {
        "id": leg.id,
        **{name: str(value) if isinstance(value, UUID) else value for name, value in columns.items()},
        "attempts": [{"id": attempt.id, **attempt_columns(attempt)} for attempt in leg.attempts],
    }


def waiting_leg_value(data: dict[str, Any]) -> Leg:
    attempts = [models.Attempt(**attempt) for attempt in data["attempts"]]
    columns = {name: value for name, value in data.items() if name != "attempts"}
    return leg_value(models.Leg(**columns), attempts)


def timer_json(timer: Timer) -> dict[str, Any]:
    return {"kind": timer.kind.value, "at": timer.at.isoformat(), "leg_id": timer.leg_id}


def timer_value(data: dict[str, Any]) -> Timer:
    return Timer(TimerKind(data["kind"]), datetime.fromisoformat(data["at"]), data["leg_id"])


def transfer_json(transfer: Transfer | None) -> dict[str, Any] | None:
    if transfer is None:
        return None
    return {
        "waiting": transfer.waiting,
        "targets": list(transfer.targets),
        "to": transfer.to,
        "by": transfer.by,
        "connect": transfer.connect,
        "scripted": transfer.scripted,
    }


def supervision_value(row: models.Call) -> Supervision | None:
    if row.supervises is None:
        return None
    words = row.supervision or {}
    return Supervision(
        call_id=str(row.supervises),
        mode=SupervisionMode(words["mode"]),
        leg_id=words.get("leg_id"),
        by=words.get("by", ""),
        tone=words.get("tone", False),
    )


def supervision_columns(call: Call) -> dict[str, Any]:
    wanted = call.supervision
    words = asdict(wanted) if wanted is not None else None
    return {
        "supervises": words.pop("call_id") if words is not None else None,
        "supervision": words,
        "supervisors": list(call.supervisors) or None,
    }


def call_value(row: models.Call, legs: tuple[Leg, ...]) -> Call:
    transfer = row.transfer
    return Call(
        id=str(row.id),
        legs=legs,
        state=CallState(row.state),
        ring_seconds=row.ring_seconds,
        max_seconds=row.max_seconds,
        carried=row.carried,
        program=text(row.program),
        connect=tuple(waiting_leg_value(leg) for leg in row.connect),
        transfer=Transfer(**{**transfer, "targets": tuple(transfer["targets"])}) if transfer else None,
        consult_id=text(row.consult_id),
        consult_of=text(row.consult_of),
        consulting=row.consulting,
        supervision=supervision_value(row),
        supervisors=tuple(row.supervisors or ()),
        timers=tuple(timer_value(timer) for timer in row.timers),
        ringing_at=row.ringing_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        end_reason=EndReason(row.end_reason) if row.end_reason else None,
        end_cause=row.end_cause,
        ended_by=EndedBy(row.ended_by) if row.ended_by else None,
        sip_code=row.sip_code,
        sip_headers=tuple(row.sip_headers.items()),
    )


def call_columns(call: Call) -> dict[str, Any]:
    """The columns of `models.Call` that the machine owns."""
    return {
        "state": call.state.value,
        "ring_seconds": call.ring_seconds,
        "max_seconds": call.max_seconds,
        "carried": call.carried,
        "program": call.program,
        "connect": [waiting_leg_json(leg) for leg in call.connect],
        "transfer": transfer_json(call.transfer),
        "consult_id": call.consult_id,
        "consult_of": call.consult_of,
        "consulting": call.consulting,
        **supervision_columns(call),
        "timers": [timer_json(timer) for timer in call.timers],
        "deadline": call.next_deadline,
        "ringing_at": call.ringing_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "end_reason": call.end_reason.value if call.end_reason else None,
        "end_cause": call.end_cause,
        "ended_by": call.ended_by.value if call.ended_by else None,
        "sip_code": call.sip_code,
        "sip_headers": dict(call.sip_headers),
    }
