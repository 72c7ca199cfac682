"""What a call was to one of its parties: made or received, taken or missed. Asks nothing
of the database.

Lives here: that judgement and the JSON of one entry. Which calls are whose is `calling.api.history`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from calling import models
from calling.calls.payloads import spoken_ms
from calling.machine.reasons import Cause, EndReason
from rest.json_bodies import rfc3339

# How a call ends that rang in vain. Whoever rejects a call has seen it.
IN_VAIN = (EndReason.NO_ANSWER, EndReason.CANCELLED, EndReason.BUSY, EndReason.FAILED)
CALLER = "caller"


def entry(call: models.Call, own: Sequence[models.Leg], seen_at: datetime | None) -> dict[str, Any]:
    """One call as the owner of the legs `own` (at least one) remembers it.

    `from_name` and `to_name` are null where no name is known. `seen` is false for a missed call that came
    after `seen_at`.
    """
    made = any(leg.role == CALLER for leg in own)
    lost = not made and missed(own)
    callee = next((leg for leg in call.legs.all() if leg.role == "callee"), None)
    name = callee.name if callee is not None and callee.name not in ("", callee.address) else None
    return {
        "id": str(call.id),
        "direction": "outbound" if made else "inbound",
        "missed": lost,
        "seen": not lost or (seen_at is not None and call.created_at <= seen_at),
        "state": call.state,
        "kind": call.kind,
        "from": call.from_address or None,
        "from_name": call.from_name or None,
        "to": call.to_address,
        "to_name": name,
        "created_at": rfc3339(call.created_at),
        "answered_at": rfc3339(call.answered_at),
        "ended_at": rfc3339(call.ended_at),
        "duration_ms": spoken_ms(call.answered_at, call.ended_at),
        "end_reason": call.end_reason,
        "end_cause": call.end_cause,
    }


def missed(own: Sequence[models.Leg]) -> bool:
    """Whether a received call rang in vain: no leg of the party ever had media (a device answers with it)."""
    if any(leg.state != "ended" or leg.peer_id is not None for leg in own):
        return False
    return any(leg.end_reason in IN_VAIN and leg.end_cause != Cause.ANSWERED_ELSEWHERE for leg in own)
