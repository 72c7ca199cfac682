"""Structured SIP header values: splitting, addresses, Via, event parameters.

Pure. What lives here turns one header's text into sipmessage's types (URI, Address, Via) after
repairing the forms sipmessage 0.7.1 refuses or mangles: URI header parameters (RFC 3261 19.1.1),
`#` in user parts, quoted parameters that hold separators, upper-case schemes and parameter names.
What must not live here: whole messages (normalise) and anything that sends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from sipmessage import URI, Address, Parameters, Via

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+\Z")
# Between two labels there must be a dot: with an optional one this took exponential time to say no.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_\-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?\Z|\[[0-9A-Fa-f:.]{{2,45}}\]\Z")
_VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9\-]+)\s+(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]+)"
    r"(?:\s*:\s*(\d{1,5}))?\s*\Z",
    re.IGNORECASE,
)
MAX_PARAMETERS = 40
MAX_TEL = 64


def split_outside(text: str, separator: str) -> list[str]:
    """Split at `separator` outside double quotes and angle brackets; raise ValueError if unbalanced."""
    parts: list[str] = []
    start, quoted, angled, index, size = 0, False, False, 0, len(text)
    while index < size:
        char = text[index]
        if quoted:
            if char == "\\":
                index += 1
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char == "<":
            if angled:
                raise ValueError("nested angle bracket")
            angled = True
        elif char == ">":
            if not angled:
                raise ValueError("stray angle bracket")
            angled = False
        elif char == separator and not angled:
            parts.append(text[start:index])
            start = index + 1
        index += 1
    if quoted or angled or index > size:
        raise ValueError("unbalanced quote or bracket")
    parts.append(text[start:])
    return parts


def unquote_string(text: str) -> str:
    """The content of a quoted-string (RFC 3261 25.1), or the text itself when it is not one."""
    text = text.strip()
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text


def parameters_of(parts: list[str]) -> dict[str, str | None]:
    """`;name=value` parts, already split, as a dict with lower-case names; the first of a name wins."""
    if len(parts) > MAX_PARAMETERS:
        raise ValueError("too many parameters")
    found: dict[str, str | None] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not _TOKEN.match(name):
            raise ValueError("bad parameter name")
        value = value.strip()
        if equals and not value:
            raise ValueError("empty parameter value")
        found.setdefault(name, unquote_string(value) if equals else None)
    return found


def split_uri_headers(text: str) -> tuple[str, dict[str, str]]:
    """`sip:x@h;p?Replaces=…` -> (`sip:x@h;p`, {"replaces": …}); names lower case, values unescaped."""
    at = text.rfind("@")
    mark = text.find("?", at + 1)
    if mark < 0 or text[:4].lower() == "tel:":
        return text, {}
    headers: dict[str, str] = {}
    for pair in text[mark + 1 :].split("&")[:MAX_PARAMETERS]:
        name, _, value = pair.partition("=")
        headers.setdefault(unquote(name).lower(), unquote(value))
    return text[:mark], headers


def parse_uri(text: str) -> URI:
    """A sip, sips or tel URI without its header part; ValueError when it is none of these."""
    text = text.strip()
    if len(text) > 1024:
        raise ValueError("URI is too long")
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in ("sip", "sips", "tel"):
        raise ValueError("URI scheme is not supported")
    rest, _ = split_uri_headers(f"{scheme}:{rest}")
    rest = rest.partition(":")[2]
    if scheme == "tel":
        if len(rest.partition(";")[0]) > MAX_TEL:
            raise ValueError("telephone number is too long")
        return URI.parse(f"tel:{rest}")
    user, at, tail = rest.rpartition("@")
    hostport, semicolon, raw = tail.partition(";")
    host, port = _host_port(hostport)
    if at and not user:
        raise ValueError("empty user")
    checked = f"sip:{user.replace('#', '%23')}@host.invalid" if at else "sip:host.invalid"
    parsed = URI.parse(checked)
    found: dict[str, str | None] = {}
    if semicolon:
        if len(raw) > 512:
            raise ValueError("URI parameters are too long")
        for part in raw.split(";"):
            name, equals, value = part.partition("=")
            if not name or any(ord(c) <= 32 or c in '<>"' for c in part):
                raise ValueError("bad URI parameter")
            found.setdefault(unquote(name).lower(), unquote(value) if equals else None)
    if len(found) > MAX_PARAMETERS:
        raise ValueError("too many URI parameters")
    return URI(
        scheme=scheme,
        host=host,
        port=port,
        user=parsed.user,
        password=parsed.password,
        parameters=Parameters(**found),
    )


def _host_port(text: str) -> tuple[str, int | None]:
    host, colon, port = text, "", ""
    if text.startswith("["):
        end = text.find("]")
        host, rest = text[: end + 1], text[end + 1 :]
        colon, port = rest[:1], rest[1:]
        if colon not in ("", ":"):
            raise ValueError("bad host")
    elif ":" in text:
        host, colon, port = text.partition(":")
    if len(host) > 255 or not _HOST.match(host):
        raise ValueError("bad host")
    if colon and not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise ValueError("bad port")
    return host, int(port) if colon else None


def parse_address(text: str) -> Address:
    """One From, To, Contact, Route or Refer-To value; the URI's header part is dropped."""
    parts = split_outside(text.strip(), ";")
    if "<" in text:
        head = parts[0].strip()
        opening = head.rfind("<")
        if opening < 0 or not head.endswith(">"):
            raise ValueError("bad name-addr")
        name = head[:opening].strip()
        if not (name.startswith('"') and name.endswith('"') and len(name) > 1) and '"' in name:
            raise ValueError("bad display name")
        return Address(
            uri=parse_uri(head[opening + 1 : -1]),
            name=unquote_string(name),
            parameters=Parameters(**parameters_of(parts[1:])),
        )
    # Without brackets every parameter belongs to the header, not to the URI (RFC 3261 20.10), and a
    # question mark is not allowed at all.
    if "?" in parts[0]:
        raise ValueError("a URI with headers needs brackets")
    return Address(uri=parse_uri(parts[0]), parameters=Parameters(**parameters_of(parts[1:])))


