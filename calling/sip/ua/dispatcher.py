"""What arrives at an agent: parsed, matched with what is known, identified, and handed over.

What must not live here: sockets, what happens inside a call, and whom a call is for.
"""

from __future__ import annotations

import logging
from asyncio import get_running_loop, timeout
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from sipmessage import Request, Response

import clock
from calling.sip.stack import messages, registrar, session_timer
from calling.sip.stack.authentication import Authenticator, Challenge, Identity
from calling.sip.stack.lockout import SourceRateLimiter
from calling.sip.stack.messages import (
    make_response,
    new_tag,
    phrase_of,
    stamp_via,
    stateless_reply,
    tag_of_loosely,
)
from calling.sip.stack.parser import BadSipMessage, parse, readable_response, refusal
from calling.sip.stack.reason_header import taken_elsewhere
from calling.sip.stack.server_transaction import ServerTransaction, server_key
from calling.sip.stack.stream_parser import StreamError
from calling.sip.stack.transaction import Hop
from calling.sip.stack.transport import SipTransport
from calling.sip.ua.context import UserAgentContext
from calling.sip.ua.server_session import DialogServerSession, expires_of
from calling.sip.ua.session import encoded, unread

log = logging.getLogger(__name__)

IN_DIALOG_ONLY = frozenset({"BYE", "PRACK", "UPDATE", "INFO", "NOTIFY", "REFER"})
MAX_IDENTIFYING = 500
MAX_CALLS = 5000
TRYING_SECONDS = 0.15

OnInvite = Callable[[DialogServerSession], Awaitable[None]]


class DispatcherContext(UserAgentContext, Protocol):
    """The user agent as its dispatcher sees it."""

    gate: Authenticator
    transport: SipTransport


