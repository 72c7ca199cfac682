"""A call that reaches us: ringing, early media, answering, refusing, being cancelled.

RFC 3261 13.3 and 9.2, RFC 3262 (reliable provisionals), RFC 3891 (Replaces is only reported). What
must not live here: where the call goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sipmessage import Request

from calling.sip.stack import session_timer
from calling.sip.stack.dialog import Dialog
from calling.sip.stack.events import Confirmed, Headers
from calling.sip.stack.headers import Replaces, parse_replaces, parse_via, tokens_of
from calling.sip.stack.messages import make_response, new_tag
from calling.sip.stack.server_transaction import ServerTransaction
from calling.sip.stack.transaction import T1, T2, Hop
from calling.sip.ua.context import UserAgentContext
from calling.sip.ua.session import DialogSession, allowed_by, custom_headers, sdp_of

LONGEST_EXPIRY = 86_400


def expires_of(request: Request) -> int | None:
    """The seconds of an INVITE's Expires; None without one that can be read."""
    text = (request.headers.get("Expires") or "").strip()
    if not (text.isascii() and text.isdigit()):
        return None
    return min(int(text[:10]), LONGEST_EXPIRY)


class DialogServerSession(DialogSession):
    """Handed to `on_invite`. `account` is who it is from; `offer` the SDP, None for a late offer."""

    def __init__(
        self,
        agent: UserAgentContext,
        request: Request,
        hop: Hop,
        transaction: ServerTransaction,
        account: str,
    ) -> None:
        super().__init__(agent)
        self.request, self.hop, self.account = request, hop, account
        self.offer = self.remote_sdp = sdp_of(request)
        self.headers = custom_headers(request)
        self.diverted_from = ""  # who sent it on, as its gateway says
        self.replaces: Replaces | None = None
        value = request.headers.get("Replaces")
        if value:
            self.replaces = parse_replaces(value)
        self.answered = False
        self.transaction = transaction
        self._expiry: asyncio.TimerHandle | None = None
        self._timer_wanted = session_timer.agreed_as_server(request)
        self._required = tokens_of(request.headers.getlist("Require"))
        self._reliably = "100rel" in self._required | tokens_of(request.headers.getlist("Supported"))
        self._rseq = 0
        self._settled = asyncio.Event()  # offer and answer are both there, or will be by our 2xx
        if self.offer is not None:
            self._settled.set()
        self._pracked: dict[int, asyncio.Event] = {}
        self.peer_allows = allowed_by(request)
        self.dialog = Dialog.of_callee(request, new_tag(), agent.contact(hop))
        self.dialog.account = account
        self.dialog.reach, self.peer = agent.reach(hop.host), hop
        via = parse_via(request.headers["Via"])
        if via.host.strip("[]") != hop.host or (via.port or 5060) != hop.port or hop.reliable:
            self.dialog.flow = (hop.transport, hop.host, hop.port, hop.name)

    @property
    def reliably(self) -> bool:
        """Whether the caller speaks 100rel, so that an offer of ours can stand in a 183."""
        return self._reliably

    async def ring(
        self, sdp: str | None = None, code: int | None = None, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """180, or 183 with `sdp`; reliable where the caller speaks 100rel and there is SDP."""
        if self.finished or self.answered:
            return
        code = code or (183 if sdp else 180)
        extra = list(headers)
        number = 0
        if self._reliably and (sdp or "100rel" in self._required):
            self._rseq = number = self._rseq + 1
            extra += [("Require", "100rel"), ("RSeq", str(number))]
        if sdp:
            self.local_sdp, self.mirrors = sdp, self.offer is not None
        assert self.dialog is not None
        self.agent.roster.add(self.dialog, self)
        response = make_response(
            self.request,
            code,
            to_tag=self.dialog.local_tag,
            contact=self.dialog.contact,
            extra=extra,
            body=sdp or "",
        )
        self.agent.exchange.respond(self.transaction, response)
        if number:
            self._pracked[number] = asyncio.Event()
            self.spawn(self._until_pracked(number, response))

    async def _until_pracked(self, number: int, response: object) -> None:
        wait, spent = T1, 0.0
        while spent < 64 * T1 and not self.finished and not self.answered:
            try:
                await asyncio.wait_for(self._pracked[number].wait(), wait)
                return
            except TimeoutError:
                spent, wait = spent + wait, min(wait * 2, T2)
                if not self.answered:
                    self.agent.exchange.respond(self.transaction, response)  # type: ignore[arg-type]
        if not self.finished and not self.answered:
            await self.reject(500)

    def _on_prack(self, request: Request, transaction: ServerTransaction) -> None:
        parts = (request.headers.get("RAck") or "").split()
        numbered = parts and parts[0].isdecimal() and len(parts[0]) < 11
        wanted = self._pracked.get(int(parts[0])) if numbered else None
        if (
            wanted is None
            or wanted.is_set()
            or len(parts) != 3
            or f"{parts[1]} {parts[2]}" != self.request.headers["CSeq"]
        ):
            self.reply(transaction, 481)
            return
        wanted.set()
        sdp = sdp_of(request)
        if not self._settled.is_set() and self.local_sdp is not None:
            self._settled.set()
            self.remote_sdp = sdp
            self.reply(transaction, 200)
            self.tell(Confirmed(sdp))
        elif sdp is None:
            self.reply(transaction, 200)
        else:
            self._on_offer(request, transaction)  # a new offer (RFC 3262 section 5)

    async def answer(self, sdp: str, headers: Sequence[tuple[str, str]] = ()) -> bool:
        """200 with our answer (our offer, where the INVITE had none). False if it was too late.

        An offer that stood in a reliable 183 must have been answered by then (RFC 3262 section 5).
        """
        early = self.local_sdp is not None and self.offer is None
        if early:
            await self._settled.wait()
        if self.finished or self.answered:
            return False
        assert self.dialog is not None
        self.answered = True
        self.local_sdp, self.mirrors = sdp, self.offer is not None
        self.dialog.state = "confirmed"
        self.agent.roster.add(self.dialog, self)
        await self.agent.save(self)
        if self.finished:
            return False
        extra = list(headers)
        if self._timer_wanted is not None:
            extra += [session_timer.header(self._timer_wanted, server=True), ("Require", "timer")]
        self.agent.roster.expect_ack(self, self.transaction)
        self.agent.exchange.respond(
            self.transaction,
            make_response(
                self.request,
                200,
                to_tag=self.dialog.local_tag,
                contact=self.dialog.contact,
                extra=extra,
                body="" if early else sdp,
            ),
        )
        self._restart_timer(self._timer_wanted)
        return True

    async def reject(
        self, code: int, reason: str | None = None, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """A final refusal, 300 to 699; nothing if it is answered or over."""
        if self.finished or self.answered:
            return
        assert self.dialog is not None
        self.agent.exchange.respond(
            self.transaction,
            make_response(self.request, code, reason, to_tag=self.dialog.local_tag, extra=headers),
        )
        self.finish("local", "rejected")

    async def hangup(self, code: int = 603, headers: Sequence[tuple[str, str]] = ()) -> None:
        """BYE when answered, else refuse with `code`."""
        if self.answered:
            await self.bye(headers)
        else:
            await self.reject(code, headers=headers)

    def expire_after(self, seconds: int | None) -> None:
        """The caller wants an answer by then or none (RFC 3261 13.3.1)."""
        if seconds == 0:
            self.on_cancel("expired")
        elif seconds is not None:
            self._expiry = asyncio.get_running_loop().call_later(seconds, self.on_cancel, "expired")

    def finish(self, by: str, why: str, headers: Headers = ()) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._settled.set()  # nothing is waited for any more
        self.agent.roster.remove_ringing(self.transaction)
        super().finish(by, why, headers)

    def on_cancel(self, why: str = "cancel") -> None:
        """CANCEL of an unanswered INVITE: 487; after our 200 it changes nothing (RFC 3261 9.2)."""
        if self.finished or self.answered:
            return
        self._terminate()
        self.finish("remote", why)

    def _on_bye(self, request: Request, transaction: ServerTransaction) -> None:
        super()._on_bye(request, transaction)
        if (
            not self.answered
        ):  # a caller may end an early dialog so; its INVITE still wants an answer (15.1.2)
            self._terminate()

    def _terminate(self) -> None:
        assert self.dialog is not None
        self.agent.exchange.respond(
            self.transaction, make_response(self.request, 487, to_tag=self.dialog.local_tag)
        )

    def on_ack(self, request: Request) -> None:
        if request.cseq.sequence != self.request.cseq.sequence:
            super().on_ack(request)
        elif self._settled.is_set():
            self.tell(Confirmed(None))
        else:
            self._settled.set()
            self.remote_sdp = sdp_of(request)
            self.tell(Confirmed(self.remote_sdp))

    def on_broken(self, why: str) -> None:
        """Our 2xx was never acknowledged, or the connection broke while it rang."""
        if self.answered and why == "no_ack":
            self.spawn(self.bye())
        elif not self.answered:
            self.finish("network", why)
