"""Where a redirect (RFC 3261 8.1.3.4) may lead a call of ours: which of its Contacts are dialled, and how.

A redirect changes the place, never whom the call is for: that is what was judged and priced when somebody
dialled. Must not live here: sending.
"""

from __future__ import annotations

from dataclasses import replace

from sipmessage import URI

from calling.runtime import db_threads
from calling.sip.edge import destinations, routes
from calling.sip.edge.mapping import number_of, user_part
from calling.sip.edge.routes import Route
from calling.sip.edge.rows import OutboundAttempt
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.headers import parse_uri
from calling.sip.stack.resolver import NoRoute, Resolver
from calling.telephony import gateways
from subscribers.models import SipGateway

CODES = frozenset({300, 301, 302})  # 305 names a proxy, 380 another service
MOST = 5  # of the places of one call, and of those that one answer names


class Redirects:
    """The redirects of one outbound leg. Each place is dialled once, so that no circle goes on."""

    def __init__(self, look_up: Resolver, host: str, wanted: OutboundAttempt) -> None:
        self._look_up, self._host, self._wanted = look_up, host, wanted
        self._tried: set[str] = set()

    async def followed(self, way: Route, contacts: tuple[str, ...]) -> list[Route]:
        """The ways to what an answer from `way` names, best first; [] where none of it may be dialled."""
        self._tried.add(place_of(parse_uri(way.uri)))
        found: list[Route] = []
        for text in contacts[:MOST]:
            try:
                target = parse_uri(text)
            except ValueError:
                continue
            place = place_of(target)
            if place in self._tried or len(self._tried) > MOST or not same_party(parse_uri(way.uri), target):
                continue
            self._tried.add(place)
            next_way = await self._way_to(way, target)
            if next_way is not None:
                found.append(next_way)
        return found

    async def _way_to(self, way: Route, target: URI) -> Route | None:
        at = f"{target.host}:{target.port}" if target.port else target.host
        party = way.uri.rpartition("@")[0]
        try:
            if way.direct:
                tail = ";transport=tls" if way.policy.private else ""
                uri = f"{party}@{at}{tail}"
                rows = await db_threads.run(destinations.all_gateways)
                moved = replace(way, uri=uri, hops=None)
                return await destinations.judged(self._look_up, moved, self._wanted.project_id, rows)
            return await self._at_gateway(target, party, at)
        except (NoRoute, ValueError, destinations.LeadsToGateway):
            return None

    async def _at_gateway(self, target: URI, party: str, at: str) -> Route | None:
        """The way through that of the call's gateways whose place it is, as its row has it."""
        ways = await db_threads.run(ways_of, self._wanted, self._host)
        tails = {row.transport: f";transport={row.transport}" * (row.transport != "udp") for row, _ in ways}
        uris = {transport: f"{party}@{at}{tail}" for transport, tail in tails.items()}
        known = [each for row, _ in ways for each in gateways.uris_of(row)]
        led = await self._look_up.places([*uris.values(), *known], destinations.COMPARE_SECONDS)
        name = gateways.plain_host(target.host)
        for row, way in ways:
            uri = uris[row.transport]
            if not gateways.is_gateway(row, name, led[uri], led):
                continue
            try:
                hops = tuple(await self._look_up.hops(exact_uri(uri), row.staff_networks))
            except NoRoute:  # what is not open to this one may be to another
                continue
            if gateways.is_gateway(row, name, (hop.host for hop in hops), led):
                return replace(way, uri=uri, hops=hops)
        return None


def ways_of(wanted: OutboundAttempt, host: str) -> list[tuple[SipGateway, Route]]:
    """The gateways that may carry the call, in their order, each with the way to its own place."""
    chosen = SipGateway.objects.filter(pk__in=wanted.route.get("gateways", []), enabled=True)
    rows = gateways.by_priority(chosen)
    return [(row, routes.as_asked(routes.through(row, wanted, host), wanted)) for row in rows]


def same_party(dialled: URI, named: URI) -> bool:
    """Whether a Contact is for whom was dialled: the same number in any spelling, or the same name."""
    if named.scheme not in ("sip", "sips") or (dialled.scheme == "sips" and named.scheme != "sips"):
        return False
    number = number_of(dialled)
    return number_of(named) == number if number else user_part(named) == user_part(dialled)


def place_of(uri: URI) -> str:
    secure = uri.scheme == "sips" or (uri.parameters.get("transport") or "").lower() == "tls"
    return f"{gateways.plain_host(uri.host)}:{uri.port or (5061 if secure else 5060)}"
