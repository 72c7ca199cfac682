"""The platform as a client of its gateways: registrations, each kept by one edge, its lease says by which.

What must not live here: REGISTER itself (registration), and calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q

import clock
from calling.sip.stack.digest import Credentials
from calling.sip.ua.context import UserAgentContext
from calling.sip.ua.registration import Registration
from subscribers.models import SipGateway

LEASE_SECONDS = 10
MOST = 1000  # registrations of one edge


@dataclass(frozen=True)
class Account:
    """What one registration is made of; another value is another registration."""

    gateway_id: str
    registrar: str
    address: str
    credentials: Credentials
    networks: tuple[str, ...] = ()


class GatewayRegistrations:
    """`look` every 2 s: begins, ends and renews what the rows ask for."""

    def __init__(
        self, agent: UserAgentContext, edge: UUID, spawn: Callable[[Any], None], insist: Callable[..., Any]
    ) -> None:
        self._agent, self._edge, self._spawn, self._insist = agent, edge, spawn, insist
        self._kept: dict[Account, Registration] = {}

    async def look(self, rows: Callable[..., Any]) -> None:
        wanted = set(await rows(accounts, self._edge))
        for account in [each for each in self._kept if each not in wanted]:
            self._spawn(self._kept.pop(account).stop())
        for account in wanted - self._kept.keys():
            said = partial(self._said, account.gateway_id)
            kept = Registration(
                self._agent,
                account.registrar,
                account.address,
                account.credentials,
                said=said,
                networks=account.networks,
            )
            self._kept[account] = kept
            kept.start()

    def _said(self, gateway_id: str, code: int) -> None:
        self._spawn(self._insist(note, gateway_id, self._edge, code))

    def gateway_at(self, host: str) -> list[str]:
        """The gateways that we are registered with at this address: their calls come from there."""
        return [account.gateway_id for account, kept in self._kept.items() if host in kept.places]

    async def close(self) -> None:
        """Leave every registrar, all at once and briefly."""
        await asyncio.gather(*(kept.stop() for kept in self._kept.values()), return_exceptions=True)
        self._kept.clear()


def accounts(edge: UUID) -> list[Account]:
    """Renew what this edge keeps and take what nobody keeps; all that it is to keep."""
    now = clock.now()
    wanted = SipGateway.objects.filter(register=True, enabled=True).exclude(username="")
    free = Q(registration_edge=edge) | Q(registration_lease=None) | Q(registration_lease__lt=now)
    until = now + timedelta(seconds=LEASE_SECONDS)
    wanted.filter(free).update(registration_edge=edge, registration_lease=until)
    return [account_of(row) for row in wanted.filter(registration_edge=edge).order_by("pk")[:MOST]]


def account_of(gateway: SipGateway) -> Account:
    host = gateway.host.strip("[]")
    host = f"[{host}]" if ":" in host else host
    tail = f";transport={gateway.transport}" if gateway.transport != "udp" else ""
    credentials = Credentials(gateway.username, gateway.password, realm=gateway.realm, domain=gateway.host)
    registrar = f"sip:{host}:{gateway.port}{tail}"
    networks = tuple(gateway.staff_networks)
    own = f"sip:{gateway.user or gateway.username}@{host}"
    return Account(str(gateway.pk), registrar, own, credentials, networks)


def note(gateway_id: str, edge: UUID, code: int) -> None:
    """Write down how a registration went, if this edge still keeps it."""
    state = "registered" if code == 200 else "failed"
    SipGateway.objects.filter(pk=gateway_id, registration_edge=edge).update(
        registration_state=state, registration_code=code, registration_at=clock.now()
    )
