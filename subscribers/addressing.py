"""Destinations as text: parsing, canonical forms, slugs. Pure: standard library only.

Lives here: the grammar of destinations and the frozen values that travel between the directory, the gate
and the switchboard. Must not live here: rows, scope decisions, number plans.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl
from uuid import UUID

TEST_NAMES = ("echo", "tone", "busy", "no-answer")
ANNOUNCEMENT_NUMBER = "+46000000000"
CONTEXTS = ("public", "private")
MAX_DESTINATION = 300
MAX_SLUG = 64

DestinationKind = Literal["address", "extension", "number", "sip"]
TargetKind = Literal["subscriber", "room", "script", "pstn", "sip"]

_ADDRESS = re.compile(r"/([a-z][a-z0-9-]{0,31})/([A-Za-z0-9][A-Za-z0-9_-]{0,99})")
_EXTENSION = re.compile(r"[0-9]{2,10}")
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
# No re.IGNORECASE: with it [a-z] also matches U+017F and U+212A.
_SIP = re.compile(
    r"([sS][iI][pP][sS]?):([A-Za-z0-9_.+~!-]{1,64})"
    r"@(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?"
)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SIP_PORTS = {"sip": 5060, "sips": 5061}


class MalformedDestination(ValueError):
    """The text is not a destination; `str()` says what is wrong, without repeating the text."""


@dataclass(frozen=True)
class Destination:
    """A well-formed wish to dial.

    `text` is the canonical form without query: `/private/bob`, `101`, `+15551234567`, `sip:user@host`.
    `context` and `name` are set for addresses only. `channel` is the `?channel=` hint, else None.
    """

    kind: DestinationKind
    text: str
    context: str = ""
    name: str = ""
    channel: str | None = None

    @property
    def test(self) -> str | None:
        """echo, tone, busy, no-answer or announcement where this is an always-there test destination."""
        if self.kind == "address" and self.context == "public" and self.name in TEST_NAMES:
            return self.name
        if self.kind == "number" and self.text == ANNOUNCEMENT_NUMBER:
            return "announcement"
        return None


@dataclass(frozen=True)
class Target:
    """What a destination resolved to.

    `address` is the canonical text, `address_id` the directory's row (None for numbers, SIP and tests),
    `resource_id` the pk of the Subscriber, Room or Script, `number` the dialled E.164 number if one was.
    `gateways`: the project's gateways that a SIP URI leads to (`calling.telephony.gateways`).
    """

    kind: TargetKind
    address: str
    address_id: UUID | None = None
    resource_id: UUID | None = None
    test: str | None = None
    display_name: str = ""
    number: str | None = None
    channel: str | None = None
    gateways: tuple[str, ...] = ()


def parse_destination(text: object) -> Destination:
    """The canonical Destination of `text`; raises MalformedDestination.

    Accepts `/context/name[?channel=audio|video]`, 2-10 digits, `+E.164` and `sip:user@host[:port]`. Only
    ASCII in exactly these forms: look-alikes, percent encodings, dot segments and spaces are malformed, so
    that two different texts never mean the same address.
    """
    if not isinstance(text, str):
        raise MalformedDestination("A destination must be a string.")
    if not 0 < len(text) <= MAX_DESTINATION:
        raise MalformedDestination(f"A destination must be 1 to {MAX_DESTINATION} characters.")
    if text.startswith("/"):
        return _address(text)
    if _EXTENSION.fullmatch(text):
        return Destination("extension", text)
    if text.startswith("+"):
        return Destination("number", number(text))
    if text[:4].lower() == "sip:" or text[:5].lower() == "sips:":
        return Destination("sip", sip_uri(text))
    raise MalformedDestination("A destination must be /context/name, an extension, +E.164 or sip:user@host.")


def _address(text: str) -> Destination:
    path, mark, query = text.partition("?")
    match = _ADDRESS.fullmatch(path)
    if match is None:
        raise MalformedDestination("An address must be /context/name with letters, digits, '-' and '_'.")
    channel = _channel(query) if mark else None
    return Destination("address", path, match[1], match[2], channel)


def _channel(query: str) -> str | None:
    """The channel hint; other parameters are application data and ignored."""
    if not query.isascii() or not query.isprintable():
        raise MalformedDestination("The query of an address has a character that is not allowed.")
    channels = [value for key, value in parse_qsl(query, keep_blank_values=True) if key == "channel"]
    if not channels:
        return None
    if len(channels) > 1 or channels[0] not in ("audio", "video"):
        raise MalformedDestination("channel must be audio or video.")
    return channels[0]


def number(text: str) -> str:
    """A strict E.164 number (`+`, 2-15 ASCII digits, no leading zero); raises MalformedDestination."""
    if not _E164.fullmatch(text):
        raise MalformedDestination("A phone number is + and 2 to 15 digits.")
    return text


def sip_uri(text: str) -> str:
    """`sip:user@host[:port]` with scheme and host in lower case and the default port left out."""
    match = _SIP.fullmatch(text)
    if match is None:
        raise MalformedDestination("A SIP destination must be sip:user@host or sip:user@host:port.")
    scheme = match[1].lower()
    return f"{scheme}:{match[2]}@{_host(match[3])}{_port(scheme, match[4])}"


def sip_host(text: str) -> str:
    """`host[:port]` in its canonical form, as it follows the `@`."""
    return sip_uri(f"sip:x@{text}").partition("@")[2]


def _host(text: str) -> str:
    try:
        if text.startswith("["):
            return f"[{ipaddress.IPv6Address(text[1:-1])}]"
        host = text.lower()
        if host.rpartition(".")[2].isdigit():
            return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise MalformedDestination("The host of the SIP destination is not an address.") from None
    if not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise MalformedDestination("The host of the SIP destination is not a host name.")
    return host


def _port(scheme: str, text: str | None) -> str:
    if text is None:
        return ""
    port = int(text)
    if not 1 <= port <= 65535:
        raise MalformedDestination("The port of the SIP destination must be 1 to 65535.")
    return "" if port == _SIP_PORTS[scheme] else f":{port}"


def may_be_number(user: str) -> bool:
    """Whether a carrier may take a SIP user part for a number, whatever is written around its digits."""
    return sum(each.isdigit() for each in user) >= 3 or not user[:1].isalpha()


def slug(text: str) -> str:
    """`text` folded to `[a-z0-9-]`, at most 64 characters; may be empty."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_SLUG].rstrip("-")


def slugify_reference(reference: str) -> str:
    """A subscriber's address name: the part before `@`, folded; `user-<8 hex>` where nothing is left.

    `john.doe@example.com` gives `john-doe`.
    """
    return slug(reference.partition("@")[0]) or (
        "user-" + hashlib.sha256(reference.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    )


def reserved(context: str, name: str) -> bool:
    """Whether the name belongs to a test destination."""
    return context == "public" and name.lower() in TEST_NAMES
