"""Errors go to Sentry, or what speaks its protocol, where `SENTRY_DSN` and the extra `errors` are.

What is sent is the error, its stack without the values of variables, and the log lines before it, all
through the same scrubbing as our logs: no request body, header, user, SDP, token or full phone number.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from config.logs import scrub

log = logging.getLogger(__name__)
_LEFT_OUT = ("request", "user", "server_name", "modules", "extra")


def start() -> None:
    """Report errors of this process from now on; does nothing without `SENTRY_DSN`."""
    if not os.environ.get("SENTRY_DSN"):
        return
    try:
        import sentry_sdk
    except ImportError:
        log.warning("SENTRY_DSN is set, but the extra `errors` is not installed: nothing is reported")
        return
    sentry_sdk.init(
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        traces_sample_rate=None,
        before_send=lambda event, hint: scrubbed({k: v for k, v in event.items() if k not in _LEFT_OUT}),
        before_breadcrumb=lambda crumb, hint: scrubbed(crumb) if crumb.get("type") == "log" else None,
    )


def scrubbed(value: object) -> Any:
    """The same with every text in it scrubbed."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {name: scrubbed(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(each) for each in value]
    return value
