"""The strict gate every received SIP message passes before anything looks at it.

Pure. `parse` unfolds, checks and canonicalises the octets, hands the clean text to sipmessage's
parser and checks the headers every later step relies on, so nothing behind it has to expect a
malformed From, Via or CSeq. One exception, `BadSipMessage`, says what status would answer it. A response
loses the headers that cannot be read instead, for as long as it can be told what it answers.
Rules: RFC 3261 7 and 25, with RFC 4475 as the list of traps. What must not live here: policy.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass

from sipmessage import Message, Request, Response
from sipmessage.message import COMPACT_FORMS

from calling.sip.stack.headers import (
    first_of,
    parse_address,
    parse_addresses,
    parse_uri,
    parse_via,
    split_list,
)

MAX_MESSAGE = 65_535
MAX_HEADERS = 128
MAX_LINE = 8_192
MAX_VIAS = 70
MAX_READ_AGAIN = 16_384  # of a malformed response: reading takes time, and anybody may send one

_NAME = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+)[ \t]*\Z")
_METHOD = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,64}\Z")
_CSEQ = re.compile(r"(\d{1,10})[ \t]+([A-Za-z0-9\-.!%*_+`'~]+)\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)

_IDENTITY = ("via", "from", "to", "call-id", "cseq")
_OF_BODY = ("content-length", "content-type")
_ONCE = frozenset(
    {
        "call-id",
        "cseq",
        "from",
        "to",
        "max-forwards",
        "content-length",
        "content-type",
        "refer-to",
        "replaces",
        "session-expires",
        "min-se",
        "event",
        "rack",
        "rseq",
        "expires",
    }
)
_CANONICAL = {
    name.lower(): name
    for name in (
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Max-Forwards",
        "Content-Length",
        "Content-Type",
        "Record-Route",
        "Route",
        "Allow",
        "Supported",
        "Require",
        "Authorization",
        "Proxy-Authorization",
        "WWW-Authenticate",
        "Proxy-Authenticate",
        "Expires",
        "Refer-To",
        "Referred-By",
        "Replaces",
        "Session-Expires",
        "Min-SE",
        "RSeq",
        "RAck",
        "Event",
        "User-Agent",
        "Server",
        "Retry-After",
        "Reason",
    )
}


class BadSipMessage(Exception):
    """A message that is not well formed.

    `status` and `reason` are what would answer it; `reply` holds the raw header lines a stateless
    answer copies (RFC 3261 8.2.6), empty when there is nothing that could or should be answered.
    """

    def __init__(self, status: int, reason: str, reply: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(f"{status} {reason}")
        self.status, self.reason, self.reply = status, reason, reply


@dataclass
class _Clean:
    first: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def one(self, name: str) -> str:
        values = self.all(name)
        if len(values) != 1:
            raise ValueError(f"{name} must appear once")
        return values[0]


def parse(data: bytes) -> Request | Response:
    """One datagram or one framed stream message as a checked Request or Response.

    Raises BadSipMessage and nothing else, for any octets.
    """
    try:
        return _strictly(data)
    except BadSipMessage:
        if (left := readable_response(data)) is None:
            raise
        return left


def _strictly(data: bytes) -> Request | Response:
    try:
        clean = _clean(data)
    except BadSipMessage as error:
        raise refusal(data, error.status, error.reason) from None
    is_response = _answers(clean)
    try:
        if not is_response:
            _check_version(clean.first)
        _check_identity(clean)
        _check_others(clean)
        return _response(clean) if is_response else _request(clean)
    except BadSipMessage as error:
        error.reply = () if is_response else _reply(clean)
        raise
    except (ValueError, IndexError, KeyError) as error:
        raise BadSipMessage(400, f"Bad Request: {error}"[:80], () if is_response else _reply(clean)) from None


def refusal(data: bytes, status: int, reason: str) -> BadSipMessage:
    """What answers a message that is refused as it stands, by those of its header lines that can be read."""
    clean = _readable(data)
    known = not _CONTROL.search(clean.first) and not _answers(clean)
    return BadSipMessage(status, reason, _reply(clean) if known else ())


def readable_response(data: bytes) -> Response | None:
    """A malformed response without what cannot be read of it; None for a request, or if too little is left.

    Dropped, it would come again as it is, and who waits for it would wait in vain: a call would ring on.
    """
    if len(data) > MAX_READ_AGAIN or data.lstrip(b"\r\n")[:4].upper() != b"SIP/":
        return None
    clean = _readable(data)
    groups: dict[str, _Clean] = {}
    for name, value in clean.headers:
        key = name.lower()
        key = "identity" if key in _IDENTITY else "body" if key in _OF_BODY else key
        body = clean.body if key == "body" else b""
        groups.setdefault(key, _Clean(clean.first, [], body)).headers.append((name, value))
    try:
        left = groups.pop("identity", clean)
        _check_place(left)
        for name in ("from", "to", "call-id"):
            left.one(name)
        for group in groups.values():
            with contextlib.suppress(ValueError):
                _check_others(group)
                left.headers += group.headers
                left.body += group.body
        return _response(left)
    except (ValueError, IndexError, KeyError):
        return None


def _answers(clean: _Clean) -> bool:
    return clean.first[:4].upper() == "SIP/"  # the version is of any case (RFC 3261 7.1)


def _readable(data: bytes) -> _Clean:
    """The header lines that can be read, whatever is wrong with the others, and what follows them."""
    head, *rest = re.split(rb"\r\n\r\n|\n\n", data[:MAX_MESSAGE].lstrip(b"\r\n"), maxsplit=1)
    text = re.sub(r"\r?\n[ \t]+", " ", head.decode("utf-8", "replace"))
    first, *lines = re.split(r"\r?\n", text)
    headers: list[tuple[str, str]] = []
    for line in lines[:MAX_HEADERS]:
        name, colon, value = line[:MAX_LINE].partition(":")
        match = _NAME.match(name)
        if colon and match is not None and not _CONTROL.search(value):
            headers.append((_name(match), value.strip().replace("\t", " ")))
    return _Clean(first, headers, b"".join(rest))


def _name(match: re.Match[str]) -> str:
    """A header's name as everybody here writes it."""
    name = COMPACT_FORMS.get(match.group(1).lower(), match.group(1))
    return _CANONICAL.get(name.lower(), name)


