"""The user agent: joins transport, transactions, gate and calls, and dials; one per edge process.

It asks its user (callbacks) for everything that is policy. What must not live here: Django, what
becomes of a message that arrives (reception), and any decision about who may call whom.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence

from sipmessage import Request, Response

from calling.sip.stack import registrar
from calling.sip.stack.authentication import Authenticate, Authenticator, Trunk, no_trunk
from calling.sip.stack.background import Background
from calling.sip.stack.dialog import Dialog, exact_uri
from calling.sip.stack.digest import Credentials
from calling.sip.stack.lockout import SourceRateLimiter
from calling.sip.stack.resolver import NoRoute, Resolver
from calling.sip.stack.transaction import Hop
from calling.sip.stack.transaction_layer import TransactionLayer
from calling.sip.stack.transport import SipTransport
from calling.sip.ua.client_session import DialogClientSession
from calling.sip.ua.dialog_table import DialogOwner, DialogTable
from calling.sip.ua.dispatcher import OnInvite, RequestDispatcher
from calling.sip.ua.server_session import DialogServerSession
from calling.sip.ua.session import DialogSession

log = logging.getLogger(__name__)

Store = Callable[[Dialog, str | None], Awaitable[None]]


async def _refuse_all(call: DialogServerSession) -> None:
    await call.reject(480)


async def _keep_nothing(dialog: Dialog, reference: str | None) -> None:
    return None


class UserAgent:
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
        advertised: Sequence[str] = (),
        resolver: Resolver | None = None,
        allow_md5: bool = False,
        flood: SourceRateLimiter | None = None,
    ) -> None:
        self.gate = Authenticator(realm, authenticate, trunk, allow_md5=allow_md5)
        self.resolver = resolver or Resolver()
        self.roster = DialogTable()
        self._store = store
        self._reception = RequestDispatcher(
            self, on_invite, update, flood or SourceRateLimiter(per_source=200, burst=400, overall=3000)
        )
        self.transport = SipTransport(
            self._reception.received, self._reception.admit, self._reception.unframed
        )
        self.exchange = TransactionLayer(self.transport, advertised)
        self._background = Background(log, "a SIP step failed")
        self.spawn = self._background.spawn

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
        self._background.cancel()
        self.exchange.close()
        await self.transport.close()

    # --- for calls --------------------------------------------------------------------------------

    def contact(self, hop: Hop, user: str = "callwright") -> str:
        """Our Contact value for who is there."""
        host, port = self.exchange.sent_by(hop)
        host = f"[{host}]" if ":" in host else host
        kind = "WS" if hop.websocket else hop.transport  # RFC 7118 5.2.4: the URI's name of both
        tail = f";transport={kind.lower()}" if kind != "UDP" else ""
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
        networks: Sequence[str] = (),
        session_seconds: int = 0,
    ) -> DialogClientSession:
        """Dial `target` (a URI). `from_` and `to` are addresses like `<sip:…>` without tags.

        hops replace the look-up (a registered device's own address, or what has been judged already);
        `fixed` keeps the whole dialog on the first of them. `networks` are open to this call besides what the
        resolver's judge lets through. `session_seconds` is the Session-Expires asked for (0: the usual one).
        Raises ValueError for a bad URI or header.
        """
        uri = exact_uri(target)
        if uri.scheme not in ("sip", "sips"):
            raise ValueError("only a SIP URI can be called")
        for name, value in headers:
            if "\r" in name + value or "\n" in name + value:
                raise ValueError("line break in a header")
        call = DialogClientSession(
            self,
            uri,
            offer_sdp,
            from_=from_,
            to=to or f"<{target}>",
            headers=headers,
            credentials=credentials,
            hops=hops,
            fixed=fixed,
            networks=networks,
            session_seconds=session_seconds,
        )
        self.roster.live.add(call)
        self.spawn(call.start())
        return call

    async def send_bye(self, dialog: Dialog, credentials: Credentials | None = None) -> int:
        """BYE from a stored dialog, for a process that died; the final status, 408 for silence."""
        call = DialogSession(self, credentials)
        call.dialog = dialog
        response = await call.ask("BYE")
        return response.code if response else 408

    async def transact(self, request: Request, hop: Hop | None) -> Response | None:
        """One request outside a call's state, its final response or None."""
        if hop is None:
            return None
        done: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()

        def on_response(response: Response) -> None:
            if response.code >= 200 and not done.done():
                done.set_result(response)

        def on_failure(why: str) -> None:
            if not done.done():
                done.set_result(None)

        self.exchange.request(request, hop, on_response, on_failure)
        # A provisional answer stops an INVITE's own timer; a re-INVITE still must not wait for ever.
        try:
            return await asyncio.wait_for(done, 60.0)
        except TimeoutError:
            return None

    async def hop_for(self, dialog: Dialog, peer: Hop | None = None) -> Hop | None:
        """Where the dialog's next request goes.

        A Contact or Record-Route is the far end's text: where it leads nowhere, or where we may not send, the
        request goes to `peer`, the place the far end spoke from.
        """
        if dialog.hop is not None:
            return dialog.hop
        try:
            return (await self.resolver.hops(exact_uri(dialog.first_uri), dialog.reach))[0]
        except (NoRoute, ValueError):
            return peer

    def reach(self, host: str, networks: Sequence[str] = ()) -> list[str]:
        """What a dialog with a peer at `host` may reach besides what everybody may."""
        return [*networks, *([] if self.resolver.judge(host, networks) else [host])]

    async def save(self, call: DialogOwner) -> None:
        """Store the call's dialog before the message that follows leaves."""
        if call.dialog is not None:
            try:
                await self._store(call.dialog, call.reference)
            except Exception:
                log.exception("a dialog could not be stored")

    @property
    def calls(self) -> frozenset[DialogOwner]:
        return frozenset(self.roster.live)

    @property
    def dropped(self) -> int:
        """Messages that were not looked at, or could not be read."""
        return self._reception.dropped
