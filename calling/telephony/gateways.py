"""Which SIP gateways of a project carry a number or a SIP destination, and which ones a host is. Reads rows.

Must not live here: what is allowed or costs (`policy`, `billing`), name servers and sending (`calling.sip`),
which the app gives as a `Locator`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

from calling.outbound_http import url_guard
from subscribers.addressing import Target
from subscribers.models import SipGateway

MOST_GATEWAYS = 200
LOCATE_SECONDS = 1.5  # a request holds a database connection meanwhile


class Locator(Protocol):
    """The addresses that SIP URIs lead to now (RFC 3263), found in `seconds`; none if not found."""

    def __call__(self, uris: Iterable[str], seconds: float) -> Mapping[str, frozenset[str]]: ...


_locators: list[Locator] = []


def look_up_with(locator: Locator) -> None:
    """Where SIP URIs lead is asked of this from now on; until then they are compared as text."""
    _locators[:] = [locator]


def by_priority(gateways: Iterable[SipGateway]) -> list[SipGateway]:
    return sorted(gateways, key=lambda each: (each.priority, each.created_at, str(each.pk)))


def route(project_id: UUID, target: Target, caller_number: str | None) -> dict[str, Any] | None:
    """The route of a leg to a phone or SIP destination, as its row keeps it; None where no gateway leads.

    A number goes by the gateways of its longest prefixes; a SIP destination, once `located`, by those that it
    leads to and that take it, and straight to its host where it leads to none.
    """
    gateways = SipGateway.objects.filter(project_id=project_id, enabled=True)
    if target.kind == "sip":
        led = [each for each in gateways if str(each.pk) in target.gateways and takes(each, target.address)]
        exact = [each for each in led if each.port == (port_of(target.address) or each.port)]
        chosen = by_priority(exact or led)
        if target.gateways and not chosen:
            return None
    else:
        lengths = {each: longest_prefix(each, target.address) for each in gateways}
        fits = [each for each, length in lengths.items() if length]
        chosen = sorted(fits, key=lambda each: (each.priority, -lengths[each], str(each.pk)))
        if not chosen:
            return None
    found = {"gateways": [str(each.pk) for each in chosen], "from": caller_number}
    host = chosen[0].host if chosen else host_of(target.address)
    return {**found, "ipv6": True} if ":" in host else found


def longest_prefix(gateway: SipGateway, number: str) -> int:
    """Length of the longest prefix of the gateway that the number has; 0: none."""
    return max(
        (len(prefix) for prefix in gateway.prefixes if prefix and number.startswith(prefix)), default=0
    )


def takes(gateway: SipGateway, uri: str) -> bool:
    """Whether a SIP URI may be dialled there: a number, or a name on its list; over TLS if `sips:`."""
    user = user_of(uri)
    known = user.startswith("+") or user in gateway.names
    return known and (not uri.startswith("sips:") or gateway.transport == SipGateway.Transport.TLS)


def located(project_id: UUID, target: Target) -> Target:
    """A SIP target with the gateways of the project that its host is, by any name, address or network.

    Gateways that are off count too: the carrier knows us by our address all the same. Names that no server
    resolves in time are left to the SIP edge, which compares again with what it is about to dial.
    """
    if target.kind != "sip" or target.test:
        return target
    rows = list(SipGateway.objects.filter(project_id=project_id)[:MOST_GATEWAYS])
    if not rows:
        return target
    uris = [target.address, *(uri for row in rows for uri in uris_of(row))]
    at = _locators[0](uris, LOCATE_SECONDS) if _locators else {}
    led, name = at.get(target.address, frozenset()), host_of(target.address)
    return replace(target, gateways=tuple(str(row.pk) for row in rows if is_gateway(row, name, led, at)))


def is_gateway(
    row: SipGateway, name: str, addresses: Iterable[str], at: Mapping[str, frozenset[str]]
) -> bool:
    """Whether a host (its name, and where it leads) is that gateway. `at`: where `uris_of` it lead."""
    if name == plain_host(row.host):
        return True
    own = {each for uri in uris_of(row) for text in at.get(uri, ()) for each in spellings(text)}
    networks = [ipaddress.ip_network(text, strict=False) for text in row.ip_addresses]
    led = {each for text in (*addresses, name) for each in spellings(text)}
    return bool(own & led) or any(each in network for each in led for network in networks)


def uris_of(row: SipGateway) -> tuple[str, str]:
    """The URIs that a gateway is reached by: its service records, and the addresses of its name."""
    host = plain_host(row.host)
    host = f"[{host}]" if ":" in host else host
    return f"sip:{host}", f"sip:{host}:{row.port}"


def spellings(text: str) -> frozenset[url_guard.Address]:
    """A literal address and the IPv4 ones that stand inside it; none for a name."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return frozenset()
    return frozenset((address, *url_guard.carried(address)))


def host_of(uri: str) -> str:
    """The host of a canonical SIP URI, as `plain_host` writes it."""
    return plain_host(_place(uri)[0])


def port_of(uri: str) -> int | None:
    """The port of a canonical SIP URI; None where it names none."""
    text = _place(uri)[1]
    return int(text) if text.isdecimal() else None


def plain_host(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def user_of(uri: str) -> str:
    return uri.partition(":")[2].rpartition("@")[0]


def _place(uri: str) -> tuple[str, str]:
    place = uri.partition(":")[2].rpartition("@")[2].partition(";")[0].partition("?")[0]
    if place.startswith("["):
        host, _, port = place.partition("]")
        return host, port.removeprefix(":")
    host, _, port = place.partition(":")
    return host, port
