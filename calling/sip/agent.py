"""The user agent: joins transport, transactions, gate and calls, and dials; one per edge process.

It asks its user (callbacks) for everything that is policy. What must not live here: Django, what
becomes of a message that arrives (reception), and any decision about who may call whom.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from sipmessage import Request, Response

from calling.sip import registrar
from calling.sip.call import Call
from calling.sip.client_call import ClientCall
from calling.sip.dialog import Dialog, exact_uri
from calling.sip.digest import Credentials
from calling.sip.exchange import Exchange
from calling.sip.gate import Authenticate, Gate, Trunk, no_trunk
from calling.sip.lockout import FloodGate
from calling.sip.reception import OnInvite, Reception
from calling.sip.resolve import NoRoute, Resolver
from calling.sip.roster import Roster
from calling.sip.server_call import ServerCall
from calling.sip.transaction import Hop
from calling.sip.transport import Transport

log = logging.getLogger(__name__)

Store = Callable[[Dialog, Any], Awaitable[None]]


async def _refuse_all(call: ServerCall) -> None:
    await call.reject(480)


async def _keep_nothing(dialog: Dialog, reference: Any) -> None:
    return None


class Agent:
    """One SIP user agent.

    authenticate(username) -> Ha1Pair | None · trunk(request, hop) -> account name or None ·
    on_invite(call) decides a call · update(account, change) keeps bindings · store(dialog, reference)
    is awaited before a message that changes the dialog leaves.
    """

    def __init__(
        self,
        *,
        realm: str,
        authenticate: Authenticate,
        trunk: Trunk = no_trunk,
        on_invite: OnInvite = _refuse_all,
        update: registrar.Update | None = None,
        store: Store = _keep_nothing,
        advertised: str | None = None,
        resolver: Resolver | None = None,
        allow_md5: bool = False,
        flood: FloodGate | None = None,
    ) -> None:
        self.gate = Gate(realm, authenticate, trunk, allow_md5=allow_md5)
        self.resolver = resolver or Resolver()
        self.roster = Roster()
        self._store = store
        self._reception = Reception(
            self, on_invite, update, flood or FloodGate(per_source=200, burst=400, overall=3000)
        )
        self.transport = Transport(self._reception.received, self._reception.admit)
        self.exchange = Exchange(self.transport, advertised)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def listen(
        self,
        host: str,
        port: int,
        *,
        tls_port: int | None = None,
        server_context: ssl.SSLContext | None = None,
        client_context: ssl.SSLContext | None = None,
    ) -> None:
        """Open the sockets; port 0 picks one. Raises OSError if a port is taken."""
        await self.transport.listen(
            host, port, tls_port=tls_port, server_context=server_context, client_context=client_context
        )

    async def close(self) -> None:
        """Close sockets and timers; live calls are left to their stored dialogs."""
        for task in list(self._tasks):
            task.cancel()
        self.exchange.close()
        await self.transport.close()

    # --- for calls --------------------------------------------------------------------------------

    def contact(self, transport: str, user: str = "callwright") -> str:
        """Our Contact value for this transport."""
        host, port = self.exchange.sent_by(Hop(transport, "", 0))
        host = f"[{host}]" if ":" in host else host
        tail = f";transport={transport.lower()}" if transport != "UDP" else ""
        return f"<sip:{user}@{host}:{port}{tail}>"

    def invite(
        self,
        target: str,
        offer_sdp: str,
        *,
        from_: str,
        to: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        credentials: Credentials | None = None,
        hops: Sequence[Hop] | None = None,
        fixed: bool = False,
    ) -> ClientCall:
        """Dial `target` (a URI). `from_` and `to` are addresses like `<sip:…>` without tags.

        hops replace the look-up (a registered device's own address); `fixed` keeps the whole dialog on
        the first of them. Raises ValueError for a bad URI or header.
        """
        for name, value in headers:
            if "\r" in name + value or "\n" in name + value:
                raise ValueError("line break in a header")
        call = ClientCall(
            self,
            exact_uri(target),
            offer_sdp,
            from_=from_,
            to=to or f"<{target}>",
            headers=headers,
            credentials=credentials,
            hops=hops,
            fixed=fixed,
        )
        self.roster.live.add(call)
        self.spawn(call.start())
        return call

    async def send_bye(self, dialog: Dialog, credentials: Credentials | None = None) -> int:
        """BYE from a stored dialog, for a process that died; the final status, 408 for silence."""
        call = Call(self, credentials)
        call.dialog = dialog
        response = await call.ask("BYE")
        return response.code if response else 408

    async def transact(self, request: Request, hop: Hop | None) -> Response | None:
        """One request outside a call's state, its final response or None."""
        if hop is None:
            return None
        done: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()

        def heard(response: Response) -> None:
            if response.code >= 200 and not done.done():
                done.set_result(response)

        def broke(why: str) -> None:
            if not done.done():
                done.set_result(None)

        self.exchange.request(request, hop, heard, broke)
        # A provisional answer stops an INVITE's own timer; a re-INVITE still must not wait for ever.
        try:
            return await asyncio.wait_for(done, 60.0)
        except TimeoutError:
            return None

    async def hop_for(self, dialog: Dialog) -> Hop | None:
        """Where the dialog's next request goes; None when its name leads nowhere."""
        if dialog.hop is not None:
            return dialog.hop
        try:
            return (await self.resolver.hops(exact_uri(dialog.first_uri)))[0]
        except (NoRoute, ValueError):
            return None

    async def save(self, call: Call) -> None:
        """Store the call's dialog before the message that follows leaves."""
        if call.dialog is not None:
            try:
                await self._store(call.dialog, call.reference)
            except Exception:
                log.exception("a dialog could not be stored")

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a SIP step failed", exc_info=task.exception())

    @property
    def calls(self) -> frozenset[Call]:
        return frozenset(self.roster.live)

    @property
    def dropped(self) -> int:
        """Messages that were not looked at, or could not be read."""
        return self._reception.dropped
