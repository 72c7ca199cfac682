"""Building the messages we send: requests with their fixed headers, responses with the copied ones.

Pure apart from `secrets` for tags, branches and Call-IDs. What must not live here: decisions about
which message to send.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from sipmessage import URI, Request, Response

from calling.sip.stack.headers import parameters_of, parse_via, split_outside, tag_of, tokens_of
from calling.sip.stack.transaction import MAGIC, Hop

AGENT = "Callwright"
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY"
SUPPORTED = "100rel, timer, replaces, norefersub"
PHRASES = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    429: "Provide Referrer Identity",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    606: "Not Acceptable",
}

Extra = Iterable[tuple[str, str]]


def phrase_of(code: int) -> str:
    """The reason phrase that goes with a status (RFC 3261 21)."""
    return PHRASES.get(code, "Failed" if code >= 300 else "OK")


def new_tag() -> str:
    return secrets.token_hex(8)


def new_branch() -> str:
    return MAGIC + secrets.token_hex(12)


def new_call_id() -> str:
    return secrets.token_hex(16)


def via_line(hop: Hop, sent_by: tuple[str, int], branch: str) -> str:
    """Our Via for a request to this hop; `rport` asks for symmetric answers (RFC 3581)."""
    host = f"[{sent_by[0]}]" if ":" in sent_by[0] else sent_by[0]
    return f"SIP/2.0/{hop.transport} {host}:{sent_by[1]};branch={branch};rport"


def make_request(
    method: str,
    uri: URI,
    *,
    from_: str,
    to: str,
    call_id: str,
    sequence: int,
    routes: Iterable[str] = (),
    contact: str | None = None,
    extra: Extra = (),
    body: str | bytes = b"",
    content_type: str = "application/sdp",
) -> Request:
    """A request without its Via, which is added when the hop is known."""
    request = Request(method, uri)
    headers = request.headers
    for route in routes:
        headers.add("Route", route)
    headers.set("Max-Forwards", "70")
    headers.set("From", from_)
    headers.set("To", to)
    headers.set("Call-ID", call_id)
    headers.set("CSeq", f"{sequence} {method}")
    if contact:
        headers.set("Contact", contact)
    if method in ("INVITE", "UPDATE", "OPTIONS", "REGISTER"):
        headers.set("Allow", ALLOW)
        headers.set("Supported", SUPPORTED)
    headers.set("User-Agent", AGENT)
    for name, value in extra:
        headers.add(name, value)
    _set_body(request, body, content_type)
    return request


def make_response(
    request: Request,
    code: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    contact: str | None = None,
    extra: Extra = (),
    body: str | bytes = b"",
    content_type: str = "application/sdp",
) -> Response:
    """A response to `request` with Via, From, To, Call-ID, CSeq (and Record-Route) copied unchanged."""
    response = Response(code, reason or phrase_of(code))
    headers = response.headers
    for via in request.headers.getlist("Via"):
        headers.add("Via", via)
    if request.method == "INVITE" and 100 < code < 300:
        for route in request.headers.getlist("Record-Route"):
            headers.add("Record-Route", route)
    headers.set("From", request.headers["From"])
    to = request.headers["To"]
    if code > 100 and to_tag and tag_of_loosely(to) is None:
        to = f"{to};tag={to_tag}"  # the last parameter, of the header and not of the URI (RFC 3261 20)
    headers.set("To", to)
    headers.set("Call-ID", request.headers["Call-ID"])
    headers.set("CSeq", request.headers["CSeq"])
    if contact:
        headers.set("Contact", contact)
    if code > 100:
        headers.set("Server", AGENT)
    described = code == 200 and request.method in ("INVITE", "OPTIONS", "UPDATE")
    if described or code == 405:  # a 405 always says what there is (RFC 3261 section 8.2.1)
        headers.set("Allow", ALLOW)
    if described:
        headers.set("Supported", SUPPORTED)
    for name, value in extra:
        headers.add(name, value)
    _set_body(response, body, content_type)
    return response


def tag_of_loosely(value: str) -> str | None:
    """The tag of a From or To, also where its URI is of a scheme we do not speak."""
    try:
        return tag_of(value)
    except ValueError:
        try:
            return parameters_of(split_outside(value, ";")[1:]).get("tag")
        except ValueError:
            return None


def stateless_reply(lines: tuple[tuple[str, str], ...], code: int, reason: str) -> bytes:
    """An answer to a message that did not pass the gate, made of its raw header lines."""
    text = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"SIP/2.0 {code} {reason}\r\n{text}Server: {AGENT}\r\nContent-Length: 0\r\n\r\n".encode()


def unsupported(request: Request) -> list[str]:
    """The extensions a request requires that we do not speak (RFC 3261 8.2.2.3)."""
    known = tokens_of([SUPPORTED, "path"] if request.method == "REGISTER" else [SUPPORTED])
    items = [i.strip() for value in request.headers.getlist("Require") for i in value.split(",")]
    return [item[:64] for item in items if item and item.lower() not in known][:8]


def stamp_via(message: Request, host: str, port: int) -> None:
    """Write `received` and `rport` into the top Via of a received request (RFC 3261 18.2.1, RFC 3581)."""
    lines = message.headers.getlist("Via")
    via = parse_via(lines[0])
    text = lines[0]
    if "rport" in via.parameters or via.host.strip("[]") != host:
        kept = [
            part
            for part in split_outside(text, ";")
            if part.partition("=")[0].strip().lower() not in ("rport", "received")
        ]
        text = ";".join(kept) + f";received={host}"
        if "rport" in via.parameters:
            text += f";rport={port}"
    message.headers.setlist("Via", [text, *lines[1:]])


def _set_body(message: Request | Response, body: str | bytes, content_type: str) -> None:
    raw = body.encode() if isinstance(body, str) else body
    message.body = raw
    if raw:
        message.headers.set("Content-Type", content_type)
    message.headers.set("Content-Length", str(len(raw)))
