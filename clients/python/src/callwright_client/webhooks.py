"""Verifies webhooks as Standard Webhooks 1.0 signs them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import cast

from callwright_client import types
from callwright_client.errors import InvalidSignature

TOLERANCE = 300.0  # seconds


def verify(
    secret: str | Sequence[str],
    body: bytes | str,
    headers: Mapping[str, str],
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> types.Event:
    """The event of a delivery. Raises InvalidSignature.

    `body`: the raw bytes, not parsed and written again. `secret`: `whsec_…`, or several while one is rotated.
    `tolerance`: seconds that the timestamp may be away from `now` (unix time, by default this machine's).
    """
    given = {name.lower(): value for name, value in headers.items()}
    raw = body.encode() if isinstance(body, str) else body
    identity, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not identity or not stamp.isdecimal() or len(stamp) > 12:
        raise InvalidSignature("webhook-id and webhook-timestamp are missing.")
    if abs((time.time() if now is None else now) - int(stamp)) > tolerance:
        raise InvalidSignature("The timestamp is too old or too new.")
    signed = f"{identity}.{stamp}.".encode() + raw
    wanted = [
        base64.b64encode(hmac.digest(_key(each), signed, hashlib.sha256))
        for each in ([secret] if isinstance(secret, str) else secret)
    ]
    found = [
        each.partition(",")[2].encode()
        for each in given.get("webhook-signature", "").split()
        if each.startswith("v1,")
    ]
    if not any(hmac.compare_digest(each, other) for each in found for other in wanted):
        raise InvalidSignature("No signature fits.")
    event = json.loads(raw)
    if not isinstance(event, dict):
        raise InvalidSignature("The body is no event.")
    return cast(types.Event, event)


def _key(secret: str) -> bytes:
    text = secret.removeprefix("whsec_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise InvalidSignature("The secret is whsec_ and base64.") from None
