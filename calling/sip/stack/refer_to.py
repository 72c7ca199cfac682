"""What a Refer-To asks for (RFC 3515): a call, and with a Replaces one in the place of another (RFC 3891).

A URI may ask for more than a call: another method, or headers of the request to be made of it (RFC 3261
19.1.5). What does not change whom it calls is left out; what makes it another request is refused, because a
transfer would then do something that nobody asked for. Pure. What must not live here: who may transfer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from calling.sip.stack.headers import (
    Replaces,
    name_addr,
    parameters_of,
    parse_replaces,
    parse_uri,
    split_uri_headers,
    tokens_of,
)
from calling.sip.stack.messages import SUPPORTED

_REPLACES = re.compile(r"[?&]replaces=", re.IGNORECASE)


class NotACall(Exception):
    """It asks for a request that is not made here; the REFER is declined (603)."""


@dataclass(frozen=True)
class ReferTo:
    """`target`: the URI to call, as written, without headers."""

    target: str
    replaces: Replaces | None = None


def read(value: str) -> ReferTo:
    """Raises ValueError for a value that is malformed, NotACall for one that asks for anything but a call."""
    _, uri, own = name_addr(value)
    target, headers = split_uri_headers(uri)
    if len(_REPLACES.findall(uri)) > 1:
        raise ValueError("a Refer-To has one Replaces")
    replaces = parse_replaces(headers["replaces"]) if "replaces" in headers else None
    try:
        method = parse_uri(target).parameters.get("method")
    except ValueError:
        method = None  # of another scheme: nobody is found by it
    for asked in (method, parameters_of(own).get("method")):  # without brackets it is the header's
        if asked is not None and asked.upper() != "INVITE":
            raise NotACall(asked)
    if "join" in headers or not tokens_of([headers.get("require", "")]) <= tokens_of([SUPPORTED]):
        raise NotACall(uri)
    return ReferTo(target, replaces)
