"""What arrives at an agent: parsed, matched with what is known, identified, and handed over.

What must not live here: sockets, what happens inside a call, and whom a call is for.
"""

from __future__ import annotations

import logging
import time
from asyncio import timeout
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from sipmessage import Request, Response

from calling.sip import compose, registrar, session_timer
from calling.sip.compose import ALLOW, make_response, new_tag, stamp_via, stateless_reply, tag_of_loosely
from calling.sip.gate import Challenge, Identity
from calling.sip.lockout import FloodGate
from calling.sip.normalise import BadSipMessage, parse
from calling.sip.server_call import ServerCall
from calling.sip.server_transaction import ServerTransaction, server_key
from calling.sip.transaction import Hop

if TYPE_CHECKING:
    from calling.sip.agent import Agent

log = logging.getLogger(__name__)

IN_DIALOG_ONLY = frozenset({"BYE", "PRACK", "UPDATE", "INFO", "NOTIFY", "REFER"})
MAX_IDENTIFYING = 500
MAX_CALLS = 5000

OnInvite = Callable[[ServerCall], Awaitable[None]]


class Reception:
    """`received` takes each message; `admit` says before that whether a source may send at all."""

    def __init__(
        self, agent: Agent, on_invite: OnInvite, update: registrar.Update | None, flood: FloodGate
    ) -> None:
        self._agent, self._on_invite, self._update, self._flood = agent, on_invite, update, flood
        self._identifying: set[tuple[str, ...]] = set()
        self.dropped = 0

    def admit(self, source: str) -> bool:
        if self._flood.admits(source, time.monotonic()):
            return True
        self.dropped += 1
        return False

    def received(self, data: bytes, hop: Hop) -> None:
        try:
            message = parse(data)
        except BadSipMessage as error:
            self.dropped += 1
            if error.reply:
                reply = stateless_reply(error.reply, error.status, error.reason)
                if len(reply) <= len(data) + 200:
                    self._agent.transport.send(reply, hop)
            return
        try:
            if isinstance(message, Response):
                self._agent.exchange.hear(message)
            else:
                self._request(message, hop)
        except (ValueError, KeyError, IndexError):
            # The gate's checks make this unreachable for the forms known; a new one costs one message.
            log.exception("a SIP message was dropped")
            self.dropped += 1

    def _request(self, request: Request, hop: Hop) -> None:
        stamp_via(request, hop.host, hop.port)
        if self._agent.exchange.absorb(request):
            return
        if request.method == "ACK":
            self._ack(request)
        elif request.method == "CANCEL":
            self._cancel(request, hop)
        elif (tag := tag_of_loosely(request.headers["To"])) is not None:
            self._in_dialog(request, hop, tag)
        elif request.method == "OPTIONS":
            self._agent.exchange.refuse(request, hop, 200, [("Accept", "application/sdp")])
        elif request.method in IN_DIALOG_ONLY:
            self._agent.exchange.refuse(request, hop, 481)
        elif request.method not in ("INVITE", "REGISTER"):
            self._agent.exchange.refuse(request, hop, 405, [("Allow", ALLOW)])
        elif unknown := compose.unsupported(request):
            self._agent.exchange.refuse(request, hop, 420, [("Unsupported", ", ".join(unknown))])
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
        if transaction is None:
            self._agent.exchange.refuse(request, hop, 481)
            return
        self._agent.exchange.refuse(request, hop, 200, to_tag=new_tag())
        call = self._agent.roster.ringing(transaction)
        if call is not None:
            call.on_cancel()

    def _in_dialog(self, request: Request, hop: Hop, tag: str) -> None:
        call = self._agent.roster.find(
            request.call_id, tag, tag_of_loosely(request.headers["From"]) or ""
        )
        if call is None or call.dialog is None:
            self._agent.exchange.refuse(request, hop, 481)
            return
        owner = call

        def broke(why: str) -> None:
            if why == "no_ack":
                owner.spawn(owner.bye())

        transaction = self._agent.exchange.open(request, hop, broke)
        if transaction is None:
            self._agent.exchange.refuse(request, hop, 503, [("Retry-After", "5")])
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
        if len(self._identifying) >= MAX_IDENTIFYING or len(self._agent.roster.live) >= MAX_CALLS:
            self._agent.exchange.refuse(request, hop, 503, [("Retry-After", "5")])
            return
        self._identifying.add(key)
        self._agent.spawn(self._identified(request, hop, key))

    async def _identified(self, request: Request, hop: Hop, key: tuple[str, ...]) -> None:
        try:
            async with timeout(5.0):
                who = await self._agent.gate.identify(request, hop, time.monotonic(), time.time())
        except Exception:
            log.exception("identification failed")
            self._agent.exchange.refuse(request, hop, 503, [("Retry-After", "5")])
            return
        finally:
            self._identifying.discard(key)
        if isinstance(who, Challenge):
            self._agent.exchange.refuse(
                request, hop, 401, [("WWW-Authenticate", value) for value in who.values], to_tag=new_tag()
            )
        elif request.method == "REGISTER":
            await self._register(request, hop, who)
        else:
            await self._incoming(request, hop, who)

    async def _register(self, request: Request, hop: Hop, who: Identity) -> None:
        transaction = self._agent.exchange.open(request, hop)
        if transaction is None or self._update is None:
            self._agent.exchange.refuse(request, hop, 503, [("Retry-After", "5")])
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
        self._agent.exchange.respond(
            transaction, make_response(transaction.request, code, to_tag=new_tag(), extra=headers)
        )

    async def _incoming(self, request: Request, hop: Hop, who: Identity) -> None:
        holder: list[ServerCall] = []

        def broke(why: str) -> None:
            for each in holder:
                each.on_broken(why)

        transaction = self._agent.exchange.open(request, hop, broke)
        if transaction is None:
            self._agent.exchange.refuse(request, hop, 503, [("Retry-After", "5")])
            return
        if session_timer.too_short(request):
            self._finish(transaction, 422, [("Min-SE", str(session_timer.SHORTEST))])
            return
        try:
            call = ServerCall(self._agent, request, hop, transaction, who.name)
        except ValueError:
            self._finish(transaction, 400, [])
            return
        if request.body and call.offer is None:
            self._finish(transaction, 415, [("Accept", "application/sdp")])
            return
        holder.append(call)
        assert call.dialog is not None
        self._agent.roster.know(call.dialog, call)
        self._agent.roster.rings(call)
        self._agent.exchange.respond(transaction, make_response(request, 100))
        try:
            await self._on_invite(call)
        except Exception:
            log.exception("an incoming call could not be decided")
            await call.reject(500)
