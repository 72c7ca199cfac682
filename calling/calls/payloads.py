"""The one JSON shape of a call, for REST, sockets and webhooks alike (docs/contract.md#reading-calls)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from calling import models
from calling.machine.states import Call, Leg, Role
from rest.json_bodies import rfc3339

# Seconds, packets of sound that came, were lost on the way, were sent; means in ms; MOS from 1 to 4.5.
QUALITY = ("seconds", "packets", "lost", "sent", "jitter_ms", "rtt_ms", "mos", "mos_least")


def direction(send: bool, receive: bool) -> str:
    return {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}.get(
        (send, receive), "inactive"
    )


def media_payload(leg: Leg, codec: dict[str, Any]) -> dict[str, Any]:
    media = leg.media
    return {
        "state": leg.media_state.value if leg.live else "closed",
        "audio": codec.get("audio") or direction(media.audio, media.receive_audio),
        "video": codec.get("video") or direction(media.video, media.receive_video),
        "codec": codec.get("codec"),
    }


def leg_payload(call: Call, leg: Leg, codec: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": leg.id,
        "role": leg.role.value,
        "address": leg.address,
        "state": leg.state.value,
        "held_by": call.held_by(leg.id),
        "muted": sorted(leg.muted),
        "media": media_payload(leg, codec),
        "end_reason": leg.end_reason.value if leg.end_reason else None,
        "end_cause": leg.end_cause,
    }


def supervisor_payload(call: Call, leg: Leg, codec: dict[str, Any]) -> dict[str, Any]:
    """`leg`, the supervisor of a supervisor's call, as a leg of the call that is supervised."""
    wanted = call.supervision
    assert wanted is not None
    return {
        **leg_payload(call, leg, codec),
        "role": "supervisor",
        "mode": wanted.mode.value,
        "supervised_leg_id": wanted.leg_id,
        "supervising_call_id": call.id,
    }


def duration_ms(call: Call) -> int:
    """Talking time: from the answer to the end; 0 while it is not over or was never answered."""
    return spoken_ms(call.answered_at, call.ended_at)


def spoken_ms(answered_at: datetime | None, ended_at: datetime | None) -> int:
    if answered_at is None or ended_at is None:
        return 0
    return int((ended_at - answered_at).total_seconds() * 1000)


def to_name(call: Call) -> str | None:
    """The name of whoever was dialled, where the directory has one besides its address."""
    callee = call.role(Role.CALLEE)
    return callee.name if callee is not None and callee.name not in ("", callee.address) else None


def call_payload(
    call: Call,
    row: models.Call,
    answer_for: str | None = None,
    codecs: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The call as everybody sees it. `answer_for`: the id of the one leg whose SDP answer is added."""
    codecs = codecs or {}
    legs = []
    for leg in call.legs:
        payload = leg_payload(call, leg, codecs.get(leg.id, {}))
        if answer_for is not None and leg.id == answer_for:
            payload["answer"] = leg.answer
        legs.append(payload)
    return {
        "id": call.id,
        "project_id": str(row.project_id),
        "state": call.state.value,
        "from": row.from_address or None,
        "from_name": row.from_name or None,
        "to": row.to_address,
        "diverted_from": row.diverted_from or None,
        "to_name": to_name(call),
        "kind": row.kind,
        "created_at": rfc3339(row.created_at),
        "ringing_at": rfc3339(call.ringing_at),
        "answered_at": rfc3339(call.answered_at),
        "ended_at": rfc3339(call.ended_at),
        "duration_ms": duration_ms(call),
        "end_reason": call.end_reason.value if call.end_reason else None,
        "end_cause": call.end_cause,
        "ended_by": call.ended_by.value if call.ended_by else None,
        "sip_code": call.sip_code,
        "sip_headers": dict(call.sip_headers),
        "consult_of": call.consult_of,
        "supervises": call.supervision.call_id if call.supervision is not None else None,
        "metadata": row.metadata,
        "legs": legs,
    }


def quality_payload(
    leg_id: str, role: str, codec: dict[str, Any], newest: dict[str, Any] | None
) -> dict[str, Any]:
    """How one leg sounded, for `call.ended`: the totals of its newest sample, None where none was taken."""
    so_far = newest.get("so_far") if isinstance(newest, dict) else None
    found = so_far if isinstance(so_far, dict) else {}
    return {
        "leg_id": leg_id,
        "role": role,
        "codec": codec.get("codec"),
        **{name: found.get(name) for name in QUALITY},
    }


def event_payload(
    event_id: str, type: str, when: datetime, data: dict[str, Any], sequence: int | None
) -> dict[str, Any]:
    """The published object (docs/contract.md#events). Project events have no sequence."""
    numbered = {"sequence": sequence} if sequence is not None else {}
    return {"id": event_id, "type": type, "timestamp": rfc3339(when), "data": {**numbered, **data}}


def operation_payload(row: models.Operation) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "call_id": str(row.call_id),
        "leg_id": str(row.leg_id) if row.leg_id else None,
        "control_id": row.control_id,
        "verb": row.verb,
        "state": row.state,
        "result": row.result,
    }


def recording_payload(
    row: models.Recording, url: str | None, transcript: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "call_id": str(row.call_id),
        "leg_id": str(row.leg_id) if row.leg_id else None,
        "control_id": row.control_id,
        "state": row.state,
        "format": row.format,
        "channels": row.channels,
        "duration_ms": row.duration_ms,
        "size": row.size,
        "url": url,
        "transcript": transcript,
    }