class RequestDispatcher:
    """`received` takes each message; `admit` says before that whether a source may send at all."""

    def __init__(
        self,
        agent: DispatcherContext,
        on_invite: OnInvite,
        update: registrar.Update | None,
        flood: SourceRateLimiter,
    ) -> None:
        self._agent, self._on_invite, self._update, self._flood = agent, on_invite, update, flood
        self._identifying: dict[tuple[str, ...], bool] = {}  # True: its CANCEL has come meanwhile
        self.dropped = 0

    def admit(self, source: str) -> bool:
        if self._flood.admits(source, clock.monotonic()):
            return True
        self.dropped += 1
        return False

    def received(self, data: bytes, hop: Hop) -> None:
        try:
            message = parse(data)
        except BadSipMessage as error:
            self._refuse(error, len(data), hop)
            return
        self._take(message, hop)

    def _take(self, message: Request | Response, hop: Hop) -> None:
        try:
            if isinstance(message, Response):
                self._agent.exchange.receive_response(message)
            else:
                self._request(message, hop)
        except (ValueError, KeyError, IndexError):
            # The gate's checks make this unreachable for the forms known; a new one costs one message.
            log.exception("a SIP message was dropped")
            self.dropped += 1

    def unframed(self, fault: StreamError, hop: Hop) -> None:
        """A stream's message without an end: who sent it learns why the connection is closed. What answers a
        request of ours is heard without its body."""
        if (response := readable_response(fault.head)) is not None:
            self._take(response, hop)
            return
        self._refuse(refusal(fault.head, fault.status, phrase_of(fault.status)), len(fault.head), hop)

    def _refuse(self, error: BadSipMessage, size: int, hop: Hop) -> None:
        self.dropped += 1
        if error.reply:
            reply = stateless_reply(error.reply, error.status, error.reason)
            if len(reply) <= size + 200:
                self._agent.transport.send(reply, hop)

    def _request(self, request: Request, hop: Hop) -> None:
        stamp_via(request, hop.host, hop.port)
        if self._agent.exchange.match_request(request):
            return
        if request.method == "ACK":
            self._ack(request)
        elif request.method == "CANCEL":
            self._cancel(request, hop)
        elif (tag := tag_of_loosely(request.headers["To"])) is not None:
            self._in_dialog(request, hop, tag)
        elif self._agent.exchange.merged(request):
            self._agent.exchange.respond_stateless(request, hop, 482, to_tag=new_tag())
        elif request.method == "OPTIONS":
            self._agent.exchange.respond_stateless(request, hop, 200, [("Accept", "application/sdp")])
        elif request.method in IN_DIALOG_ONLY:
            self._agent.exchange.respond_stateless(request, hop, 481)
        elif request.method not in ("INVITE", "REGISTER"):
            self._agent.exchange.respond_stateless(request, hop, 405)
        elif unknown := messages.unsupported(request):
            self._agent.exchange.respond_stateless(request, hop, 420, [("Unsupported", ", ".join(unknown))])
        else:
            self._identify_later(request, hop)

    def _ack(self, request: Request) -> None:
        tag = tag_of_loosely(request.headers["To"]) or ""
        key = (request.call_id, tag, tag_of_loosely(request.headers["From"]) or "")
        transaction = self._agent.roster.acknowledged(key, request.cseq.sequence)
        if transaction is not None:
            self._agent.exchange.acknowledged(transaction)
            call = self._agent.roster.find(*key)
            if call is not None:
                call.on_ack(request)

    def _cancel(self, request: Request, hop: Hop) -> None:
        transaction = self._agent.exchange.cancelled(request)
        if transaction is None and (key := server_key(request)) in self._identifying:
            self._identifying[key] = True
        elif transaction is None:
            self._agent.exchange.respond_stateless(request, hop, 481)
            return
        self._agent.exchange.respond_stateless(request, hop, 200, to_tag=new_tag())
        call = self._agent.roster.ringing(transaction) if transaction is not None else None
        if call is not None:
            call.on_cancel("elsewhere" if taken_elsewhere(request) else "cancel")
        elif transaction is not None and (judge := self._agent.roster.judge(transaction)) is not None:
            judge.on_offer_cancelled()

    def _in_dialog(self, request: Request, hop: Hop, tag: str) -> None:
        call = self._agent.roster.find(request.call_id, tag, tag_of_loosely(request.headers["From"]) or "")
        if call is None or call.dialog is None:
            self._agent.exchange.respond_stateless(request, hop, 481)
            return
        owner = call

        def on_failure(why: str) -> None:
            if why == "no_ack":
                owner.spawn(owner.bye())

        transaction = self._agent.exchange.server_transaction(request, hop, on_failure)
        if transaction is None:
            self._agent.exchange.respond_stateless(request, hop, 503, [("Retry-After", "5")])
            return
        if (
            call.dialog.flow is not None
            and not call.dialog.route_set
            and (call.dialog.flow[0] == hop.transport or (Hop(*call.dialog.flow).websocket and hop.websocket))
        ):
            call.dialog.flow = (hop.transport, hop.host, hop.port, hop.name or call.dialog.flow[3])
        call.handle(request, transaction)

    # --- identification ---------------------------------------------------------------------------

    def _identify_later(self, request: Request, hop: Hop) -> None:
        key = server_key(request)
        if key in self._identifying:
            return
        if len(self._identifying) >= MAX_IDENTIFYING or len(self._agent.roster.live) >= MAX_CALLS:
            self._agent.exchange.respond_stateless(request, hop, 503, [("Retry-After", "5")])
            return
        self._identifying[key] = False
        self._agent.spawn(self._identified(request, hop, key))
        if request.method == "INVITE" and not hop.reliable:
            get_running_loop().call_later(TRYING_SECONDS, self._still_trying, request, hop, key)

    def _still_trying(self, request: Request, hop: Hop, key: tuple[str, ...]) -> None:
        """Who is asked about takes long: keep the caller from repeating itself (RFC 3261 17.2.1)."""
        if key in self._identifying:
            self._agent.transport.send(bytes(make_response(request, 100)), hop)

    async def _identified(self, request: Request, hop: Hop, key: tuple[str, ...]) -> None:
        try:
            async with timeout(5.0):
                who = await self._agent.gate.identify(request, hop, clock.monotonic(), clock.time())
        except Exception:
            log.exception("identification failed")
            self._agent.exchange.respond_stateless(request, hop, 503, [("Retry-After", "5")])
            return
        finally:
            cancelled = self._identifying.pop(key, False)
        if cancelled:
            self._agent.exchange.respond_stateless(request, hop, 487, to_tag=new_tag())
        elif self._agent.exchange.merged(request):
            self._agent.exchange.respond_stateless(request, hop, 482, to_tag=new_tag())
        elif isinstance(who, Challenge):
            self._agent.exchange.respond_stateless(
                request, hop, 401, [("WWW-Authenticate", value) for value in who.values], to_tag=new_tag()
            )
        else:
            if hop.websocket:
                self._agent.transport.known(hop)
            handle = self._register if request.method == "REGISTER" else self._incoming
            await handle(request, hop, who)

    async def _register(self, request: Request, hop: Hop, who: Identity) -> None:
        transaction = self._agent.exchange.server_transaction(request, hop)
        if transaction is None or self._update is None:
            self._agent.exchange.respond_stateless(request, hop, 503, [("Retry-After", "5")])
            return
        result = registrar.wanted(request, hop)
        if isinstance(result, registrar.Change):
            try:
                flows = registrar.keeps_flows(request, hop, result)
                bindings = await self._update(who.name, result)
                result = registrar.answer(bindings, flows, registrar.told_path(request))
            except PermissionError:
                result = registrar.Registered(403)
            except Exception:
                log.exception("a registration could not be kept")
                result = registrar.Registered(503, (("Retry-After", "5"),))
        self._finish(transaction, result.code, result.headers)

    def _finish(self, transaction: ServerTransaction, code: int, headers: Sequence[tuple[str, str]]) -> None:
        self._agent.exchange.respond(
            transaction, make_response(transaction.request, code, to_tag=new_tag(), extra=headers)
        )

    async def _incoming(self, request: Request, hop: Hop, who: Identity) -> None:
        holder: list[DialogServerSession] = []

        def on_failure(why: str) -> None:
            for each in holder:
                each.on_broken(why)

        transaction = self._agent.exchange.server_transaction(request, hop, on_failure)
        if transaction is None:
            self._agent.exchange.respond_stateless(request, hop, 503, [("Retry-After", "5")])
            return
        if session_timer.too_short(request):
            self._finish(transaction, 422, [("Min-SE", str(session_timer.SHORTEST))])
            return
        try:
            call = DialogServerSession(self._agent, request, hop, transaction, who.name)
        except ValueError:
            self._finish(transaction, 400, [])
            return
        if encoded(request):
            self._finish(transaction, 415, [("Accept-Encoding", "identity")])
            return
        if unread(request, call.offer):
            self._finish(transaction, 415, [("Accept", "application/sdp")])
            return
        holder.append(call)
        assert call.dialog is not None
        self._agent.roster.add(call.dialog, call)
        self._agent.roster.add_ringing(call)
        self._agent.exchange.respond(transaction, make_response(request, 100))
        call.expire_after(expires_of(request))
        if call.finished:
            return
        try:
            await self._on_invite(call)
        except Exception:
            log.exception("an incoming call could not be decided")
            await call.reject(500)
