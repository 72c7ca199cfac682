"""How the staff pages write times, lengths, ends and what an audit line is about. Nothing is looked up."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django import template
from django.template.defaultfilters import date
from django.urls import reverse
from django.utils import timezone

from calling.models import StaffAction

register = template.Library()

# The page of what an action was about, where its subject is an id.
PAGES = {
    "call": "call",
    "webhook": "webhook",
    "delivery": "delivery",
    "subscriber": "subscriber",
}
EDITED = ("room", "gateway", "endpoint", "script", "number")


@register.filter
def moment(value: datetime | None, empty: str = "–") -> str:
    """A time in the viewer's zone, which is named: `2026-11-28 13:18:57 CET`."""
    if value is None:
        return empty
    return date(timezone.localtime(value), "Y-m-d H:i:s T")


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds as `0:07`, `12:30` or `1:02:03`; a dash for None."""
    if seconds is None:
        return "–"
    whole = int(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def duration_ms(milliseconds: float | None) -> str:
    return duration(None if milliseconds is None else round(milliseconds / 1000))


@register.filter
def money(amount: str | None) -> str:
    """An amount of six decimals without the zeros that say nothing: `24.50`, `0.012`, `-0.50`."""
    if not amount:
        return ""
    whole, _, decimals = str(amount).partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


@register.filter
def spaced(name: str) -> str:
    """A stored word as people write it: `top_up` is `top up`."""
    return name.replace("_", " ")


@register.filter
def subject_page(row: StaffAction) -> str:
    """The page of what an audit line is about; empty where it has none."""
    kind, _, verb = row.action.partition(".")
    about = str(row.detail.get("call", "")) if kind == "recording" else row.subject
    if not is_id(about):
        listed = {"token": "subscribers", "phone": "subscribers", "number": "lines", "api_token": "project"}
        return reverse(f"dashboard:{listed[kind]}") if kind in listed else ""
    if kind == "recording":
        return reverse("dashboard:call", args=[about])
    if verb == "delete" or kind in ("staff", "alert"):
        return ""
    if (kind, verb) == ("room", "remove"):
        return reverse("dashboard:call", args=[about])
    if kind in PAGES:
        return reverse(f"dashboard:{PAGES[kind]}", args=[about])
    return reverse("dashboard:change", args=[f"{kind}s", about]) if kind in EDITED else ""


@register.filter
def subject_words(row: StaffAction) -> str:
    """What an audit line is about, in words: a name where one was kept, else the kind and the id's begin."""
    if not is_id(row.subject):
        return row.subject
    kind = row.action.partition(".")[0].replace("_", " ")
    return str(row.detail.get("name") or row.detail.get("url") or f"{kind} {row.subject[:8]}…")


def is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


_REASONS = {
    "hangup": "hung up",
    "cancelled": "cancelled by the caller",
    "busy": "busy",
    "no-answer": "not answered",
    "rejected": "declined",
    "failed": "failed",
    "transferred": "transferred",
}
_CAUSES = {
    "answered_elsewhere": "answered on another device",
    "no_device": "no device was online",
    "unreachable": "the other side could not be reached",
    "not_allowed": "not allowed",
    "media_failed": "no media connection",
    "worker_lost": "the media worker was lost",
    "max_duration": "longest duration reached",
    "drained": "the platform was restarted",
    "no_capacity": "no capacity",
    "media_flood": "too many packets",
    "insufficient_balance": "no balance left",
    "device_lost": "the device lost its connection",
    "script_error": "an error in the script",
}
_BY = {"api": "staff or API", "platform": "the platform"}


@register.filter
def ended(row: object) -> str:
    """Why a call or a leg ended, in words: `hung up by caller`, `failed: no device was online`."""
    reason = getattr(row, "end_reason", None)
    if not reason:
        return ""
    words = end_words(reason, getattr(row, "end_cause", None))
    by = getattr(row, "ended_by", None)
    return f"{words} by {_BY.get(by, by)}" if by and reason == "hangup" and ":" not in words else words


def end_words(reason: str, cause: str | None) -> str:
    words = _REASONS.get(reason, reason)
    if not cause or cause == "normal" or cause == reason:
        return words
    shown = _CAUSES.get(cause) or (
        f"SIP {cause[4:]}" if cause.startswith("sip_") else cause.replace("_", " ")
    )
    return f"{words}: {shown}"
