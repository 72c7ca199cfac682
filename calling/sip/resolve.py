"""Where a SIP URI leads: NAPTR, SRV and addresses (RFC 3263), in the order to try them.

Literals never reach a name server. What must not live here: connecting, and any judgement about
which hosts may be called (policy).
"""

from __future__ import annotations

import asyncio
import ipaddress
import random

import dns.asyncresolver
import dns.exception
import dns.resolver
from sipmessage import URI

from calling.sip.transaction import Hop

DEADLINE = 5.0
MAX_HOPS = 8
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


class Resolver:
    """RFC 3263 look-ups; `nameservers` and `port` replace the system's configuration."""

    def __init__(self, nameservers: list[str] | None = None, port: int = 53) -> None:
        self._nameservers, self._port = nameservers, port
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def hops(self, uri: URI) -> list[Hop]:
        """Places to try in order, at most 8. Raises NoRoute."""
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
