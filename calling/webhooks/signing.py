"""Signatures on deliveries: Standard Webhooks 1.0.0; and which replaced secrets still sign along. Pure.

Nothing here knows rows, clocks or sockets.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

PREFIX = "whsec_"


def new_secret() -> str:
    """`whsec_` and 32 random bytes in base64 (Standard Webhooks: 24 to 64 bytes)."""
    return PREFIX + base64.b64encode(os.urandom(32)).decode()


def key_bytes(secret: str) -> bytes:
    """The key a receiver's library uses for this secret: base64 after `whsec_`, else the text's own bytes."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    encoded = secret.removeprefix(PREFIX)
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4))


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One `v1,…` entry: HMAC-SHA256 over `id.timestamp.body`."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key_bytes(secret), content, hashlib.sha256)).decode()


def headers(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three Standard Webhooks headers; several secrets sign along while one is being rotated."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, message_id, timestamp, body) for secret in secrets),
    }


class Kept(NamedTuple):
    """A replaced secret, and the time until which it still signs."""

    sealed: str
    until: datetime


def kept_secrets(text: str, until: datetime | None, now: datetime) -> list[Kept]:
    """Those in an endpoint's `old_secret` that still sign along, oldest first. `until`: of a line without."""
    found = []
    for line in text.splitlines():
        sealed, _, own = line.partition(" ")
        end = datetime.fromisoformat(own) if own else until
        if end is not None and end > now:
            found.append(Kept(sealed, end))
    return found


def kept_text(kept: Iterable[Kept]) -> str:
    """The text of a row's column: one line per secret, `<sealed> <until>`."""
    return "\n".join(f"{each.sealed} {each.until.isoformat()}" for each in kept)
