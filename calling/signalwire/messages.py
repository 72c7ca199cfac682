"""A written message, and a call among messages, in the words of SignalWire's conversations. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from calling.machine.reasons import EndReason

if TYPE_CHECKING:
    from calling import models

Message = dict[str, Any]


def milliseconds(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def payload(row: models.TextMessage) -> Message:
    """One message: of `GET …/messages` and of the event `conversation.message`. `ts`: unix milliseconds."""
    return {
        "id": str(row.pk),
        "type": "message",
        "subtype": "chat",
        "kind": "text",
        "hidden": False,
        "group_id": str(row.conversation_id),
        "conversation_id": str(row.conversation_id),
        "conversation_name": "",
        "from_fabric_address_id": str(row.address_id or ""),
        "user_name": row.name,
        "ts": milliseconds(row.created_at),
        "metadata": {},
        "details": {},
        "text": row.text,
    }


def call_payload(row: models.Call, group_id: str, caller_id: str) -> Message:
    """A call that has ended, as an entry of `history$`. `caller_id`: the address id of who made it."""
    status = "answered" if row.answered_at is not None else row.end_reason or EndReason.FAILED.value
    return {
        "id": str(row.pk),
        "type": "message",
        "subtype": "log",
        "kind": "call",
        "hidden": False,
        "group_id": group_id,
        "conversation_id": group_id,
        "conversation_name": "",
        "from_fabric_address_id": caller_id,
        "user_name": row.from_name,
        "ts": milliseconds(row.created_at),
        "metadata": {},
        "details": {
            "status": status,
            "start_time": milliseconds(row.answered_at or row.created_at),
            "end_time": milliseconds(row.ended_at),
        },
        "text": None,
    }
