"""Where a SIP URI leads: NAPTR, SRV and addresses (RFC 3263), in the order to try them.

Literals never reach a name server. Every address goes past the judge that its user gives: what `hops`
returns has been judged, and is what is to be dialled. What must not live here: connecting, and the judgement
itself.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import dns.asyncresolver
import dns.exception
import dns.resolver
from sipmessage import URI

from calling.sip.stack.headers import parse_uri
from calling.sip.stack.transaction import Hop

DEADLINE = 5.0
MAX_HOPS = 8
KEEP_SECONDS = 30.0  # what `places` remembers
KEEP_PLACES = 5000
AT_ONCE = 16  # names that `places` looks up side by side
_SERVICES = {"SIP+D2U": "UDP", "SIP+D2T": "TCP", "SIPS+D2T": "TLS"}
_SRV = {"UDP": "_sip._udp", "TCP": "_sip._tcp", "TLS": "_sips._tcp"}


class NoRoute(Exception):
    """The URI's host has no address we could send to."""


def literal(host: str) -> str | None:
    """The address if `host` is an IP literal (brackets allowed), else None."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None


# Asked with a literal address and the networks that are open besides: whether messages may be sent there.
Judge = Callable[[str, Sequence[str]], bool]


def anywhere(address: str, networks: Sequence[str]) -> bool:
    """A judge that refuses nothing."""
    return True


class Resolver:
    """RFC 3263 look-ups; `nameservers` and `port` replace the system's configuration."""

    def __init__(self, nameservers: list[str] | None = None, port: int = 53, judge: Judge = anywhere) -> None:
        self._nameservers, self._port = nameservers, port
        self._resolver: dns.asyncresolver.Resolver | None = None
        self.judge = judge
        self._places: OrderedDict[str, tuple[float, frozenset[str]]] = OrderedDict()

    async def hops(self, uri: URI, networks: Sequence[str] = ()) -> list[Hop]:
        """Places to try in order, at most 8, each judged; `networks` are open besides. Raises NoRoute.

        One address that is refused refuses the name, as `webhooks.guard.vet` does.
        """
        found = await self._found(uri)
        if not all(self.judge(hop.host, networks) for hop in found):
            raise NoRoute("an address that messages may not be sent to")
        return found

    async def places(self, uris: Iterable[str], seconds: float) -> dict[str, frozenset[str]]:
        """The addresses that URIs lead to now, not judged; none for what was not found in time.

        For comparing only: remembered for half a minute, so they are not for dialling.
        """
        now = asyncio.get_running_loop().time
        wanted = set(uris)
        found = {uri: kept[1] for uri in wanted if (kept := self._places.get(uri)) and kept[0] > now()}
        turn = asyncio.Semaphore(AT_ONCE)

        async def look(uri: str) -> None:
            async with turn:
                try:
                    hops = await self._found(parse_uri(uri))
                except (NoRoute, ValueError):
                    hops = []
            found[uri] = frozenset(hop.host for hop in hops)
            self._places[uri] = (now() + KEEP_SECONDS, found[uri])

        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(look(uri) for uri in wanted - found.keys()))
        except TimeoutError:
            pass
        while len(self._places) > KEEP_PLACES:
            self._places.popitem(last=False)
        return {uri: found.get(uri, frozenset()) for uri in wanted}

    async def _found(self, uri: URI) -> list[Hop]:
        asked = (uri.parameters.get("transport") or "").upper()
        secure = uri.scheme == "sips" or asked == "TLS"
        if asked not in ("", "UDP", "TCP", "TLS") or uri.scheme not in ("sip", "sips"):
            raise NoRoute("transport is not supported")
        transport = "TLS" if secure else asked
        host = uri.parameters.get("maddr") or uri.host
        address = literal(host)
        name = host if secure else ""
        if address is not None:
            transport = transport or "UDP"
            return [Hop(transport, address, uri.port or (5061 if secure else 5060), name and address)]
        try:
            async with asyncio.timeout(DEADLINE):
                found = await self._named(host, uri.port, transport, secure)
        except TimeoutError:
            raise NoRoute(f"{host}: no answer from DNS") from None
        if not found:
            raise NoRoute(f"{host}: no address")
        return [
            Hop(h.transport, h.host, h.port, host if h.transport == "TLS" else "") for h in found[:MAX_HOPS]
        ]

    async def _named(self, host: str, port: int | None, transport: str, secure: bool) -> list[Hop]:
        if port is not None:
            return await self._addresses(host, port, transport or "UDP")
        services: list[tuple[str, str]] = []
        if not transport:
            records = await self._query(host, "NAPTR")
            for record in sorted(records, key=lambda r: (r.order, r.preference)):
                known = _SERVICES.get(record.service.decode("ascii", "replace").upper())
                if known and not (secure and known != "TLS"):
                    services.append((known, str(record.replacement)))
        if not services:
            wanted = [transport] if transport else ["UDP", "TCP"]
            services = [(each, f"{_SRV[each]}.{host}") for each in wanted]
        found: list[Hop] = []
        for each, service in services:
            for target, target_port in srv_order(await self._query(service, "SRV")):
                found += await self._addresses(target, target_port, each)
                if len(found) >= MAX_HOPS:
                    return found
        return found or await self._addresses(host, 5061 if transport == "TLS" else 5060, transport or "UDP")

    async def _addresses(self, host: str, port: int, transport: str) -> list[Hop]:
        if host.rstrip(".").lower() == "localhost":
            return [Hop(transport, "127.0.0.1", port)]
        found: list[Hop] = []
        for kind in ("A", "AAAA"):
            found += [Hop(transport, record.address, port) for record in await self._query(host, kind)]
        return found

    async def _query(self, name: str, kind: str) -> list:  # type: ignore[type-arg]
        try:
            if self._resolver is None:
                self._resolver = dns.asyncresolver.Resolver(configure=self._nameservers is None)
                if self._nameservers is not None:
                    self._resolver.nameservers = list(self._nameservers)
                    self._resolver.port = self._port
            answer = await self._resolver.resolve(name, kind, raise_on_no_answer=False, lifetime=2.0)
        except (dns.exception.DNSException, OSError, ValueError):
            return []
        return list(answer.rrset or [])


def srv_order(records: list) -> list[tuple[str, int]]:  # type: ignore[type-arg]
    """RFC 2782: by priority, inside one by weighted chance."""
    ordered: list[tuple[str, int]] = []
    for priority in sorted({record.priority for record in records}):
        group = [record for record in records if record.priority == priority]
        while group:
            chosen = random.choices(group, [record.weight + 0.01 for record in group])[0]
            group.remove(chosen)
            if str(chosen.target) != ".":
                ordered.append((str(chosen.target).rstrip("."), chosen.port))
    return ordered
