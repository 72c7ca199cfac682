"""Checks of the variables of media, ICE and SIP, and the addresses of this machine that are their defaults.

Pure apart from these: a socket is asked which address it would leave from, and sends nothing. Must not live
here: the name of a variable (`config.env`).
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

from config.env_reader import Reader, WrongVariable

WILDCARDS = frozenset({"0.0.0.0", "::"})
MOST_PLACES = 8  # addresses of media: each costs a leg a socket


def sip_edge(take: Reader, name: str, bind: str, sip_port: int) -> tuple[str, int]:
    value = take.text(name)
    if value is None:
        local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)
        return local, sip_port
    try:
        parts = urlsplit(f"//{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.netloc != value:
        raise WrongVariable(name, f"must be host:port, got {value[:80]!r}")
    return host, port


def media_ip(take: Reader, name: str, bind: str) -> tuple[tuple[str, str], ...]:
    """Each `bind[/advertised]`; by default where the web is, loopback, and the primary addresses."""
    value = take.text(name)
    if value is None:
        first = primary_address() if bind in WILDCARDS else bind
        found = [first, "127.0.0.1", primary_address(), primary_address_6()]
        return tuple((each, each) for each in dict.fromkeys(found) if each is not None)
    places = dict.fromkeys(_media_place(take, name, part.strip()) for part in value.split(","))
    if len(places) > MOST_PLACES:
        raise WrongVariable(name, f"lists more than {MOST_PLACES} addresses")
    return tuple(places)


def _media_place(take: Reader, name: str, text: str) -> tuple[str, str]:
    own, slash, shown = text.partition("/")
    own = take.address(name, own)
    fallback = own
    if own in WILDCARDS:
        fallback = primary_address() if own == "0.0.0.0" else primary_address_6() or own
    advertised = take.address(name, shown) if slash else fallback
    if advertised in WILDCARDS:
        raise WrongVariable(name, "the advertised address cannot be a wildcard")
    return own, advertised


def media_ports(take: Reader, name: str) -> tuple[int, int]:
    value = take.text(name) or "40000-49999"
    match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", value)
    low, high = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (low >= 1024 and low + 9 <= high <= 65535):
        raise WrongVariable(name, f"must be low-high, 1024 to 65535, at least 10 ports, got {value[:40]!r}")
    return low, high


def media_mux(take: Reader, name: str) -> bool:
    linux = sys.platform == "linux"
    chosen = take.flag(name, linux)
    if chosen and not linux:
        raise WrongVariable(name, "takes Linux")  # epoll, and sockets that share a port by far address
    return chosen


def media_loop(take: Reader, name: str) -> str:
    value = take.text(name) or "auto"
    if value not in ("auto", "c", "python"):
        raise WrongVariable(name, f"must be auto, c or python, got {value[:40]!r}")
    return value


def ice_servers(take: Reader, name: str) -> tuple[dict[str, Any], ...] | None:
    value = take.text(name)
    if value is None:
        return None
    try:
        servers = json.loads(value)
    except ValueError:
        raise WrongVariable(name, "is not JSON") from None
    if not isinstance(servers, list):
        raise WrongVariable(name, "must be a JSON list of servers")
    for server in servers:
        if not isinstance(server, dict) or set(server) - {"urls", "username", "credential", "secret"}:
            raise WrongVariable(name, "each server is {urls, username?, credential?, secret?}")
        urls = server.get("urls")
        listed = urls if isinstance(urls, list) else [urls]
        if not listed or not all(isinstance(u, str) and re.match(r"(stun|turn)s?:\S", u) for u in listed):
            raise WrongVariable(name, "urls must be stun:, stuns:, turn: or turns: addresses")
        if not all(isinstance(server.get(k, ""), str) for k in ("username", "credential", "secret")):
            raise WrongVariable(name, "username, credential and secret are text")
    return tuple(servers)


def listening_at(bind: str) -> tuple[str, ...]:
    """What is bound for an address to listen on, each with a socket of its own IP version: so an IPv4 peer of
    `::` is known by its IPv4 address, and not by one of IPv6 that holds it."""
    return ("::", "0.0.0.0") if bind == "::" else (bind,)


def primary_address() -> str:
    """The address this machine would leave from (no packet is sent); 127.0.0.1 without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def primary_address_6() -> str | None:
    """The same of IPv6; None where the machine has no address that leads out."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2001:db8::1", 9))
            found = ipaddress.ip_address(probe.getsockname()[0])
    except OSError:
        return None
    return None if found.is_loopback or found.is_link_local else str(found)
