"""SignalWire's `CallLeg`: what every calling command answers with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone

from calling import models, payloads, store
from calling.machine.states import Call

TYPES = {"pstn": "relay_pstn_call", "sip": "relay_sip_call"}


def call_leg(call_id: UUID | str, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """The call as a SignalWire client reads it; `extra` adds fields such as `control_id`.

    Unlike SignalWire's, a call to a subscriber has its real status.
    """
    row = store.get(call_id)
    call = store.values([row])[0]
    milliseconds = talked_ms(call)
    subscriber = row.api_dialled and row.kind == "subscriber"
    run = models.ScriptRun.objects.filter(call_id=row.id).order_by("-created_at").first()
    return {
        "id": call.id,
        "from": row.from_address or row.caller_id,
        "to": row.to_address,
        "direction": "outbound-api" if row.api_dialled else "inbound",
        "status": call.state.value,
        "duration": milliseconds // 1000,
        "duration_ms": milliseconds,
        "billing_ms": milliseconds,
        "url": (run.url if run is not None else "") or None,
        "source": "realtime_api",
        "type": "fabric_subscriber_device_leg" if subscriber else TYPES.get(row.kind, "relay_webrtc_call"),
        "parent_id": call.consult_of,
        "charge": 0.0,
        "charge_details": [],
        "created_at": payloads.rfc3339(row.created_at),
        **(extra or {}),
    }


def talked_ms(call: Call) -> int:
    """From the answer to the end, or until now."""
    if call.answered_at is None:
        return 0
    return max(0, int(((call.ended_at or timezone.now()) - call.answered_at).total_seconds() * 1000))
