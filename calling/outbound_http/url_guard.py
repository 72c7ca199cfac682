"""Which outbound URLs Callwright may touch: the judging of URLs and addresses, and the one resolver.

Everything that leaves the platform because somebody else wrote a URL (webhooks, script and media URLs,
media-stream sockets) is judged here: the text first (`parse_url`), then every address its host resolves to
(`is_allowed_address`), and callers connect to exactly the addresses `resolve` gave back, never to the name
again. Nothing here opens a connection to a judged host or reads settings. Only the standard library and the
threads of `lookups`.

Addresses are judged after unwrapping the forms that carry an IPv4 address inside an IPv6 one; an allow
rule (global unicast) decides, not `ipaddress.is_global`, whose answers for NAT64, 6to4, multicast and a few
clouds' metadata addresses are wrong and change between Python releases.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from calling.outbound_http import lookups

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

REFUSAL: Final = "this URL is not allowed or its host cannot be reached"
"""One text for every refusal that depends on where a name points: nobody can map a network with it."""

MAX_URL: Final = 2048
PUBLIC_PORTS: Final = frozenset({443, 4443, 8443, 9443})
RESOLVE_SECONDS: Final = 4.0
MAX_ANSWERS: Final = 32

SECURE: Final = {"https": 443, "wss": 443}
PLAIN: Final = {"http": 80, "ws": 80}


class UnsafeUrl(ValueError):
    """A URL Callwright will not touch. The text is fit for the person who gave the URL."""

    def __init__(self, message: str = REFUSAL) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL whose text is acceptable. `host` is lower-case ASCII without brackets; `origin` has no path."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def _nets(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Never, not even where private URLs are allowed: credentials of the machine itself, and addresses that are
# nobody's in particular (IANA special registries, cloud providers' documentation).
NEVER: Final = _nets(
    "0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32",
    "192.0.0.192/32", "::/128", "ff00::/8", "fe80::/10", "fec0::/10", "fd00:ec2::254/128", "fd20:ce::254/128",
    "fd00:42::42/128",
)  # fmt: skip
# Not the public internet (RFC 6890 and its registries).
PRIVATE_V4: Final = _nets(
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
)  # fmt: skip
GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
PRIVATE_V6: Final = _nets("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
_PREFIXES_96: Final = (0, 0xFFFF, 0xFFFF0000, 0x0064FF9B << 64)  # compatible, mapped, translated, NAT64
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")


def carried(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses packed into an IPv6 one: mapped, compatible and translated forms (RFC 4291, 7915),
    NAT64 (RFC 6052, 8215), 6to4 (RFC 3056), Teredo (RFC 4380) and ISATAP (RFC 5214)."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    number = int(address)
    low = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    prefix96 = number >> 32
    if prefix96 in _PREFIXES_96 and number > 1:
        yield low
    if address in _LOCAL_NAT64:  # the operator may use any of RFC 6052's lengths below its /48
        yield low
        yield ipaddress.IPv4Address(((number >> 64) & 0xFFFF) << 16 | (number >> 40) & 0xFFFF)
        yield ipaddress.IPv4Address((number >> 24) & 0xFFFFFFFF)
    if number >> 112 == 0x2002:
        yield ipaddress.IPv4Address((number >> 80) & 0xFFFFFFFF)
    if number >> 96 == 0x20010000:
        yield ipaddress.IPv4Address((number >> 64) & 0xFFFFFFFF)
        yield ipaddress.IPv4Address(~number & 0xFFFFFFFF)
    if (number >> 32) & 0xFDFFFFFF == 0x5EFE:
        yield low


def is_carrier(address: Address) -> bool:
    """True for an IPv6 address that stands for an IPv4 one (mapped, translated, NAT64 well-known, 6to4)."""
    if isinstance(address, ipaddress.IPv4Address):
        return False
    number = int(address)
    return number >> 112 == 0x2002 or (number > 1 and number >> 32 in _PREFIXES_96)


def is_allowed_address(text: str, *, allow_private: bool = False) -> bool:
    """True when Callwright may connect to this address (text as getaddrinfo gives it)."""
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if getattr(address, "scope_id", None):
        return False
    if _in(address, NEVER):
        return False
    inner = list(carried(address))
    if any(not is_allowed_address(str(packed), allow_private=allow_private) for packed in inner):
        return False
    if allow_private:
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return not _in(address, PRIVATE_V4)
    if is_carrier(address):
        return True  # what it carries was judged above
    return address in GLOBAL_V6 and not _in(address, PRIVATE_V6)


def _in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


_URL = re.compile(
    r"(?P<scheme>[A-Za-z]{2,5})://"
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[^\s\[\]/?#@:\\%<>\"'`{|}^]{1,253})"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>[/?][^#]*)?(?:#.*)?",
    re.DOTALL,
)
_BAD = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff\\]")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_LABELS = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


def parse_url(
    url: object, *, allow_private: bool = False, schemes: tuple[str, ...] = ("https", "http")
) -> Target:
    """Judge the text of a URL; the path is left as given, percent-encoded where it was not ASCII.

    `schemes` is the pair (secure, plain); the plain one counts only with `allow_private`.
    Raises UnsafeUrl with a text that says what is wrong: it depends on the text alone.
    """
    if not isinstance(url, str) or len(url) > MAX_URL:
        raise UnsafeUrl(f"a URL is text of at most {MAX_URL} characters")
    if _BAD.search(url):
        raise UnsafeUrl("a URL has no spaces, control characters or backslashes")
    match = _URL.fullmatch(url)
    if match is None:
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise UnsafeUrl("a URL with a user name or password in it is not accepted")
        raise UnsafeUrl("this is not an absolute URL")
    scheme = match["scheme"].lower()
    usable = schemes if allow_private else tuple(name for name in schemes if name in SECURE)
    if scheme not in usable:
        raise UnsafeUrl(f"the URL must begin with {' or '.join(name + '://' for name in usable)}")
    host = _host(match["host"])
    port = int(match["port"]) if match["port"] else {**SECURE, **PLAIN}[scheme]
    if not 1 <= port <= 65535 or (not allow_private and port not in PUBLIC_PORTS):
        raise UnsafeUrl(f"the URL's port must be one of {', '.join(map(str, sorted(PUBLIC_PORTS)))}"
                        if not allow_private else "the URL's port is out of range")  # fmt: skip
    path = match["path"] or "/"
    path = path if path.startswith("/") else "/" + path
    path = "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in path)
    shown = f"[{host}]" if ":" in host else host
    return Target(f"{scheme}://{shown}:{port}{path}", scheme, host, port, path)


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return str(ipaddress.IPv6Address(text[1:-1]))
        except ValueError:
            raise UnsafeUrl("the address in brackets is not an IPv6 address") from None
    if text.isascii():
        host = text.lower()
    else:
        try:  # the same folding (nameprep) getaddrinfo would apply, so that what is judged is what is meant
            host = text.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise UnsafeUrl("the host name is not valid") from None
    if not _LABELS.fullmatch(host):
        raise UnsafeUrl("the host name is not valid")
    if host.endswith(".") and _NUMBER.fullmatch(host[:-1].rpartition(".")[2]):
        raise UnsafeUrl("the host name is not valid")  # no name ends in a number
    return host


def is_local(address: str) -> bool:
    """True when the address is one of this machine's: its own public name must not lead back inside."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def vet_addresses(answers: list[str], *, allow_private: bool = False) -> tuple[str, ...]:
    """All addresses of one name, each judged: one bad answer refuses the name."""
    unique = tuple(dict.fromkeys(answers))
    if not unique or len(unique) > MAX_ANSWERS:
        raise UnsafeUrl
    for address in unique:
        if not is_allowed_address(address, allow_private=allow_private) or (
            not allow_private and is_local(address)
        ):
            raise UnsafeUrl
    return unique


def _lookup(host: str, port: int, flags: int = 0) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [str(entry[4][0]) for entry in found]


def _literal(host: str, port: int) -> list[str] | None:
    try:
        return _lookup(host, port, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None


async def resolve(host: str, port: int, *, allow_private: bool = False) -> tuple[str, ...]:
    """The vetted addresses of a host, in the resolver's order. Raises UnsafeUrl; takes at most 4 s."""
    answers = _literal(host, port)
    if answers is None:
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                answers = await lookups.in_turn(partial(_lookup, host, port))
        except (OSError, UnicodeError, TimeoutError):
            raise UnsafeUrl from None
    return vet_addresses(answers, allow_private=allow_private)
