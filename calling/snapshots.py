"""Rows ↔ the machine's values. Pure mapping: no query, no rule, no clock."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

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
    Timer,
    TimerKind,
    Transfer,
)


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
        "device_id": leg.device_id,
        "app": leg.app,
        "app_ref": leg.app_ref,
        "state": leg.state.value,
        "held": leg.held,
        "muted": sorted(leg.muted),
        "media": media_json(leg.media),
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


def media_json(media: Media) -> dict[str, bool]:
    return {
        "audio": media.audio,
        "video": media.video,
        "receive_audio": media.receive_audio,
        "receive_video": media.receive_video,
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
