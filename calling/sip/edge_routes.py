"""Where an INVITE goes: a phone's own contact, or gateways by prefix and priority; who comes in by which.

Blocking row look-ups, and one check of addresses. What must not live here: sending.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from calling.dialling import PhoneDial
from calling.sip.dialog import exact_uri
from calling.sip.digest import Credentials
from calling.sip.edge_rows import Waiting
from calling.sip.edge_words import address
from calling.sip.resolve import NoRoute, Resolver
from calling.sip.transaction import Hop
from calling.sip.values import parse_uri
from subscribers.models import PhoneNumber, SipEndpoint, SipGateway

_NUMBER = re.compile(r"\+?[0-9]{2,15}\Z")
_TELEPHONE = re.compile(r"\+?[0-9]{7,}\Z")


@dataclass(frozen=True)
class Way:
    """One INVITE that may be sent. `hops` None: look the name up."""

    uri: str
    from_: str
    to: str
    headers: tuple[tuple[str, str], ...] = ()
    credentials: Credentials | None = None
    hops: tuple[Hop, ...] | None = None
    fixed: bool = False
    trusted: bool = False  # configured by the project, so it may be on a private network
    codecs: tuple[str, ...] = ()  # all that may be offered, best first; (): whatever the worker speaks


def ways(wanted: Waiting, host: str) -> list[Way]:
    """The ways to a party, in the order to try them."""
    if wanted.party != "sip":
        uri, hop = wanted.contact.get("uri"), wanted.contact.get("hop")
        if not uri or not hop:
            return []
        from_ = address(shown_outside(wanted, None), host, wanted.from_name)
        endpoint = SipEndpoint.objects.filter(pk=str(wanted.contact.get("endpoint", UUID(int=0)))).first()
        codecs = tuple(endpoint.codecs) if endpoint is not None else ()
        hops = (Hop(*hop),)
        return [
            Way(uri, from_, f"<{uri}>", wanted.headers, hops=hops, fixed=True, trusted=True, codecs=codecs)
        ]
    found = [
        through(gateway, wanted, host)
        for gateway in in_order(
            SipGateway.objects.filter(pk__in=wanted.route.get("gateways", []), enabled=True)
        )
    ]
    if not found and wanted.address.startswith("sip"):
        from_ = address(wanted.from_user, host, wanted.from_name)
        found = [Way(wanted.address, from_, f"<{wanted.address}>", wanted.headers)]
    return found


def in_order(gateways: Any) -> list[SipGateway]:
    return sorted(gateways, key=lambda each: (each.priority, each.created_at, str(each.pk)))


def shown_outside(wanted: Waiting, gateway: SipGateway | None) -> str:
    """The user part of From: the number the door agreed to, else the gateway's, else the caller's name.

    A number that nobody checked is shown only where the gateway's policy lets any be.
    """
    agreed = wanted.route.get("from") or (gateway.caller_id if gateway is not None else "")
    if agreed:
        return str(agreed)
    anything = gateway is not None and gateway.number_policy == SipGateway.NumberPolicy.ANY
    return wanted.from_user if anything or not _TELEPHONE.match(wanted.from_user) else "anonymous"


def through(gateway: SipGateway, wanted: Waiting, host: str) -> Way:
    if wanted.address.startswith("sip"):
        uri = wanted.address
    else:
        tail = f";transport={gateway.transport}" if gateway.transport != "udp" else ""
        name = f"[{gateway.host}]" if ":" in gateway.host else gateway.host
        uri = f"sip:{wanted.address}@{name}:{gateway.port}{tail}"
    credentials = (
        Credentials(gateway.username, gateway.password, realm=gateway.realm, domain=gateway.host)
        if gateway.username
        else None
    )
    extra = tuple((str(name), str(value)) for name, value in gateway.headers.items())
    return Way(
        uri,
        address(shown_outside(wanted, gateway), host, wanted.from_name),
        f"<{uri}>",
        wanted.headers + extra,
        credentials,
        trusted=True,
        codecs=tuple(gateway.codecs),
    )


async def reachable(resolver: Resolver, way: Way) -> bool:
    """Whether a URI that somebody dialled leads to a public address; configured ways always do."""
    if way.trusted or settings.CALLWRIGHT_ALLOW_PRIVATE_URLS:
        return True
    try:
        hops = await resolver.hops(exact_uri(way.uri))
    except (NoRoute, ValueError):
        return False
    return all(ipaddress.ip_address(hop.host).is_global for hop in hops)


def route(dial: PhoneDial) -> dict[str, Any] | None:
    """Where a phone leg goes (`dialling.phone_routes`): gateways by priority, else None."""
    gateways = list(SipGateway.objects.filter(project_id=dial.project_id, enabled=True))
    target = dial.target.address
    if dial.target.kind == "sip":
        host = parse_uri(target).host.strip("[]").lower()
        chosen = [each for each in gateways if each.host.lower() == host]
        return {"gateways": [str(each.pk) for each in in_order(chosen)], "from": dial.caller_number}
    fits = [(longest(each, target), each) for each in gateways]
    best = max((length for length, _ in fits), default=0)
    chosen = [each for length, each in fits if length]
    if not best:
        return None
    chosen = sorted(chosen, key=lambda each: (each.priority, -longest(each, target), str(each.pk)))
    return {"gateways": [str(each.pk) for each in chosen], "from": dial.caller_number}


def longest(gateway: SipGateway, number: str) -> int:
    """Length of the longest prefix of the gateway that the number has; 0: none."""
    return max(
        (len(prefix) for prefix in gateway.prefixes if prefix and number.startswith(prefix)), default=0
    )


@dataclass(frozen=True)
class Inbound:
    """A call through a gateway, and the number it is for."""

    project_id: Any
    number: str
    address_id: Any


def number_row(users: list[str]) -> PhoneNumber | None:
    """The phone number that one of these user parts is, with or without its plus sign."""
    texts = ["+" + user.removeprefix("+") for user in users if _NUMBER.match(user)]
    rows = PhoneNumber.objects.filter(number__in=texts).select_related("address")
    found = {row.number: row for row in rows}
    return next((found[text] for text in texts if text in found), None)


def gateway_of(host: str, users: list[str], registered: list[str]) -> str | None:
    """The gateway that a call from `host` for `users` came through.

    By its configured addresses, or because we are registered with it there.
    """
    source = ipaddress.ip_address(host)
    number = number_row(users)
    gateways = SipGateway.objects.filter(enabled=True).filter(~Q(ip_addresses=[]) | Q(pk__in=registered))
    if number is not None:
        gateways = gateways.filter(project_id=number.project_id)
    for gateway in in_order(gateways):
        if str(gateway.pk) in registered or any(within(source, text) for text in gateway.ip_addresses):
            return str(gateway.pk)
    return None


def within(source: Any, text: str) -> bool:
    try:
        return source in ipaddress.ip_network(text, strict=False)
    except (ValueError, TypeError):
        return False


def inbound(gateway_id: str, users: list[str]) -> Inbound | None:
    """Where a number of the gateway's project leads."""
    number = number_row(users)
    gateway = SipGateway.objects.filter(pk=gateway_id).first()
    if number is None or gateway is None or number.project_id != gateway.project_id or number.address is None:
        return None
    return Inbound(number.project_id, number.number, number.address_id)
