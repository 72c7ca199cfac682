"""Words between the two worlds: SIP statuses for our reasons, destinations for Request-URIs. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from sipmessage import URI, Request

from calling.machine.reasons import Cause, EndReason, sip_reason
from calling.sip.stack.headers import parse_uri, uri_text
from calling.sip.stack.messages import phrase_of
from calling.sip.stack.reason_header import reason

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
# Statuses that ask the sender of *that* request for something: our caller could do nothing with them.
BETWEEN_HOPS = frozenset({401, 407, 415, 416, 417, 420, 421, 422, 423, 481, 482, 483, 491, 493, 494, 505})
# Countries whose numbers keep their first 0 when they are dialled from abroad.
KEEPS_ZERO = frozenset({"+39", "+225", "+241", "+242", "+378"})
_SEPARATORS = re.compile(r"[-.() ]")  # RFC 3966 5.1.1, and the blank that people type
_PHONE = re.compile(r"\+?[0-9]{1,20}\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}\Z")


@dataclass(frozen=True)
class LegView:
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
    offer: str | None = None  # what the leg has of the far end
    asks: bool = False  # `answer` is an offer for a re-INVITE: the leg's media moved


def status_of(view: LegView) -> int:
    """The final status for a call that ended before it was answered.

    The table is in docs/sip.md#headers-status-codes-and-media.
    """
    said = view.sip_code
    if said is None and (view.cause or "").startswith("sip_"):
        text = (view.cause or "").removeprefix("sip_")
        said = int(text) if text.isdecimal() else None
    if said in BETWEEN_HOPS:
        return 502
    if said is not None and 400 <= said < 700:
        return said
    if view.cause in CAUSES:
        return CAUSES[view.cause]
    return STATUSES.get(view.reason or "", 503)


def problem_status(status: int) -> int:
    """The SIP status for the HTTP status of a refusal."""
    return PROBLEMS.get(status, 500)


def problem_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """What of a refusal's HTTP headers a SIP peer understands too (RFC 3261 20.33)."""
    return [("Retry-After", headers["Retry-After"])] if "Retry-After" in headers else []


def why_cancelled(view: LegView) -> list[tuple[str, str]]:
    """What a device that stops ringing is told (RFC 3326), so that it counts no missed call where the call
    was answered or declined elsewhere; nothing where its caller gave up."""
    if view.leg_state == "answered" or view.cause == Cause.ANSWERED_ELSEWHERE:
        return [reason(200, "Call completed elsewhere")]
    if view.reason in (EndReason.REJECTED, EndReason.BUSY):
        code = STATUSES[view.reason]
        return [reason(code, phrase_of(code))]
    return []


def rejected_as(code: int) -> str | None:
    """`busy` or `rejected` where a desk phone's status is somebody's no; None for any other failure."""
    reason = sip_reason(code)
    return reason.value if reason in (EndReason.BUSY, EndReason.REJECTED) else None


def number_of(uri: URI, ours: Container[str] | None = None) -> str | None:
    """The telephone number that a URI names: `+` and digits, or the digits of a local one; None for none.

    One reading for who calls, who is called, who diverted and where a transfer goes (RFC 3966 5.1,
    RFC 3261 19.1.6): visual separators are nothing, parameters are not the number. A local number with a
    global phone-context is a number of that country, without the 0 that is dialled inside it; one whose
    context is a domain is one of `ours` (None: anybody's), or none.
    """
    head, *rest = (uri.user or "").split(";")
    parameters = {name.lower(): value for name, _, value in (part.partition("=") for part in rest)}
    digits = _SEPARATORS.sub("", head)
    if not _PHONE.match(digits):
        return None
    context = parameters.get("phone-context") or ""
    if uri.scheme == "tel":
        context = uri.parameters.get("phone-context") or ""
    if digits.startswith("+") or not context:
        return digits
    prefix = _SEPARATORS.sub("", context)
    if _PHONE.match(prefix) and prefix.startswith("+"):
        inner = digits if prefix in KEEPS_ZERO else digits.removeprefix("0")
        return prefix + inner
    return digits if ours is None or plain_host(context) in ours else None


def user_part(uri: URI) -> str:
    """The user part of a URI without the parameters that a telephone number may have there."""
    return (uri.user or "").split(";")[0]


def plain_host(host: str) -> str:
    """A host as `ours` has it: every spelling of one name, or of one IPv6 address, is one."""
    plain = host.strip("[]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        return plain


def destinations_of(uri: str, ours: Iterable[str]) -> list[str]:
    """The destinations that a Request-URI or Refer-To may mean, most likely first; [] for none.

    The user part at one of our names is an extension, a number or the name of an address, and so is what
    a tel: URI says; at any other host the whole URI is the destination, which the caller's scope must allow.
    """
    names = frozenset(ours)
    try:
        parsed = parse_uri(uri)
    except ValueError:
        return []
    user, number = user_part(parsed), number_of(parsed, names)
    if not user:
        return []
    if parsed.scheme != "tel" and plain_host(parsed.host) not in names:
        phone = (parsed.parameters.get("user") or "").lower() == "phone" or user.startswith("+")
        port = f":{parsed.port}" if parsed.port else ""
        return [f"{parsed.scheme}:{number if number and phone else user}@{parsed.host}{port}"]
    found = []
    if number is not None and (number.startswith("+") or len(number) <= 10):
        found = [number]
    elif number is not None and len(number) <= 15:
        found = ["+" + number]
    elif user.startswith("+"):
        found = [user]
    if parsed.scheme != "tel" and _NAME.match(user) and not user.isdecimal():
        found += [f"/private/{user}", f"/public/{user}"]
    return found


def called_users(request: Request) -> list[str]:
    """The numbers and user parts that a gateway's call may be for: of the Request-URI, else of To.

    A provider calls the account that registered, and says the number in To.
    """
    found: list[str] = []
    for address in (f"<{request.uri}>", request.headers["To"]):
        try:
            uri = parse_uri(uri_text(address))
        except ValueError:
            continue
        user = number_of(uri) or user_part(uri)
        if user and user not in found:
            found.append(user)
    return found


def calling_user(request: Request) -> str:
    """The user part of From; "" where it cannot be read."""
    try:
        return user_part(parse_uri(uri_text(request.headers["From"])))
    except (KeyError, ValueError):
        return ""


def address(user: str, host: str, name: str = "") -> str:
    """A From or To value. The name comes from outside: quoted, without control characters.

    `user` may be `user@host`: a caller from elsewhere, who is shown as that and not as one of ours.
    """
    user, _, elsewhere = user.partition("@")
    elsewhere = re.sub(r"[^A-Za-z0-9:._\[\]-]", "", elsewhere)  # host[:port], as a destination has it
    clean = "".join(c for c in name if c.isprintable())[:80].replace("\\", "\\\\").replace('"', '\\"')
    safe = re.sub(r"[^A-Za-z0-9+_.-]", "", user)[:64] or "anonymous"
    host = elsewhere or (f"[{host}]" if ":" in host else host)
    return f'"{clean}" <sip:{safe}@{host}>' if clean else f"<sip:{safe}@{host}>"
