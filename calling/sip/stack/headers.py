"""Structured SIP header values: splitting, addresses, Via, event parameters.

Pure. What lives here turns one header's text into sipmessage's types (URI, Address, Via) after
repairing the forms sipmessage 0.7.1 refuses or mangles: URI header parameters (RFC 3261 19.1.1),
`#` in user parts, quoted parameters that hold separators, upper-case schemes and parameter names.
What must not live here: whole messages (normalise) and anything that sends.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
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
    """`;name=value` parts, already split, as a dict with lower-case names; the first value of a name wins.

    An empty value is none: `;rport=` and `;x=` are written, though RFC 3261 25.1 has no such form.
    """
    if len(parts) > MAX_PARAMETERS:
        raise ValueError("too many parameters")
    found: dict[str, str | None] = {}
    for part in parts:
        name, _, value = part.partition("=")
        name = name.strip().lower()
        if not _TOKEN.match(name):
            raise ValueError("bad parameter name")
        value = value.strip()
        if found.get(name) is None:
            found[name] = unquote_string(value) if value else None
    return found


def split_uri_headers(text: str) -> tuple[str, dict[str, str]]:
    """`sip:x@h;p?Replaces=…` -> (`sip:x@h;p`, {"replaces": …}); names lower case, values unescaped."""
    at = text.find("@")  # the first: a Replaces among the headers may hold one that is not escaped
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
        number, semicolon, raw = rest.partition(";")
        # Escapes and blanks are not of RFC 3966, and written all the same.
        number = unquote(number).replace(" ", "")
        if len(number) > MAX_TEL:
            raise ValueError("telephone number is too long")
        named = [name.lower() + equals + value for name, equals, value in _pairs(raw)] if semicolon else []
        return URI.parse(";".join([f"tel:{number}", *named]))
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


def _pairs(raw: str) -> list[tuple[str, str, str]]:
    return [part.partition("=") for part in raw.split(";")[:MAX_PARAMETERS]]


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


def name_addr(text: str) -> tuple[str, str, list[str]]:
    """(display name as written, URI as written, parameters as written) of one address value.

    Only what stands outside quotes is syntax: a parameter or a display name may hold brackets, commas and
    semicolons of its own (RFC 3261 25.1). ValueError for unbalanced quotes and brackets.
    """
    head, *parameters = split_outside(text.strip(), ";")
    head = head.strip()
    # Outside quotes there is at most one pair of brackets, and none may follow the URI's.
    opening = head.rfind("<") if head.endswith(">") else -1
    if opening < 0:
        if "<" in head or '"' in head:
            raise ValueError("bad name-addr")
        # Without brackets every parameter belongs to the header, not to the URI (RFC 3261 20.10).
        return "", head, parameters
    name = head[:opening].strip()
    quoted = len(name) > 1 and name.startswith('"') and name.endswith('"')
    if not quoted and ('"' in name or "<" in name):  # with a bracket they are two addresses
        raise ValueError("bad display name")
    return name, head[opening + 1 : -1].strip(), parameters


def parse_address(text: str) -> Address:
    """One From, To, Contact, Route or Refer-To value; the URI's header part is dropped."""
    name, uri, parameters = name_addr(text)
    if "?" in uri and not text.strip().partition(uri)[0]:
        raise ValueError("a URI with headers needs brackets")
    return Address(
        uri=parse_uri(uri), name=unquote_string(name), parameters=Parameters(**parameters_of(parameters))
    )


def parse_addresses(values: list[str]) -> list[Address]:
    """All addresses of a header that may repeat and hold commas (Contact, Record-Route, Route)."""
    return [parse_address(item) for item in split_list(values)]


def split_list(values: list[str]) -> list[str]:
    """The raw items of a comma separated header, in order, unchanged but for outer white space."""
    return [item.strip() for value in values for item in split_outside(value, ",") if item.strip()]


def uri_text(address: str) -> str:
    """The URI inside one raw address value, exactly as written, header part included; ValueError for none."""
    return name_addr(address)[1]


def tokens_of(values: Iterable[str]) -> frozenset[str]:
    """The items of a header that lists tokens (Supported, Require, Allow), lower case."""
    return frozenset(item.strip().lower() for value in values for item in value.split(",") if item.strip())


def first_of(text: str) -> tuple[str, dict[str, str | None]]:
    """(value, parameters) of a header such as Event or Session-Expires; bad ones are left out."""
    try:
        head, *parts = split_outside(text, ";")
    except ValueError:
        head, parts = text.partition(";")[0], []
    found: dict[str, str | None] = {}
    for part in parts[:MAX_PARAMETERS]:
        with contextlib.suppress(ValueError):
            found = {**parameters_of([part]), **found}
    return head.strip(), found


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
        if not part.strip():
            continue  # a list may have empty places (RFC 9110 5.6.1)
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or not _TOKEN.match(name) or name in found or len(found) >= MAX_PARAMETERS:
            raise ValueError("bad auth parameter")
        found[name] = unquote_string(value)
    return scheme.lower(), found