def _clean(data: bytes) -> _Clean:
    if len(data) > MAX_MESSAGE:
        raise BadSipMessage(513, "Message Too Large")
    data = data.lstrip(b"\r\n")
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank or (b"\r" not in head and b"\n\n" in head):
        # Some devices end their lines with LF alone; a message that mixes the two stays malformed.
        head, blank, body = data.partition(b"\n\n")
        head, blank = head.replace(b"\n", b"\r\n"), b"" if b"\r" in head else blank
    if not blank:
        raise BadSipMessage(400, "Bad Request: no end of headers")
    text = head.decode("utf-8", "replace")
    lines: list[str] = []
    for line in text.split("\r\n"):
        if line[:1] in (" ", "\t"):
            if len(lines) < 2:
                raise BadSipMessage(400, "Bad Request: folded start line")
            lines[-1] = f"{lines[-1].rstrip()} {line.strip()}"
        else:
            lines.append(line)
        if len(lines[-1]) > MAX_LINE or len(lines) > MAX_HEADERS + 1:
            raise BadSipMessage(513, "Message Too Large")
    if _CONTROL.search(lines[0]) or "\ufffd" in lines[0]:
        raise BadSipMessage(400, "Bad Request: control character")
    headers: list[tuple[str, str]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        # White space before the colon is legal (RFC 3261 7.3.1); it is removed here, once, so that no
        # later reader can see two different names (the smuggling class of GHSA-4h4c-qgxg-p3qv).
        match = _NAME.match(name)
        if not colon or match is None:
            raise BadSipMessage(400, "Bad Request: header name")
        if _CONTROL.search(value):
            value = _QUOTED.sub(lambda found: _CONTROL.sub("\ufffd", found.group()), value)
            if _CONTROL.search(value):
                raise BadSipMessage(400, "Bad Request: control character")
        headers.append((_name(match), value.strip().replace("\t", " ")))
    return _Clean(lines[0], headers, body)


def _check_version(first: str) -> None:
    """Before the headers: another version's headers may be anything (RFC 4475 3.1.2.16)."""
    version = first.rpartition(" ")[2]
    if re.match(r"SIP/\d+\.\d+\Z", version, re.IGNORECASE) and version.upper() != "SIP/2.0":
        raise BadSipMessage(505, "Version Not Supported")


def _check_identity(clean: _Clean) -> None:
    """The headers that every message has."""
    for name in ("from", "to"):
        parse_address_loosely(clean.one(name))
    call_id = clean.one("call-id")
    if not call_id or len(call_id) > 255 or " " in call_id:
        raise ValueError("Call-ID")
    _check_place(clean)


def _check_place(clean: _Clean) -> None:
    """CSeq and Via, by which a response finds its transaction."""
    cseq = _CSEQ.match(clean.one("cseq"))
    if cseq is None or int(cseq.group(1)) >= 2**31:
        raise ValueError("CSeq")
    vias = split_list(clean.all("via"))
    if not 0 < len(vias) <= MAX_VIAS:
        raise ValueError("Via")
    for via in vias:
        parse_via(via)


def _check_others(clean: _Clean) -> None:
    seen: set[str] = set()
    for name, _ in clean.headers:
        lowered = name.lower()
        if lowered in _ONCE and lowered in seen:
            raise ValueError(f"{name} appears twice")
        seen.add(lowered)
    # Routing headers one per line, so that position means the same to every reader.
    clean.headers = [
        (name, item)
        for name, value in clean.headers
        for item in (split_list([value]) if name in ("Via", "Route", "Record-Route") else [value])
    ]
    parse_addresses(clean.all("record-route") + clean.all("route"))
    contacts = clean.all("contact")
    if contacts and contacts != ["*"]:
        for item in split_list(contacts):
            parse_address_loosely(item)
    _number(clean, "max-forwards", 255)
    _number(clean, "rseq", 2**32 - 1)
    for name in ("session-expires", "min-se"):
        if clean.all(name) and not first_of(clean.one(name))[0].isdecimal():
            raise ValueError(name)
    _length(clean)


def parse_address_loosely(text: str) -> None:
    """Accept an address whose URI is of another scheme, as From, To and Contact may carry (RFC 3261 20)."""
    try:
        parse_address(text)
    except ValueError as error:
        if "scheme is not supported" not in str(error) or len(text) > 1024 or not re.search(r"\w+:\S", text):
            raise


def _number(clean: _Clean, name: str, highest: int) -> None:
    if clean.all(name):
        value = clean.one(name)
        if not (value.isascii() and value.isdigit() and len(value) <= 10 and int(value) <= highest):
            raise ValueError(name)


def _length(clean: _Clean) -> None:
    _number(clean, "content-length", MAX_MESSAGE)
    if clean.all("content-length"):
        length = int(clean.one("content-length"))
        if length > len(clean.body):
            raise ValueError("Content-Length is larger than the body")
        clean.body = clean.body[:length]
    if clean.body and not clean.all("content-type"):
        if clean.body.strip(b"\r\n"):
            raise ValueError("body without Content-Type")
        clean.body = b""  # line ends that fill a datagram up


def _bytes(clean: _Clean, first: str) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in clean.headers)
    return f"{first}\r\n{lines}\r\n".encode() + clean.body


