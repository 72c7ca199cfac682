"""Parameters that SignalWire spells in its own way: scripts, codecs, variables, status events, reasons."""

from __future__ import annotations

import re
from typing import Any

from calling.commands import params
from calling.commands.params import Params
from calling.commands.sip_wishes import SipWishes, codec_names
from calling.machine.reasons import EndReason
from calling.swml import urls
from calling.swml.checks import BadScript
from calling.swml.read import parse_text

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


def swml(form: Params, name: str = "swml") -> dict[str, Any] | None:
    """A script as JSON, or as JSON or YAML text, checked whole."""
    value = form.value(name)
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return parse_text(value).as_json()
        urls.saved(value)
    except BadScript as error:
        form.fail(name, f"{name}: {error}", "invalid_script")
        return None
    return dict(value) if isinstance(value, dict) else None


def script_or_url(form: Params, *, required: bool = True) -> tuple[dict[str, Any] | None, str | None]:
    """`swml` or `url`, not both."""
    document, url = swml(form), params.read_url(form, "url")
    if form.given("swml") and form.given("url"):
        form.fail("swml", "Send url or swml, not both.", "inline_swml_or_swml_webhook_required")
    elif required and not form.given("swml") and not form.given("url"):
        form.fail("url", "Send url or swml.", "inline_swml_or_swml_webhook_required")
    return document, url


def sip_wishes(form: Params) -> SipWishes:
    """`codecs`, `username` and `password`, for a destination that is a SIP URI."""
    username, password = form.text("username", 255), form.text("password", 255)
    return SipWishes(read_codecs(form), username=username or "", password=password or "")


def read_codecs(form: Params) -> tuple[str, ...]:
    """The names in a list or CSV of codecs; () where none is given."""
    value = form.value("codecs")
    if value is None:
        return ()
    listed = value.split(",") if isinstance(value, str) else value
    if (
        not isinstance(listed, list)
        or not 1 <= len(listed) <= 20
        or not all(isinstance(each, str) and CODEC.fullmatch(each.strip()) for each in listed)
    ):
        form.fail("codecs", "codecs must be a list of codecs.", "invalid_codecs_format")
        return ()
    return codec_names(",".join(listed))


def status_events(form: Params, name: str = "status_events") -> tuple[str, ...]:
    """As for `/api/calls`; SignalWire's finer states are told as the nearest of ours. Default: ended."""
    value = form.value(name)
    if isinstance(value, list):
        form.data = {
            **form.data,
            name: [STATES.get(each, each) if isinstance(each, str) else None for each in value],
        }
    return form.status_events(name) or ("ended",)


def reason(form: Params, name: str = "reason") -> EndReason | None:
    found = form.choice(name, tuple(REASONS), "hangup")
    return REASONS.get(found or "hangup")
