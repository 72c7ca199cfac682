"""The one JSON shape of a call, for REST, sockets and webhooks alike (contract 5 and 7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from calling import models
from calling.machine.states import Call, Leg

# Seconds, packets of sound that came, were lost on the way, were sent; means in ms; MOS from 1 to 4.5.
QUALITY = ("seconds", "packets", "lost", "sent", "jitter_ms", "rtt_ms", "mos", "mos_least")


def rfc3339(when: datetime | None) -> str | None:
    """UTC with milliseconds, `Z` at the end."""
    if when is None:
        return None
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def direction(send: bool, receive: bool) -> str:
    return {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}.get(
        (send, receive), "inactive"
    )


def media_payload(leg: Leg, codec: dict[str, Any]) -> dict[str, Any]:
    media = leg.media
    return {
        "state": leg.media_state.value,
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


def duration_ms(call: Call) -> int:
    """Talking time: from the answer to the end; 0 while it is not over or was never answered."""
    if call.answered_at is None or call.ended_at is None:
        return 0
    return int((call.ended_at - call.answered_at).total_seconds() * 1000)


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
        "to": row.to_address,
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
        "metadata": row.metadata,
        "legs": legs,
    }


def quality_payload(leg_id: str, role: str, codec: dict[str, Any], newest: Any) -> dict[str, Any]:
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
    """The published object (contract 7). Project events have no sequence."""
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


def recording_payload(row: models.Recording, url: str | None) -> dict[str, Any]:
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
    }
