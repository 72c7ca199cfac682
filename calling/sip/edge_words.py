"""Words between the two worlds: SIP statuses for our reasons, destinations for Request-URIs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sipmessage import Request

from calling.sip.values import parse_uri, uri_text

STATUSES = {
    "busy": 486,
    "rejected": 603,
    "no-answer": 480,
    "cancelled": 487,
    "hangup": 480,
    "transferred": 480,
}
CAUSES = {
    "not_allowed": 403,
    "unreachable": 404,
    "no_device": 480,
    "media_failed": 488,
    "no_capacity": 503,
    "worker_lost": 503,
    "drained": 503,
    "insufficient_balance": 402,
}
PROBLEMS = {401: 403, 402: 402, 403: 403, 404: 404, 409: 480, 422: 484, 429: 503, 503: 503}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}\Z")


@dataclass(frozen=True)
class View:
    """What a SIP side must know of its leg, as the rows have it."""

    call_id: str
    leg_state: str
    call_state: str
    reason: str | None = None
    cause: str | None = None
    sip_code: int | None = None
    answer: str | None = None
    serial: int = 0
    attempt_live: bool = True
    early_media: bool = False
    asks: bool = False  # `answer` is an offer for a re-INVITE: the leg's media moved


def status_of(view: View) -> int:
    """The final status for a call that ended before it was answered (contract 5)."""
    if view.sip_code is not None and 400 <= view.sip_code < 700:
        return view.sip_code
    if view.cause in CAUSES:
        return CAUSES[view.cause]
    return STATUSES.get(view.reason or "", 503)


def problem_status(status: int) -> int:
    """The SIP status for the HTTP status of a refusal."""
    return PROBLEMS.get(status, 500)


def rejected_as(code: int) -> str:
    """How a desk phone's refusal is told: `busy` or `rejected`."""
    return "busy" if code in (486, 600) else "rejected"


def wishes(uri: str, ours: Iterable[str]) -> list[str]:
    """The destinations that a Request-URI or Refer-To may mean, most likely first; [] for none.

    The user part at one of our names is an extension, a number or the name of an address; at any other
    host the whole URI is the destination, which the caller's scope must allow.
    """
    try:
        parsed = parse_uri(uri)
    except ValueError:
        return []
    user = (parsed.user or "").split(";")[0]
    if parsed.scheme == "tel":
        number = re.sub(r"[-.()]", "", uri[4:].split(";")[0])
        return [number] if number.startswith("+") else []
    if not user:
        return []
    if parsed.host.strip("[]").lower() not in set(ours):
        port = f":{parsed.port}" if parsed.port else ""
        return [f"{parsed.scheme}:{user}@{parsed.host}{port}"]
    if user.startswith("+") or (user.isascii() and user.isdigit() and len(user) <= 10):
        return [user]
    if user.isascii() and user.isdigit() and len(user) <= 15:
        return ["+" + user]
    return [f"/private/{user}", f"/public/{user}"] if _NAME.match(user) else []


def dialled(request: Request) -> list[str]:
    """The user parts that may be the number a gateway's call is for: of the Request-URI, else of To.

    A provider calls the account that registered, and says the number in To.
    """
    found = []
    for text in (str(request.uri), uri_text(request.headers["To"])):
        try:
            user = (parse_uri(text).user or "").split(";")[0]
        except ValueError:
            continue
        if user and user not in found:
            found.append(user)
    return found


def address(user: str, host: str, name: str = "") -> str:
    """A From or To value. The name comes from outside: quoted, without control characters."""
    clean = "".join(c for c in name if c.isprintable())[:80].replace("\\", "\\\\").replace('"', '\\"')
    safe = re.sub(r"[^A-Za-z0-9+_.-]", "", user)[:64] or "anonymous"
    host = f"[{host}]" if ":" in host else host
    return f'"{clean}" <sip:{safe}@{host}>' if clean else f"<sip:{safe}@{host}>"
