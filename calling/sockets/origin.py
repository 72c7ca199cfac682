"""Which web pages may open a socket (the Origin header, RFC 6455 section 10.2; ASVS 4.4.2).

A socket here carries no ambient credentials: nothing is told before the first message brings a token, which
a foreign page does not have. So every origin may connect by default; `CALLWRIGHT_WS_ORIGINS`, a list of
origins like `https://app.example.com`, narrows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from rest import errors


def allowed(scope: Mapping[str, Any]) -> bool:
    """Whether the handshake's Origin is allowed. Programs send none, and are allowed."""
    listed = settings.CALLWRIGHT_WS_ORIGINS
    origins = [value for name, value in scope.get("headers", ()) if name == b"origin"]
    if len(origins) > 1:
        return False
    if not origins or listed is None:
        return True
    return origins[0].decode("latin-1").lower().rstrip("/") in {each.lower().rstrip("/") for each in listed}


def refusal() -> errors.Forbidden:
    """The refusal that a page of another origin gets."""
    return errors.Forbidden(message="Pages of this origin may not open sockets here.")


def source(scope: Mapping[str, Any]) -> str:
    """The address a socket came from; behind a trusted proxy the one that the proxy names."""
    client = scope.get("client") or ("", 0)
    return str(client[0])
