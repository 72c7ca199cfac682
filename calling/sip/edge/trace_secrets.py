"""What of a SIP message is no secret: the rest becomes `x`, octet for octet, before a trace is stored.

Pure. Lengths stay, so Content-Length is still true. Masked: answers to digest challenges and all other
credentials, passwords in URIs, keys of media (SDES, MIKEY, `k=`), ICE passwords, digits in INFO, and headers
whose name says that they hold a secret. Telephone numbers stay: they are what a trace is read for.
What must not live here: who may see a trace.
"""

from __future__ import annotations

import re

# Digest (RFC 8760): what proves the password. The nonces and the realm tell why a challenge failed.
_DIGEST = re.compile(rb'((?:^|[\s,])(?:response|rspauth|cnonce)\s*=\s*"?)([^",\s]+)', re.IGNORECASE)
_SCHEME = re.compile(rb"(\s*[A-Za-z0-9\-]+\s+)(.*)", re.DOTALL)
_CREDENTIALS = frozenset({b"authorization", b"proxy-authorization"})
_PROOFS = frozenset({b"authentication-info", b"proxy-authentication-info"})
_SECRET_NAME = re.compile(
    rb"^x-.*auth|token|secret|passw|api-?key|cookie|session-?key|credential", re.IGNORECASE
)
_PASSWORD = re.compile(rb"(sips?:[^@\s<>\"?:;]{0,256}:)([^@\s<>\"?]{1,256})(?=@)", re.IGNORECASE)
_URI_HEADER = re.compile(rb"([?&](?:proxy-)?authorization=)([^&>\s]+)", re.IGNORECASE)
# Wherever a line of a body begins so: descriptions, also in parts of others, and digits (RFC 2976, Cisco).
_BODY = (
    re.compile(rb"(^a=crypto:\s*\d+\s+\S+\s+inline:)([^\r\n]+)", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"(^a=(?:key-mgmt|ice-pwd):)([^\r\n]+)", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"(^k=)([^\r\n]+)", re.IGNORECASE | re.MULTILINE),
    re.compile(rb"(^(?:Signal|Digit)\s*=\s*)([^\r\n]+)", re.IGNORECASE | re.MULTILINE),
)
_DTMF_BODY = re.compile(rb"^(?:content-type|c)\s*:\s*application/dtmf\b(?!-)", re.IGNORECASE | re.MULTILINE)
_END = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(rb"(\r?\n)(?![ \t])")


def masked(data: bytes) -> bytes:
    """The message, as long as it was. It may be cut anywhere, or be no good SIP at all."""
    found = _END.search(data)
    head, body = (data[: found.end()], data[found.end() :]) if found else (data, b"")
    parts = _LINE.split(head)
    parts[::2] = [_line(part) for part in parts[::2]]
    head = b"".join(parts)
    if _DTMF_BODY.search(head):
        return head + _x(body)
    for pattern in _BODY:
        body = pattern.sub(_second, body)
    return head + _PASSWORD.sub(_second, body)


def _line(line: bytes) -> bytes:
    """A header with its continuation lines, or the first line."""
    name, colon, value = line.partition(b":")
    key = name.strip().lower()
    if colon and key in _CREDENTIALS:
        scheme = _SCHEME.fullmatch(value)
        if scheme is not None and scheme[1].strip().lower() == b"digest":
            value = _DIGEST.sub(_second, value)
        elif scheme is not None:
            value = scheme[1] + _x(scheme[2])
        else:
            value = _x(value)
    elif colon and key in _PROOFS:
        value = _DIGEST.sub(_second, value)
    elif colon and b" " not in key and _SECRET_NAME.search(key):
        value = _x(value)
    line = name + colon + value
    return _URI_HEADER.sub(_second, _PASSWORD.sub(_second, line))


def _second(found: re.Match[bytes]) -> bytes:
    return found[1] + _x(found[2])


def _x(text: bytes) -> bytes:
    """As many `x`, with white space where it was."""
    return re.sub(rb"[^\s]", b"x", text)
