"""The user agent: receives, matches, identifies, and opens calls; one per edge process.

It joins transport, transactions, gate and calls, and asks its user (callbacks) for everything that
is policy. What must not live here: Django, and any decision about who may call whom.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from sipmessage import Request, Response

from calling.sip import compose, registrar, session_timer
from calling.sip.call import Call
from calling.sip.client_call import ClientCall
from calling.sip.compose import ALLOW, make_response, new_tag, stamp_via, stateless_reply, tag_of_loosely
from calling.sip.dialog import Dialog, exact_uri
from calling.sip.digest import Credentials
from calling.sip.exchange import Exchange
from calling.sip.gate import Authenticate, Challenge, Gate, Identity, Trunk, no_trunk
from calling.sip.lockout import FloodGate
from calling.sip.normalise import BadSipMessage, parse
from calling.sip.resolve import NoRoute, Resolver
from calling.sip.server_call import ServerCall
from calling.sip.server_transaction import ServerTransaction, server_key
from calling.sip.transaction import Hop
from calling.sip.transport import Transport

log = logging.getLogger(__name__)

IN_DIALOG_ONLY = frozenset({"BYE", "PRACK", "UPDATE", "INFO", "NOTIFY", "REFER"})
MAX_IDENTIFYING = 500
MAX_CALLS = 5000

OnInvite = Callable[[ServerCall], Awaitable[None]]
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
        self._on_invite, self._update, self._store = on_invite, update, store
        self._flood = flood or FloodGate(per_source=200, burst=400, overall=3000)
        self.transport = Transport(self._received, self._admit)
        self.exchange = Exchange(self.transport, advertised)
        self._calls: dict[tuple[str, str, str], Call] = {}
        self._live: set[Call] = set()
        self._unacked: dict[tuple[str, str, str, int], ServerTransaction] = {}
        self._ringing: dict[int, ServerCall] = {}
        self._identifying: set[tuple[str, ...]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.dropped = 0

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
        self._live.add(call)
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

    def know(self, dialog: Dialog, call: Call) -> None:
        self._calls[dialog.key] = call
        self._live.add(call)

    def unknow(self, dialog: Dialog) -> None:
        self._calls.pop(dialog.key, None)

    def forget_call(self, call: Call) -> None:
        if call.dialog is not None:
            self.unknow(call.dialog)
        self._live.discard(call)
        for key in call.awaited:
            self._unacked.pop(key, None)
        if isinstance(call, ServerCall):
            self._ringing.pop(id(call.transaction), None)

    def find(self, call_id: str, local_tag: str, remote_tag: str) -> Call | None:
        """The call of a dialog, for Replaces."""
        return self._calls.get((call_id, local_tag, remote_tag))

    def await_ack(self, call: Call, transaction: ServerTransaction) -> None:
        """Stop repeating this transaction's 2xx once its ACK comes."""
        assert call.dialog is not None
        key = (*call.dialog.key, transaction.request.cseq.sequence)
        self._unacked[key] = transaction
        call.awaited.append(key)

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
        return frozenset(self._live)

    # --- receiving --------------------------------------------------------------------------------

    def _admit(self, source: str) -> bool:
        if self._flood.admits(source, time.monotonic()):
            return True
        self.dropped += 1
        return False

    def _received(self, data: bytes, hop: Hop) -> None:
        try:
            message = parse(data)
        except BadSipMessage as error:
            self.dropped += 1
            if error.reply:
                reply = stateless_reply(error.reply, error.status, error.reason)
                if len(reply) <= len(data) + 200:
                    self.transport.send(reply, hop)
            return
        try:
            if isinstance(message, Response):
                self.exchange.hear(message)
            else:
                self._request(message, hop)
        except (ValueError, KeyError, IndexError):
            # The gate's checks make this unreachable for the forms known; a new one costs one message.
            log.exception("a SIP message was dropped")
            self.dropped += 1

    def _request(self, request: Request, hop: Hop) -> None:
        stamp_via(request, hop.host, hop.port)
        if self.exchange.absorb(request):
            return
        if request.method == "ACK":
            self._ack(request)
        elif request.method == "CANCEL":
            self._cancel(request, hop)
        elif (tag := tag_of_loosely(request.headers["To"])) is not None:
            self._in_dialog(request, hop, tag)
        elif request.method == "OPTIONS":
            self.exchange.refuse(request, hop, 200, [("Accept", "application/sdp")])
        elif request.method in IN_DIALOG_ONLY:
            self.exchange.refuse(request, hop, 481)
        elif request.method not in ("INVITE", "REGISTER"):
            self.exchange.refuse(request, hop, 405, [("Allow", ALLOW)])
        elif unknown := compose.unsupported(request):
            self.exchange.refuse(request, hop, 420, [("Unsupported", ", ".join(unknown))])
        else:
            self._identify_later(request, hop)

    def _ack(self, request: Request) -> None:
        tag = tag_of_loosely(request.headers["To"]) or ""
        key = (request.call_id, tag, tag_of_loosely(request.headers["From"]) or "")
        transaction = self._unacked.pop((*key, request.cseq.sequence), None)
        if transaction is not None:
            self.exchange.acknowledged(transaction)
            call = self._calls.get(key)
            if call is not None:
                call.on_ack(request)

    def _cancel(self, request: Request, hop: Hop) -> None:
        transaction = self.exchange.cancelled(request)
        if transaction is None:
            self.exchange.refuse(request, hop, 481)
            return
        self.exchange.refuse(request, hop, 200, to_tag=new_tag())
        call = self._ringing.get(id(transaction))
        if call is not None:
            call.on_cancel()

    def _in_dialog(self, request: Request, hop: Hop, tag: str) -> None:
        call = self._calls.get((request.call_id, tag, tag_of_loosely(request.headers["From"]) or ""))
        if call is None or call.dialog is None:
            self.exchange.refuse(request, hop, 481)
            return
        owner = call

        def broke(why: str) -> None:
            if why == "no_ack":
                owner.spawn(owner.bye())

        transaction = self.exchange.open(request, hop, broke)
        if transaction is None:
            self.exchange.refuse(request, hop, 503, [("Retry-After", "5")])
            return
        if (
            call.dialog.flow is not None
            and not call.dialog.route_set
            and call.dialog.flow[0] == hop.transport
        ):
            call.dialog.flow = (hop.transport, hop.host, hop.port, call.dialog.flow[3])
        call.handle(request, transaction)

    # --- identification ---------------------------------------------------------------------------

    def _identify_later(self, request: Request, hop: Hop) -> None:
        key = server_key(request)
        if key in self._identifying:
            return
        if len(self._identifying) >= MAX_IDENTIFYING or len(self._live) >= MAX_CALLS:
            self.exchange.refuse(request, hop, 503, [("Retry-After", "5")])
            return
        self._identifying.add(key)
        self.spawn(self._identified(request, hop, key))

    async def _identified(self, request: Request, hop: Hop, key: tuple[str, ...]) -> None:
        try:
            async with asyncio.timeout(5.0):
                who = await self.gate.identify(request, hop, time.monotonic(), time.time())
        except Exception:
            log.exception("identification failed")
            self.exchange.refuse(request, hop, 503, [("Retry-After", "5")])
            return
        finally:
            self._identifying.discard(key)
        if isinstance(who, Challenge):
            self.exchange.refuse(
                request, hop, 401, [("WWW-Authenticate", value) for value in who.values], to_tag=new_tag()
            )
        elif request.method == "REGISTER":
            await self._register(request, hop, who)
        else:
            await self._incoming(request, hop, who)

    async def _register(self, request: Request, hop: Hop, who: Identity) -> None:
        transaction = self.exchange.open(request, hop)
        if transaction is None or self._update is None:
            self.exchange.refuse(request, hop, 503, [("Retry-After", "5")])
            return
        result = registrar.wanted(request, hop)
        if isinstance(result, registrar.Change):
            try:
                result = registrar.answer(await self._update(who.name, result))
            except PermissionError:
                result = registrar.Registered(403)
            except Exception:
                log.exception("a registration could not be kept")
                result = registrar.Registered(503, (("Retry-After", "5"),))
        self._finish(transaction, result.code, result.headers)

    def _finish(self, transaction: ServerTransaction, code: int, headers: Sequence[tuple[str, str]]) -> None:
        self.exchange.respond(
            transaction, make_response(transaction.request, code, to_tag=new_tag(), extra=headers)
        )

    async def _incoming(self, request: Request, hop: Hop, who: Identity) -> None:
        holder: list[ServerCall] = []

        def broke(why: str) -> None:
            for each in holder:
                each.on_broken(why)

        transaction = self.exchange.open(request, hop, broke)
        if transaction is None:
            self.exchange.refuse(request, hop, 503, [("Retry-After", "5")])
            return
        if session_timer.too_short(request):
            self._finish(transaction, 422, [("Min-SE", str(session_timer.SHORTEST))])
            return
        try:
            call = ServerCall(self, request, hop, transaction, who.name)
        except ValueError:
            self._finish(transaction, 400, [])
            return
        if request.body and call.offer is None:
            self._finish(transaction, 415, [("Accept", "application/sdp")])
            return
        holder.append(call)
        assert call.dialog is not None
        self.know(call.dialog, call)
        self._ringing[id(transaction)] = call
        self.exchange.respond(transaction, make_response(request, 100))
        try:
            await self._on_invite(call)
        except Exception:
            log.exception("an incoming call could not be decided")
            await call.reject(500)
