"""REGISTER as its client: keeps a trunk's registration alive (RFC 3261 10.2).

What must not live here: which trunks there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from sipmessage import URI, Response

import clock
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.digest import MAX_CHALLENGES, Credentials, Proofs
from calling.sip.stack.headers import parse_address, split_list, uri_text
from calling.sip.stack.messages import make_request, new_call_id, new_tag
from calling.sip.stack.resolver import NoRoute
from calling.sip.stack.transaction import T1, Hop
from calling.sip.ua.context import UserAgentContext

log = logging.getLogger(__name__)
RETRY_SECONDS = (5, 10, 30, 60, 120)


class Registration:
    """One account at one registrar. `said(code)` hears every final status, 408 for silence."""

    def __init__(
        self,
        agent: UserAgentContext,
        registrar: str,
        account: str,
        credentials: Credentials,
        expires: int = 600,
        said: Callable[[int], None] | None = None,
        networks: Sequence[str] = (),
    ) -> None:
        self.agent, self.registrar, self.account = agent, registrar, account
        self.credentials, self.expires, self.networks = credentials, expires, networks
        self.registered = False
        self._places: dict[str, float] = {}  # the addresses it registered at, and until when it is there
        self._said = said or (lambda code: None)
        self._call_id, self._sequence = new_call_id(), 0
        self._nonces: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def places(self) -> frozenset[str]:
        """The addresses that know it now: its calls come from there."""
        now = clock.monotonic()
        self._places = {host: until for host, until in self._places.items() if until > now}
        return frozenset(self._places)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """Leave: one REGISTER with Expires 0, waited for briefly."""
        if self._task is not None:
            self._task.cancel()
        if self.registered:
            try:
                await asyncio.wait_for(self.once(0), 2.0)
            except TimeoutError:
                log.info("the registrar did not answer the unregistration")

    async def _keep(self) -> None:
        failures = 0
        while True:
            code, granted = await self.once(self.expires)
            self.registered = code == 200
            self._said(code)
            if code == 200:
                failures = 0
                await asyncio.sleep(max(5.0, granted * clock.dice.uniform(0.7, 0.85)))
            else:
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1

    async def once(self, expires: int) -> tuple[int, int]:
        """One registration; (final status, granted seconds). The next place is tried after silence or 503."""
        uri = exact_uri(self.registrar)
        try:
            hops = await self.agent.resolver.hops(uri, self.networks)
        except NoRoute:
            return 503, 0
        code, granted = 503, 0
        for hop in hops:
            code, granted = await self._at(hop, uri, expires)
            if code == 200:
                self._places[hop.host] = clock.monotonic() + granted + 64 * T1  # a renewal takes so long
            if code not in (408, 503):
                break
        return code, granted

    async def _at(self, hop: Hop, uri: URI, expires: int) -> tuple[int, int]:
        proofs = Proofs(self.credentials, self._nonces)
        tag = new_tag()
        for _ in range(MAX_CHALLENGES + 1):
            self._sequence += 1
            contact = self.agent.contact(hop, self.credentials.username)
            request = make_request(
                "REGISTER",
                uri,
                from_=f"<{self.account}>;tag={tag}",
                to=f"<{self.account}>",
                call_id=self._call_id,
                sequence=self._sequence,
                contact=contact,
                extra=[("Expires", str(expires)), *proofs.headers("REGISTER", str(uri))],
            )
            response = await self.agent.transact(request, hop)
            if response is None:
                return 408, 0
            if response.code == 423 and (response.headers.get("Min-Expires") or "").isdecimal():
                expires = self.expires = min(86_400, int(response.headers["Min-Expires"][:6]))
                continue
            if response.code not in (401, 407):
                return response.code, self._granted(response, contact, expires)
            if not proofs.take(response):
                return response.code, 0
        return 401, 0

    @staticmethod
    def _granted(response: Response, own: str, asked: int) -> int:
        """The seconds that a registrar gives our contact: its own, else those of the whole answer (RFC 3261
        10.2.4), else what was asked for. One that a registrar wrote anew is known by its place."""
        whole = _seconds(response.headers.get("Expires"))
        exact: list[int | None] = []
        same: list[int | None] = []
        with contextlib.suppress(ValueError):
            for item in split_list(response.headers.getlist("Contact")):
                there = parse_address(item)
                seconds = _seconds(there.parameters.get("expires"))
                if uri_text(item) == uri_text(own):
                    exact.append(seconds)
                elif _place(there.uri) == _place(parse_address(own).uri):
                    same.append(seconds)
        ours = next(iter(exact or same), None)
        return next(each for each in (ours, whole, asked) if each is not None)


def _seconds(text: str | None) -> int | None:
    text = (text or "").strip()
    return min(int(text[:6]), 86_400) if text.isascii() and text.isdecimal() else None


def _place(uri: URI) -> tuple[str | None, str, int]:
    """What two ways to write one contact have in common (RFC 3261 19.1.4)."""
    secure = uri.scheme == "sips" or (uri.parameters.get("transport") or "").lower() == "tls"
    return uri.user, uri.host.lower(), uri.port or (5061 if secure else 5060)
