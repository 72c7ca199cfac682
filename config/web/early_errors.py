"""Errors that are answered in front of Django, in the shape of docs/contract.md#errors.

Lives here: their codes and JSON, and by which name of ours the client came, read from a head that may be
broken. Who refuses what stands in `header_limits` and `body_limits`.
"""

from __future__ import annotations

import json
import re
from collections.abc import MutableMapping
from typing import Any, Final

from rest import links, request_ids

# The status's title, and the error's code and words.
ERRORS: Final = {
    400: ("Bad Request", "bad_request", "This is not HTTP, or its method is none that is known."),
    408: ("Request Timeout", "request_timeout", "The body did not come in time."),
    403: ("Forbidden", "not_permitted", "This may not be done here."),
    405: ("Method Not Allowed", "method_not_allowed", "This path does not support this method."),
    503: ("Service Unavailable", "unavailable", "Not now; try again."),
    431: ("Request Header Fields Too Large", "request_header_fields_too_large", "The headers are too large."),
}
TYPES: Final = {403: "permission_error", 503: "unavailable"}
_SEARCHED: Final = 64 * 1024


def body(status: int, request_id: str | None, base: str | None, words: str | None = None) -> bytes:
    """`base`: what links begin with, as `rest.links` makes it. `words`: in the place of the usual ones."""
    _, code, message = ERRORS.get(status, ERRORS[400])
    message = words or message
    with links.by(base):
        url = links.absolute(f"/api/docs#error-{code}")
    error = {
        "type": TYPES.get(status, "invalid_request"),
        "code": code,
        "message": message,
        "attribute": None,
        "url": url,
    }
    return json.dumps({"errors": [{**error, "request_id": request_id}]}).encode()


def header_of(head: bytes, name: str) -> str | None:
    """A header of a head that no parser could read, as far as it came."""
    found = re.search(rb"(?im)^%s:[ \t]*([^\r\n]{1,300})\r?$" % name.encode(), head[:_SEARCHED])
    return found.group(1).decode("latin-1").strip() if found else None


def base_of_head(head: bytes, scheme: str, server: tuple[str, int | None] | None) -> str | None:
    """Where a connection came to: by its Host header, else by what its socket is called."""
    host = header_of(head, "host")
    if host is None and server is not None and server[1] is not None:
        host = f"[{server[0]}]:{server[1]}" if ":" in server[0] else f"{server[0]}:{server[1]}"
    return links.base(scheme, host, server[0] if server else "") if host else None


def base_of_scope(scope: MutableMapping[str, Any]) -> str | None:
    """The same of a request whose head was read; its scheme is the socket's or a trusted proxy's."""
    host = next((value for name, value in scope.get("headers", ()) if name == b"host"), b"")
    head = b"host: " + host if host else b""
    return base_of_head(head, scope.get("scheme", "http"), scope.get("server"))


def request_id_of(head: bytes) -> str:
    """The caller's own id where the head has a good one."""
    return request_ids.chosen(header_of(head, request_ids.HEADER))