def parse_addresses(values: list[str]) -> list[Address]:
    """All addresses of a header that may repeat and hold commas (Contact, Record-Route, Route)."""
    return [parse_address(item) for item in split_list(values)]


def split_list(values: list[str]) -> list[str]:
    """The raw items of a comma separated header, in order, unchanged but for outer white space."""
    return [item.strip() for value in values for item in split_outside(value, ",") if item.strip()]


def uri_text(address: str) -> str:
    """The URI inside one raw address value, exactly as written, header part included."""
    opening = address.rfind("<")
    if opening >= 0:
        return address[opening + 1 : address.find(">", opening)]
    return address.split(";", 1)[0].strip()


def parse_via(text: str) -> Via:
    """One Via value (RFC 3261 20.42); parameter names lower case."""
    parts = split_outside(text.strip(), ";")
    match = _VIA.match(parts[0].strip())
    if match is None:
        raise ValueError("bad Via")
    port = int(match.group(3)) if match.group(3) else None
    if port is not None and not 0 < port < 65536:
        raise ValueError("bad Via port")
    return Via(
        transport=match.group(1).upper(),
        host=match.group(2),
        port=port,
        parameters=Parameters(**parameters_of(parts[1:])),
    )


def tag_of(text: str) -> str | None:
    """The tag of a From or To value, None when it has none."""
    return parse_address(text).parameters.get("tag")


@dataclass(frozen=True)
class Replaces:
    """RFC 3891: the dialog an INVITE takes over, tags as the receiver of the INVITE sees them."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False


def parse_replaces(text: str) -> Replaces:
    """`call-id;to-tag=…;from-tag=…`; ValueError when a tag is missing."""
    head, *rest = split_outside(text, ";")
    found = parameters_of(rest)
    to_tag, from_tag = found.get("to-tag"), found.get("from-tag")
    if not head.strip() or not to_tag or not from_tag or len(text) > 512:
        raise ValueError("bad Replaces")
    return Replaces(head.strip(), to_tag, from_tag, "early-only" in found)


def auth_parameters(text: str) -> tuple[str, Mapping[str, str]]:
    """`Digest a="b", c=d` -> ("digest", {"a": "b", "c": "d"}); quote-aware, unlike sipmessage's."""
    scheme, _, rest = text.strip().partition(" ")
    if not _TOKEN.match(scheme):
        raise ValueError("bad scheme")
    found: dict[str, str] = {}
    for part in split_outside(rest, ","):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or not _TOKEN.match(name) or name in found or len(found) >= MAX_PARAMETERS:
            raise ValueError("bad auth parameter")
        found[name] = unquote_string(value)
    return scheme.lower(), found
