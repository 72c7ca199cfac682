"""Calls, legs and attempts as columns, as rows and as values of the machine, and back.

What must not live here: a statement (`queries`, `store`), and any rule.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import JSONField

from calling import models
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
)

UNTOUCHED = Settings()

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


# --- values of rows, and their columns


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
