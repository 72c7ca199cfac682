"""Parameters that SignalWire spells in its own way: scripts, codecs, variables, status events, reasons."""

from __future__ import annotations

import re
from typing import Any

from calling import verbs
from calling.fields import Form
from calling.machine.reasons import EndReason
from calling.scripts.parse import BadScript, check_document
from calling.scripts.read import parse_text

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
RESERVED = ("signalwire_", "sw_", "rtc_", "internal_")
MAX_VARIABLES, MAX_VARIABLE = 20, 1024
CODEC = re.compile(r"(OPUS|G722|PCMU|PCMA|G729|VP8|H264)(@[0-9]{1,6}[hHiI]){0,2}", re.IGNORECASE)
STATES = {"queued": "created", "initiated": "created", "ending": "ended"}
# Written in several ways in SignalWire's own pages.
REASONS: dict[str, EndReason | None] = {
    "hangup": None,
    "cancel": EndReason.CANCELLED,
    "canceled": EndReason.CANCELLED,
    "cancelled": EndReason.CANCELLED,
    "busy": EndReason.BUSY,
    "noAnswer": EndReason.NO_ANSWER,
    "no_answer": EndReason.NO_ANSWER,
    "no-answer": EndReason.NO_ANSWER,
    "decline": EndReason.REJECTED,
    "declined": EndReason.REJECTED,
    "rejected": EndReason.REJECTED,
    "error": EndReason.FAILED,
}


def swml(form: Form, name: str = "swml") -> dict[str, Any] | None:
    """A script as JSON, or as JSON or YAML text, checked whole."""
    value = form.value(name)
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return parse_text(value).as_json()
        check_document(value)
    except BadScript as error:
        form.wrong(name, f"{name}: {error}", "invalid_script")
        return None
    found: dict[str, Any] = value
    return found


def script_or_url(form: Form, *, required: bool = True) -> tuple[dict[str, Any] | None, str | None]:
    """`swml` or `url`, not both."""
    document, url = swml(form), verbs.read_url(form, "url")
    if form.has("swml") and form.has("url"):
        form.wrong("swml", "Send url or swml, not both.", "inline_swml_or_swml_webhook_required")
    elif required and not form.has("swml") and not form.has("url"):
        form.wrong("url", "Send url or swml.", "inline_swml_or_swml_webhook_required")
    return document, url


def variables(form: Form, name: str = "custom_variables") -> dict[str, str]:
    value = form.value(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        form.wrong(name, f"{name} must be an object of texts.")
        return {}
    if len(value) > MAX_VARIABLES:
        form.wrong(name, f"{name} has at most {MAX_VARIABLES} entries.", "too_many_custom_variables")
    for key, text in value.items():
        if not VARIABLE.fullmatch(key):
            form.wrong(name, f"{name}: a name is of letters, digits and _, and begins with no digit.")
        elif key.lower().startswith(RESERVED):
            form.wrong(name, f"{name}: {key} is a reserved name.", "reserved_custom_variable_name")
        elif not isinstance(text, str) or not 1 <= len(text.encode(errors="replace")) <= MAX_VARIABLE:
            form.wrong(name, f"{name}: a value is text of 1 to {MAX_VARIABLE} bytes.")
    return dict(value)


def check_codecs(form: Form, name: str = "codecs") -> None:
    """A list or CSV of codec names. They are checked; which one is spoken is negotiated."""
    value = form.value(name)
    if value is None:
        return
    listed = value.split(",") if isinstance(value, str) else value
    if (
        not isinstance(listed, list)
        or not 1 <= len(listed) <= 20
        or not all(isinstance(each, str) and CODEC.fullmatch(each.strip()) for each in listed)
    ):
        form.wrong(name, f"{name} must be a list of codecs.", "invalid_codecs_format")


def status_events(form: Form, name: str = "status_events") -> tuple[str, ...]:
    """As for `/api/calls`; SignalWire's finer states are told as the nearest of ours. Default: ended."""
    value = form.value(name)
    if isinstance(value, list):
        form.data = {
            **form.data,
            name: [STATES.get(each, each) if isinstance(each, str) else None for each in value],
        }
    return form.status_events(name) or ("ended",)


def reason(form: Form, name: str = "reason") -> EndReason | None:
    found = form.choice(name, tuple(REASONS), "hangup")
    return REASONS.get(found or "hangup")