def _request(clean: _Clean) -> Request:
    method, _, rest = clean.first.partition(" ")
    target, _, version = rest.rpartition(" ")
    if not _METHOD.match(method) or not target:
        raise ValueError("start line")
    if version.upper() != "SIP/2.0":
        raise ValueError("start line")
    if " " in target or "<" in target:
        raise ValueError("Request-URI")
    if clean.one("cseq").split()[1] != method:
        raise ValueError("CSeq method")
    scheme = target.partition(":")[0].lower()
    if scheme not in ("sip", "sips", "tel"):
        if re.match(r"[a-z][a-z0-9+.\-]*\Z", scheme) and ":" in target:
            raise BadSipMessage(416, "Unsupported URI Scheme")
        raise ValueError("Request-URI")
    at = target.find("@")
    if scheme != "tel" and "?" in target[at + 1 :]:
        raise ValueError("headers in Request-URI")
    uri = parse_uri(target)
    # sipmessage parses a plain stand-in; the URI was parsed by the stricter, wider parser of `values`.
    message = Message.parse(_bytes(clean, f"{method} sip:stand.invalid SIP/2.0"))
    assert isinstance(message, Request)
    message.uri = uri
    return message


def _response(clean: _Clean) -> Response:
    match = re.match(r"SIP/2\.0 ([1-6]\d\d)(?: (.*))?\Z", clean.first, re.IGNORECASE)
    if match is None or _CONTROL.search(clean.first):
        raise ValueError("status line")
    phrase = match.group(2) or ""
    message = Message.parse(_bytes(clean, f"SIP/2.0 {match.group(1)} {phrase}"))
    assert isinstance(message, Response)
    return message


def _reply(clean: _Clean) -> tuple[tuple[str, str], ...]:
    """The headers a stateless answer needs, or nothing if the message cannot be answered safely."""
    if clean.first.startswith("ACK ") or " " not in clean.first:
        return ()
    try:
        vias = split_list(clean.all("via"))
        parse_via(vias[0])
        singles = [
            ("From", clean.one("from")),
            ("To", clean.one("to")),
            ("Call-ID", clean.one("call-id")),
            ("CSeq", clean.one("cseq")),
        ]
    except (ValueError, IndexError):
        return ()
    return (*(("Via", via) for via in vias[:MAX_VIAS]), *singles)
