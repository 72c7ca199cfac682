"""How the staff pages write times, lengths, ends and what an audit line is about. Nothing is looked up."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django import template
from django.template.defaultfilters import date
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import get_format, number_format
from django.utils.translation import gettext, gettext_noop, pgettext

from calling.dashboard.audit_words import action_in_words, details_in_words, is_id
from calling.dashboard.code_words import in_words
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
    # As in Django's filter `date`: https://docs.djangoproject.com/en/5.2/ref/templates/builtins/#date
    return date(timezone.localtime(value), pgettext("format of a time", "Y-m-d H:i:s T"))


@register.filter
def day(value: datetime | None) -> str:
    """The day of a time in the viewer's zone: `2026-11-28`, in German `28.11.2026`."""
    return "" if value is None else date(timezone.localtime(value), pgettext("format of a day", "Y-m-d"))


def number(value: float, digits: int = 0) -> str:
    """Rounded, with the decimal sign of the language; Django's own function would cut."""
    return number_format(round(value, digits), digits)


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
    return f"{whole}{get_format('DECIMAL_SEPARATOR')}{decimals.rstrip('0').ljust(2, '0')}"


@register.filter
def action_words(action: str) -> str:
    return action_in_words(action)


@register.filter
def details(detail: dict[str, Any]) -> str:
    return details_in_words(detail)


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


# In this order: most browsers name those before them, too.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Version", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@register.filter
def program(user_agent: str) -> str:
    """A browser by name, version and system, `Firefox 140 · Windows`; anything else as it calls itself."""
    if not user_agent.startswith("Mozilla/"):
        return user_agent
    found = ((name, re.search(rf"\b{token}[A-Za-z]*/(\d+)", user_agent)) for token, name in BROWSERS)
    browser = next((f"{name} {version[1]}" for name, version in found if version), "")
    system = next((name for token, name in SYSTEMS if token in user_agent), "")
    return " · ".join(each for each in (browser, system) if each) or user_agent


@register.filter
def subject_words(row: StaffAction) -> str:
    """What an audit line is about, in words: a name where one was kept, else the kind and the id's begin."""
    if about := getattr(row, "about", ""):
        return str(about)
    if not is_id(row.subject):
        return row.subject
    if row.subject == str(row.project_id):
        return gettext("the project")
    kind = in_words(row.action.partition(".")[0]).replace("_", " ")
    return str(row.detail.get("name") or row.detail.get("url") or f"{kind} {row.subject[:8]}…")


_REASONS = {
    "hangup": gettext_noop("hung up"),
    "cancelled": gettext_noop("cancelled by the caller"),
    "busy": gettext_noop("busy"),
    "no-answer": gettext_noop("not answered"),
    "rejected": gettext_noop("declined"),
    "failed": gettext_noop("failed"),
    "transferred": gettext_noop("transferred"),
}
_CAUSES = {
    "answered_elsewhere": gettext_noop("answered on another device"),
    "no_device": gettext_noop("no device was online"),
    "unreachable": gettext_noop("the other side could not be reached"),
    "not_allowed": gettext_noop("not allowed"),
    "media_failed": gettext_noop("no media connection"),
    "worker_lost": gettext_noop("the media worker was lost"),
    "max_duration": gettext_noop("maximum duration reached"),
    "drained": gettext_noop("the platform was restarted"),
    "no_capacity": gettext_noop("no capacity"),
    "media_flood": gettext_noop("too many packets"),
    "insufficient_balance": gettext_noop("no balance left"),
    "device_lost": gettext_noop("the device lost its connection"),
    "script_error": gettext_noop("an error in the script"),
}
_BY = {
    "api": gettext_noop("staff or API"),
    "platform": gettext_noop("the platform"),
    "caller": gettext_noop("caller"),
    "callee": gettext_noop("callee"),
    "target": gettext_noop("target"),
}


@register.filter
def ended(row: object) -> str:
    """Why a call or a leg ended, in words: `hung up by Alice`, `failed: no device was online`."""
    reason = getattr(row, "end_reason", None)
    if not reason:
        return ""
    words = end_words(reason, getattr(row, "end_cause", None))
    by = getattr(row, "ended_by", None)
    if not by or reason != "hangup" or ":" in words:
        return words
    return gettext("{ended} by {who}").format(ended=words, who=getattr(row, "ender", "") or party(by))


def party(code: str) -> str:
    """Who ended a call, in words."""
    return gettext(_BY[code]) if code in _BY else code


@register.filter(name="reason")
def reason_words(code: str) -> str:
    return gettext(_REASONS[code]) if code in _REASONS else code


def end_words(reason: str, cause: str | None) -> str:
    words = reason_words(reason)
    if not cause or cause == "normal" or cause == reason:
        return words
    return f"{words}: {cause_words(cause)}"


USUAL_SIP_CODES = ("sip_404", "sip_480", "sip_486", "sip_503", "sip_603")  # those that the glossary explains


def end_choices(given: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """How a call can have ended, for the search: codes with their words, in groups. `given`, a code, is among
    them whatever it is."""
    causes = [*_CAUSES, *([given] if given and given not in (*_REASONS, *_CAUSES, *USUAL_SIP_CODES) else [])]
    return [
        (gettext("Reason"), [(code, reason_words(code)) for code in _REASONS]),
        (gettext("Cause"), [(code, cause_words(code)) for code in causes]),
        (gettext("SIP code"), [(code, cause_words(code)) for code in USUAL_SIP_CODES]),
    ]


@register.filter(name="cause")
def cause_words(code: str | None) -> str:
    """Why, in words; a dash where nothing is to be said beside the reason."""
    if not code or code == "normal":
        return "–"
    if code in _CAUSES:
        return gettext(_CAUSES[code])
    return f"SIP {code[4:]}" if code.startswith("sip_") else code.replace("_", " ")
