"""SignalWire's `CallLeg`: what every calling command answers with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import clock
from calling import models
from calling.calls import queries
from calling.machine.states import Call
from rest.json_bodies import rfc3339

TYPES = {"pstn": "relay_pstn_call", "sip": "relay_sip_call"}


def call_leg(call_id: UUID | str, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """The call as a SignalWire client reads it; `extra` adds fields such as `control_id`."""
    return {**call_legs([queries.get(call_id)])[0], **(extra or {})}


def call_legs(rows: Sequence[models.Call]) -> list[dict[str, Any]]:
    """The same of several calls, in their order, with as many queries as for one."""
    runs = models.ScriptRun.objects.filter(call__in=rows).order_by("created_at")
    urls = dict(runs.values_list("call_id", "url"))  # the newest run's
    calls = {call.id: call for call in queries.values(rows)}
    return [_call_leg(row, calls[str(row.pk)], urls.get(row.pk, "")) for row in rows]


def _call_leg(row: models.Call, call: Call, url: str) -> dict[str, Any]:
    """Unlike SignalWire's, a call to a subscriber has its real status."""
    milliseconds = talked_ms(call)
    subscriber = row.api_dialled and row.kind == "subscriber"
    return {
        "id": call.id,
        "from": row.from_address or row.caller_id,
        "to": row.to_address,
        "direction": "outbound-api" if row.api_dialled else "inbound",
        "status": call.state.value,
        "duration": milliseconds // 1000,
        "duration_ms": milliseconds,
        "billing_ms": milliseconds,
        "url": url or None,
        "source": "realtime_api",
        "type": "fabric_subscriber_device_leg" if subscriber else TYPES.get(row.kind, "relay_webrtc_call"),
        "parent_id": call.consult_of,
        "charge": 0.0,
        "charge_details": [],
        "created_at": rfc3339(row.created_at),
    }


def talked_ms(call: Call) -> int:
    """From the answer to the end, or until now."""
    if call.answered_at is None:
        return 0
    return max(0, int(((call.ended_at or clock.now()) - call.answered_at).total_seconds() * 1000))
