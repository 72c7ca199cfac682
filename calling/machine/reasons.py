"""Why things end: the words of docs/contract.md#call-end. Pure."""

from __future__ import annotations

from enum import StrEnum


class EndReason(StrEnum):
    """What a user is told when a call or leg is over."""

    HANGUP = "hangup"
    CANCELLED = "cancelled"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    REJECTED = "rejected"
    FAILED = "failed"
    TRANSFERRED = "transferred"


class Cause:
    """What an engineer is told: open-ended (`sip_<code>` too), hence plain strings."""

    NORMAL = "normal"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    NO_DEVICE = "no_device"
    UNREACHABLE = "unreachable"
    NOT_ALLOWED = "not_allowed"
    MEDIA_FAILED = "media_failed"
    WORKER_LOST = "worker_lost"
    MAX_DURATION = "max_duration"
    DRAINED = "drained"
    NO_CAPACITY = "no_capacity"
    MEDIA_FLOOD = "media_flood"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    DEVICE_LOST = "device_lost"
    SCRIPT_ERROR = "script_error"


class EndedBy(StrEnum):
    CALLER = "caller"
    CALLEE = "callee"
    TARGET = "target"
    API = "api"
    PLATFORM = "platform"


SIP_REASONS = {
    486: EndReason.BUSY,
    600: EndReason.BUSY,
    603: EndReason.REJECTED,
    607: EndReason.REJECTED,
    608: EndReason.REJECTED,
    403: EndReason.REJECTED,
    408: EndReason.NO_ANSWER,
    480: EndReason.NO_ANSWER,
    487: EndReason.CANCELLED,
}


def sip_reason(code: int) -> EndReason:
    """Our reason for a SIP final status (RFC 3261 section 21); the code itself goes into the cause."""
    return SIP_REASONS.get(code, EndReason.FAILED)
