"""A call we dial: INVITE, authentication, forks, early media, 100rel, CANCEL and its races.

RFC 3261 13.2 and 9.1, RFC 3262. What must not live here: choosing gateways and numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Sequence

from sipmessage import URI, Request, Response

from calling.sip.stack import session_timer
from calling.sip.stack.client_transaction import ClientTransaction
from calling.sip.stack.dialog import Dialog
from calling.sip.stack.digest import Credentials, Proofs
from calling.sip.stack.events import Answered, Headers, Progress, SessionFailed
from calling.sip.stack.headers import name_addr, split_list, tokens_of
from calling.sip.stack.messages import make_request, make_response, new_call_id, new_tag, tag_of_loosely
from calling.sip.stack.resolver import NoRoute
from calling.sip.stack.server_transaction import ServerTransaction
from calling.sip.stack.session_timer import SessionTimer
from calling.sip.stack.transaction import T1, Hop
from calling.sip.ua.context import UserAgentContext
from calling.sip.ua.session import DialogSession, allowed_by, credentials_in, custom_headers, sdp_of

log = logging.getLogger(__name__)

_Q = re.compile(r"[01](?:\.\d{0,3})?")
FAILOVER_CODES = frozenset({408, 503})
FORGET_FORK_SECONDS = 64 * T1
Described = tuple[str | None, str | None, bool]  # local_sdp, remote_sdp, mirrors


def by_preference(values: list[str]) -> tuple[str, ...]:
    """The URIs of a redirect's Contacts in the order of their q (RFC 3261 20.10), at most 8; () where they
    cannot be read."""
    found: list[tuple[float, str]] = []
    with contextlib.suppress(ValueError):
        for contact in split_list(values)[:8]:
            _, uri, parameters = name_addr(contact)
            said = (each.replace(" ", "").lower().partition("q=") for each in parameters)
            q = next((number for before, _, number in said if not before), "")
            found.append((-float(q) if _Q.fullmatch(q) else -1.0, uri[:255]))
    return tuple(uri for _, uri in sorted(found, key=lambda each: each[0]))


class DialogClientSession(DialogSession):
    """Created by `UserAgent.invite`. Ends with SessionFailed (never answered) or Finished (after an
    answer)."""

    def __init__(
        self,
        agent: UserAgentContext,
        uri: URI,
        offer: str,
        *,
        from_: str,
        to: str,
        headers: Sequence[tuple[str, str]] = (),
        credentials: Credentials | None = None,
        hops: Sequence[Hop] | None = None,
        fixed: bool = False,
        networks: Sequence[str] = (),
        session_seconds: int = 0,
    ) -> None:
        super().__init__(agent, credentials)
        self._session_seconds = session_seconds or session_timer.DEFAULT
        self._networks = list(networks)
        self.local_sdp = self._first_offer = offer
        self._uri, self._from, self._to = uri, f"{from_};tag={new_tag()}", to
        self._headers = list(headers)
        self._hops = list(hops) if hops is not None else None
        self._fixed = fixed
        self._call_id, self._sequence = new_call_id(), 1
        self._proofs = Proofs(credentials, self._nonces)
        self._min_se = session_timer.SHORTEST
        self._transaction: ClientTransaction | None = None
        self._hop: Hop | None = None
        self._provisional = False
        self._cancelled = False
        self._cancel_sent = False
        self._last_words: Sequence[tuple[str, str]] = ()
        self._reliable: dict[str, int] = {}
        self._forks: dict[str, Dialog] = {}
        self._described: dict[str, Described] = {}  # what holds with a fork that is not spoken with now
        self._acked: dict[str, Request] = {}

    @property
    def call_id(self) -> str:
        return self._call_id

    @property
    def heard(self) -> bool:
        """Whether the far end has said anything yet, be it only 100."""
        return self._provisional or self.dialog is not None or self.finished

    @property
    def peer_host(self) -> str | None:
        """The address that the INVITE went to, and its answers come from."""
        return self._hop.host if self._hop is not None else None

    async def start(self) -> None:
        """Resolve and send. Failures come as a SessionFailed notice, never as an exception."""
        try:
            if self._hops is None:
                self._hops = await self.agent.resolver.hops(self._uri, self._networks)
        except NoRoute:
            self._fail(503, "No Route")
            return
        except Exception:
            log.exception("the place of a SIP call could not be looked up")
            self._fail(500, "Server Internal Error")
            return
        self._send_invite()

    def _send_invite(self) -> None:
        try:
            self._put_invite()
        except Exception:
            log.exception("an INVITE could not be sent")
            self._fail(500, "Server Internal Error")

    def _put_invite(self) -> None:
        if self._cancelled or self.finished:
            self._fail(487, "Request Terminated")
            return
        assert self._hops
        self._hop = self.peer = self._hops[0]
        self._provisional = False
        contact = self.agent.contact(self._hop)
        timer = session_timer.header(
            SessionTimer(max(self._session_seconds, self._min_se), True), server=False
        )
        extra = [
            timer,
            ("Min-SE", str(self._min_se)),
            *self._proofs.headers("INVITE", str(self._uri), self._first_offer.encode()),
            *self._headers,
        ]
        invite = make_request(
            "INVITE",
            self._uri,
            from_=self._from,
            to=self._to,
            call_id=self._call_id,
            sequence=self._sequence,
            contact=contact,
            extra=extra,
            body=self._first_offer,
        )
        self._transaction = self.agent.exchange.request(invite, self._hop, self._heard, self._broke)

    def _again(self) -> None:
        self._sequence += 1
        self._send_invite()

    def _broke(self, why: str) -> None:
        if self._cancelled:
            self._fail(487, "Request Terminated")
        elif self.finished or (self.dialog is not None and self.dialog.state == "confirmed"):
            return
        else:
            self._next_hop(
                408 if why == "timeout" else 503, "Request Timeout" if why == "timeout" else "No Route"
            )

    def _next_hop(self, code: int, reason: str, response: Response | None = None) -> None:
        assert self._hops
        self._hops = self._hops[1:]
        if self._hops and not self._cancelled:
            self._again()
        else:
            self._fail(code, reason, response)

    def _heard(self, response: Response) -> None:
        if 100 < response.code < 200:
            self._provisional = True
            self._on_provisional(response)
        elif response.code == 100:
            self._provisional = True
        elif response.code < 300:
            self.spawn(self._on_success(response))
            return
        else:
            self._on_failure(response)
            return
        if self._cancelled:
            self._send_cancel()

    # --- provisional ------------------------------------------------------------------------------

    def _on_provisional(self, response: Response) -> None:
        if self.finished or (self.dialog is not None and self.dialog.state == "confirmed"):
            return
        tag = tag_of_loosely(response.headers["To"])
        if tag and tag not in self._forks and len(self._forks) < 10:
            self._new_dialog(tag, response)
        if not self._prack(tag, response):
            return
        sdp = sdp_of(response)
        if sdp:
            if tag in self._forks:
                self._speak_with(self._forks[tag])
            self.remote_sdp = sdp
        self.tell(Progress(response.code, sdp, custom_headers(response), tag or ""))

    def _new_dialog(self, tag: str, response: Response) -> Dialog | None:
        assert self._transaction is not None and self._hop is not None
        try:
            dialog = Dialog.of_caller(self._transaction.request, response, self.agent.contact(self._hop))
        except ValueError:
            return None
        dialog.reach = self.agent.reach(self._hop.host, self._networks)
        if self._fixed or self._hop.transport == "TLS":
            dialog.flow = (self._hop.transport, self._hop.host, self._hop.port, self._hop.name)
        self._forks[tag] = dialog
        if not self.finished:  # else it is but told BYE, and nothing would forget it
            self.agent.roster.add(dialog, self)
        if self.dialog is None:
            self.dialog = dialog
        return dialog

    def _speak_with(self, dialog: Dialog) -> None:
        """The fork that spoke last is the one that is spoken with, until one answers (RFC 3261 13.2.2.4).

        Each has an offer and an answer of its own, be it to an UPDATE.
        """
        if self.dialog is dialog:
            return
        if self.dialog is not None:
            self._described[self.dialog.remote_tag] = (self.local_sdp, self.remote_sdp, self.mirrors)
        self.dialog = dialog
        none: Described = (self._first_offer, None, False)
        self.local_sdp, self.remote_sdp, self.mirrors = self._described.get(dialog.remote_tag, none)

    def handle(self, request: Request, transaction: ServerTransaction) -> None:
        """A request of one fork is about that one, and of a fork that lost about nothing."""
        dialog = self._forks.get(tag_of_loosely(request.headers["From"]) or "")
        lost = dialog is not self.dialog and self.dialog is not None and self.dialog.state == "confirmed"
        if dialog is not None and lost:
            code = 200 if request.method == "BYE" else 481
            response = make_response(request, code, to_tag=dialog.local_tag)
            self.agent.exchange.respond(transaction, response)
            return
        if dialog is not None:
            self._speak_with(dialog)
        super().handle(request, transaction)

    def _prack(self, tag: str | None, response: Response) -> bool:
        """RFC 3262 4: acknowledge a reliable provisional once, in order; False for a repetition."""
        required = tokens_of(response.headers.getlist("Require"))
        number = response.headers.get("RSeq")
        if "100rel" not in required or number is None or tag is None or tag not in self._forks:
            return True
        last = self._reliable.get(tag)
        if last is not None and int(number) != last + 1:
            return False
        self._reliable[tag] = int(number)
        self.spawn(self._send_prack(self._forks[tag], number, response.headers["CSeq"]))
        return True

    async def _send_prack(self, dialog: Dialog, number: str, cseq: str) -> None:
        request = dialog.request("PRACK", extra=[("RAck", f"{number} {cseq}")])
        await self.agent.transact(request, await self.agent.hop_for(dialog, self.peer))

    # --- final ------------------------------------------------------------------------------------

    async def _on_success(self, response: Response) -> None:
        tag = tag_of_loosely(response.headers["To"]) or ""
        if tag in self._acked:
            self.agent.exchange.send(self._acked[tag], await self.agent.hop_for(self._forks[tag], self.peer))
            return
        dialog = self._forks.get(tag) or self._new_dialog(tag, response)
        if dialog is None:
            self._fail(502, "Bad Answer")
            return
        dialog.confirm(response)
        shown = credentials_in(self._transaction.request) if self._transaction is not None else ()
        ack = self._acked[tag] = dialog.request("ACK", sequence=response.cseq.sequence, extra=shown)
        winner = (
            not self.finished
            and not self._cancelled
            and (self.dialog is None or self.dialog.state != "confirmed" or self.dialog is dialog)
        )
        if winner:
            before = self.remote_sdp
            self._speak_with(dialog)
            self.remote_sdp = self.remote_sdp or before  # some change their tag between a 183 and the 200
            self.peer_allows = allowed_by(response)
            await self.agent.save(self)
        hop = await self.agent.hop_for(dialog, self.peer)
        self.agent.exchange.send(ack, hop)
        if not winner or self.finished:
            # Another branch of a fork, or an answer that crossed our CANCEL (RFC 3261 13.2.2.4, 9.1).
            await self.agent.transact(dialog.request("BYE"), hop)
            if self._cancelled and self.dialog in (None, dialog):
                self._fail(487, "Request Terminated")
            return
        sdp = sdp_of(response)
        self.remote_sdp = sdp or self.remote_sdp
        self._restart_timer(session_timer.agreed_as_client(response))
        self.tell(Answered(self.remote_sdp, custom_headers(response), tag))
        asyncio.get_running_loop().call_later(FORGET_FORK_SECONDS, self._forget_forks)

    def _forget_forks(self) -> None:
        for dialog in self._forks.values():
            if dialog is not self.dialog:
                self.agent.roster.remove(dialog)

    def _on_failure(self, response: Response) -> None:
        if not self._cancelled and self._transaction is not None and self._proofs.take(response):
            self._again()
            return
        if response.code == 422 and self._min_se == session_timer.SHORTEST and not self._cancelled:
            wanted = session_timer.interval(response, "Min-SE")
            if wanted is not None and wanted[0] > self._min_se:
                self._min_se = wanted[0]
                self._again()
                return
        if response.code in FAILOVER_CODES and not self._cancelled:
            self._next_hop(response.code, response.phrase, response)
        else:
            self._fail(response.code, response.phrase, response)

    def finish(self, by: str, why: str, headers: Headers = ()) -> None:
        super().finish(by, why, headers)
        self._forget_forks()

    def _fail(self, code: int, reason: str, response: Response | None = None) -> None:
        if self.finished:
            return
        contacts: tuple[str, ...] = ()
        if response is not None and 300 <= response.code < 400:
            contacts = by_preference(response.headers.getlist("Contact"))
        self.finished = True
        for dialog in self._forks.values():
            self.agent.roster.remove(dialog)
        self.agent.roster.forget(self)
        headers = custom_headers(response) if response is not None else ()
        self.tell(SessionFailed(code, reason, headers, contacts, response is not None))

    # --- giving up --------------------------------------------------------------------------------

    async def hangup(self, extra: Sequence[tuple[str, str]] = ()) -> None:
        """CANCEL while it is not answered, BYE afterwards, with these headers; harmless when it is over."""
        if self.finished:
            return
        if self.dialog is not None and self.dialog.state == "confirmed":
            await self.bye(extra)
            return
        if not self._cancelled:
            self._cancelled, self._last_words = True, extra
            if self._transaction is None:
                self._fail(487, "Request Terminated")
            elif self._provisional:
                self._send_cancel()
            asyncio.get_running_loop().call_later(64 * T1, lambda: self._fail(487, "Request Terminated"))

    def _on_bye(self, request: Request, transaction: ServerTransaction) -> None:
        early = self.dialog is not None and self.dialog.state == "early"
        super()._on_bye(request, transaction)
        if early:  # it may have overtaken the 200, or there will be none
            self._cancelled = True
            self._send_cancel()

    def _send_cancel(self) -> None:
        transaction = self._transaction
        if transaction is None or self._cancel_sent or transaction.state not in ("calling", "proceeding"):
            return
        self._cancel_sent = True
        self.agent.exchange.cancel(transaction, lambda response: None, lambda why: None, self._last_words)
