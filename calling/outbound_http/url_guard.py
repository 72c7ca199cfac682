"""Which hosts Callwright may touch: the judging of addresses, and the one resolver.

Everything that leaves the platform because somebody else wrote a URL (webhooks, script and media URLs,
media-stream sockets) is judged: its text first (`url_text`), then here every address its host resolves to
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
import socket
from collections.abc import Iterator
from functools import partial
from typing import Final

from calling.outbound_http import lookups
from calling.outbound_http.url_text import UnsafeUrl

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

RESOLVE_SECONDS: Final = 4.0
MAX_ANSWERS: Final = 32


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
