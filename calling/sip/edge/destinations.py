"""Where SIP may go: the judge of every address, and what a dialled URI leads to just before it is dialled.

Must not live here: sending, and what a project's policy says of a number (`calling.telephony.policy`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.conf import settings

from calling.outbound_http import url_guard
from calling.sip.edge.routes import Route, plain_address, within
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.headers import parse_uri
from calling.sip.stack.resolver import Resolver, literal
from calling.telephony import gateways
from subscribers import addressing
from subscribers.models import SipGateway

COMPARE_SECONDS = 3.0
resolver = Resolver()  # compares for requests and tasks; what is dialled is looked up by the edge's own


class LeadsToGateway(Exception):
    """A URI leads to a gateway, by the back door: calls to it are a phone's, or another project's."""


def places(uris: Iterable[str], seconds: float) -> dict[str, frozenset[str]]:
    """The addresses that SIP URIs lead to now, to compare and not to dial. Needs a thread without a loop."""
    return asyncio.run(resolver.places(uris, seconds))


def allowed(host: str, networks: Sequence[str] = ()) -> bool:
    """The judge of SIP's addresses: the one of every address from outside, and what staff opened besides."""
    private = bool(settings.CALLWRIGHT_ALLOW_PRIVATE_URLS)
    if any(within(plain_address(host), text) for text in networks):
        return url_guard.is_allowed_address(host, allow_private=True)
    return url_guard.is_allowed_address(host, allow_private=private) and (
        private or not url_guard.is_local(host)
    )


def may_be_at(host: str, networks: Sequence[str]) -> bool:
    """Whether a gateway may have this host, as far as its text says: a name is judged when it is dialled."""
    address = literal(host)
    if address is None:
        return gateways.plain_host(host) != "localhost" or allowed("127.0.0.1", networks)
    return allowed(address, networks)


async def judged(look_up: Resolver, way: Route, project_id: str, rows: Sequence[SipGateway]) -> Route:
    """A dialled URI with the places that it leads to, judged: they are what is dialled, nothing is looked up
    again. `rows` are the gateways of every project. Raises NoRoute, and LeadsToGateway.

    The door has looked too (`gateways.located`), at what the name meant then. Another project's gateway takes
    no number: its carrier would charge that project.
    """
    hops = tuple(await look_up.hops(exact_uri(way.uri)))
    name, uri = gateways.host_of(way.uri), parse_uri(way.uri)
    at = await look_up.places((each for row in rows for each in gateways.uris_of(row)), COMPARE_SECONDS)
    for row in rows:
        matters = str(row.project_id) == project_id or addressing.may_be_number(uri.user or "")
        if matters and gateways.is_gateway(row, name, (hop.host for hop in hops), at):
            raise LeadsToGateway(str(row.pk))
    return replace(way, hops=hops)


def all_gateways() -> list[SipGateway]:
    return list(SipGateway.objects.only("project_id", "host", "port", "ip_addresses"))
