"""One SIP call after its dialog exists: what both the caller's and the callee's side can do in it.

In-dialog requests both ways: BYE, re-INVITE and UPDATE with glare (RFC 3261 14, RFC 3311), INFO,
REFER and NOTIFY (RFC 3515), session timers. What must not live here: how the dialog came about
(client_call, server_call) and what the platform makes of it (the edge).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from email import message_from_bytes

from sipmessage import Request, Response

import clock
from calling.sip.stack import info_digits, refer_to, session_timer
from calling.sip.stack.background import Background
from calling.sip.stack.dialog import Dialog
from calling.sip.stack.digest import HEADERS, Credentials, Proofs
from calling.sip.stack.events import (
    Confirmed,
    Digit,
    Finished,
    Headers,
    Offer,
    Question,
    ReferProgress,
    Referred,
    SessionEvent,
)
from calling.sip.stack.headers import first_of, tokens_of
from calling.sip.stack.messages import Extra, make_response, phrase_of, unsupported
from calling.sip.stack.reason_header import reason
from calling.sip.stack.server_transaction import ServerTransaction
from calling.sip.stack.session_timer import SessionTimer
from calling.sip.stack.transaction import Hop
from calling.sip.ua.context import UserAgentContext

log = logging.getLogger(__name__)

OFFER_SECONDS = 10.0
MAX_NOTICES = 256
REFER_SECONDS = 180  # how long a transfer may take until its referrer is told that nothing came of it
_FRAGMENT = re.compile(r"SIP/2\.0 (\d{3})")


def custom_headers(message: Request | Response) -> Headers:
    """The `x-` headers of a message (docs/contract.md#bounds), names lower case, at most 20."""
    found = [
        (name.lower(), value[:1000])
        for name in message.headers.keys()  # noqa: SIM118 (not a dict)
        if name.lower().startswith("x-")
        for value in message.headers.getlist(name)[:1]
    ]
    return tuple(found[:20])


def allowed_by(message: Request | Response) -> frozenset[str]:
    """The methods of a message's Allow, upper case."""
    return frozenset(item.upper() for item in tokens_of(message.headers.getlist("Allow")))


def credentials_in(request: Request) -> list[tuple[str, str]]:
    """The credentials that a request of ours carries."""
    names = [target for _, target in HEADERS.values()]
    return [(name, value) for name in names for value in request.headers.getlist(name)]


def encoded(message: Request | Response) -> bool:
    """Whether the body is compressed or otherwise encoded, which nothing here undoes (RFC 3261 20.12)."""
    return bool(message.body) and not tokens_of(message.headers.getlist("Content-Encoding")) <= {"identity"}


def unread(message: Request | Response, sdp: str | None) -> bool:
    """Whether the body is one that must be read and cannot be; `sdp` is what was found in it.

    A Content-Disposition may let it be passed over (RFC 3261 20.11).
    """
    handling = first_of(message.headers.get("Content-Disposition") or "")[1].get("handling") or "required"
    return bool(message.body) and sdp is None and handling.lower() != "optional"


def sdp_of(message: Request | Response) -> str | None:
    """The SDP body, or the SDP part of a multipart one (RFC 5621); None when there is none."""
    kind = message.headers.get("Content-Type") or ""
    name = kind.split(";")[0].strip().lower()
    if not message.body or encoded(message):
        return None
    if name == "application/sdp":
        return message.body.decode("utf-8", "replace")
    if not name.startswith("multipart/"):
        return None
    head = f"Content-Type: {' '.join(kind.split())}\r\n\r\n".encode("utf-8", "replace")
    parts = message_from_bytes(head + message.body).walk()
    texts = (part.get_payload(decode=True) for part in parts if part.get_content_type() == "application/sdp")
    return next((text.decode("utf-8", "replace") for text in texts if isinstance(text, bytes) and text), None)


class DialogSession:
    """Shared half of DialogClientSession and DialogServerSession. Notices come out of `notices`, the last is
    final."""

    def __init__(self, agent: UserAgentContext, credentials: Credentials | None = None) -> None:
        self.agent = agent
        self.credentials = credentials
        self.dialog: Dialog | None = None
        self.peer: Hop | None = None  # where the far end's messages come from
        self.notices: asyncio.Queue[SessionEvent] = asyncio.Queue()
        self.finished = False
        self.local_sdp: str | None = None
        self.remote_sdp: str | None = None
        self.peer_allows: frozenset[str] = frozenset()
        self.reference: str | None = None
        self.awaited: list[tuple[str, str, str, int]] = []
        self.mirrors = False  # local_sdp answers remote_sdp, and not the other way round
        self._offering = False
        self._answering = False
        self._refuse_offer: Callable[[int], None] | None = None  # the one that is being judged
        self._asked: int | None = None  # the CSeq of the INVITE whose 2xx holds our offer, until its ACK
        self._undecided: list[ServerTransaction] = []  # REFERs
        self._closing = False
        self._info_key: str | None = None  # the key that is being held down, as INFO tells it
        self._timer: SessionTimer | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._shown: Extra = ()  # the credentials of the last request, which its ACK repeats (13.2.2.4)
        self._nonces: dict[str, int] = {}
        self.spawn = Background(log, "a SIP call step failed").spawn

    # --- plumbing -------------------------------------------------------------------------------

    def tell(self, notice: SessionEvent) -> None:
        """Queue a notice; keys beyond a bound are dropped, a final notice never is."""
        if self.notices.qsize() < MAX_NOTICES or isinstance(notice, Finished):
            self.notices.put_nowait(notice)

    def finish(self, by: str, why: str, headers: Headers = ()) -> None:
        """The call is over: forget it, tell once."""
        if self.finished:
            return
        self.finished = True
        if self._watch is not None:
            self._watch.cancel()
        self._refuse(487)  # RFC 3261 15.1.2: what is pending when the BYE comes is answered too
        while self._undecided:
            self.reply(self._undecided.pop(), 487)
        if self.dialog is not None:
            self.dialog.state = "terminated"
        self.agent.roster.forget(self)
        self.tell(Finished(by, why, headers))

    async def ask(
        self,
        method: str,
        *,
        extra: Extra = (),
        body: str | bytes = b"",
        content_type: str = "application/sdp",
    ) -> Response | None:
        """Send a request in the dialog and wait for its final answer; None after silence."""
        assert self.dialog is not None
        proofs = Proofs(self.credentials, self._nonces)
        while True:
            request = self.dialog.request(method, extra=extra, body=body, content_type=content_type)
            for name, value in proofs.headers(method, str(request.uri), request.body):
                request.headers.add(name, value)
            await self.agent.save(self)
            response = await self.agent.transact(request, await self.agent.hop_for(self.dialog, self.peer))
            if response is None or not proofs.take(response):
                self._shown = credentials_in(request)
                return response

    # --- what the user can do ---------------------------------------------------------------------

    async def bye(self, extra: Extra = ()) -> None:
        """End a confirmed call."""
        if self.finished or self._closing or self.dialog is None:
            return
        self._closing = True
        try:
            await self.ask("BYE", extra=extra)
        finally:
            self.finish("local", "bye")

    async def reinvite(self, sdp: str, *, extra: Extra = ()) -> tuple[int, str | None]:
        """Offer a new session; (status, answer). A 491 is tried again as RFC 3261 14.1 says."""
        assert self.dialog is not None
        for _ in range(4):
            if self._offering or self._answering or self._asked is not None:
                code, answer = 491, None
            else:
                self._offering = True
                try:
                    code, answer = await self._offer(sdp, extra)
                finally:
                    self._offering = False
            if code != 491 or self.finished:
                return code, answer
            await asyncio.sleep(
                clock.dice.uniform(2.1, 4.0) if self.dialog.caller else clock.dice.uniform(0.0, 2.0)
            )
        return 491, None

    async def _offer(self, sdp: str, extra: Extra) -> tuple[int, str | None]:
        assert self.dialog is not None
        headers = [*extra, *([session_timer.header(self._timer, server=False)] if self._timer else [])]
        response = await self.ask("INVITE", extra=headers, body=sdp)
        if response is None:
            self.spawn(self.bye())
            return 408, None
        if response.code < 300:
            self.dialog.refresh_target(response)
            await self._ack(response)
            self.local_sdp, self.remote_sdp = sdp, sdp_of(response) or self.remote_sdp
            self.mirrors = False
            self._restart_timer(session_timer.agreed_as_client(response))
        elif response.code in (408, 481):
            self.spawn(self.bye())
        return response.code, sdp_of(response)

    async def _ack(self, response: Response, body: str = "") -> None:
        assert self.dialog is not None
        ack = self.dialog.request("ACK", sequence=response.cseq.sequence, body=body, extra=self._shown)
        self.agent.exchange.send(ack, await self.agent.hop_for(self.dialog, self.peer))

    async def send_digit(self, digit: str, duration_ms: int = 160) -> int:
        """A key as INFO (application/dtmf-relay), for peers without RFC 4733; the status.

        405 without asking where the far end's Allow leaves INFO out.
        """
        if "INFO" not in self.peer_allows:
            return 405
        response = await self.ask(
            "INFO",
            body=f"Signal={digit}\r\nDuration={duration_ms}\r\n",
            content_type="application/dtmf-relay",
        )
        return response.code if response else 408

    # --- what the far end does --------------------------------------------------------------------

    def reply(
        self,
        transaction: ServerTransaction,
        code: int,
        *,
        extra: Extra = (),
        body: str = "",
        reason: str | None = None,
    ) -> None:
        assert self.dialog is not None
        request = transaction.request
        contact = (
            self.dialog.contact if request.method in ("INVITE", "UPDATE", "REFER") and code < 300 else None
        )
        self.agent.exchange.respond(
            transaction,
            make_response(
                request, code, reason, to_tag=self.dialog.local_tag, contact=contact, extra=extra, body=body
            ),
        )

    def handle(self, request: Request, transaction: ServerTransaction) -> None:
        """A new request of the far end inside this dialog."""
        assert self.dialog is not None
        if self.finished:
            self.reply(transaction, 481)
            return
        if not self.dialog.takes(request):
            self.reply(transaction, 500)
            return
        if unknown := unsupported(request):
            self.reply(transaction, 420, extra=[("Unsupported", ", ".join(unknown))])
            return
        if encoded(request):
            self.reply(transaction, 415, extra=[("Accept-Encoding", "identity")])
            return
        action = {
            "BYE": self._on_bye,
            "INVITE": self._on_offer,
            "UPDATE": self._on_offer,
            "INFO": self._on_info,
            "REFER": self._on_refer,
            "NOTIFY": self._on_notify,
            "PRACK": self._on_prack,
        }
        if request.method in action:
            action[request.method](request, transaction)
        else:
            self.reply(transaction, 200 if request.method == "OPTIONS" else 405)

    def _on_bye(self, request: Request, transaction: ServerTransaction) -> None:
        self.reply(transaction, 200)
        self.finish("remote", "bye", custom_headers(request))

    def _on_prack(self, request: Request, transaction: ServerTransaction) -> None:
        self.reply(transaction, 481)

    def _on_offer(self, request: Request, transaction: ServerTransaction) -> None:
        assert self.dialog is not None
        sdp = sdp_of(request)
        if session_timer.too_short(request):
            self.reply(transaction, 422, extra=[("Min-SE", str(session_timer.SHORTEST))])
        elif unread(request, sdp):
            self.reply(transaction, 415, extra=[("Accept", "application/sdp")])
        elif self._answering:
            self.reply(transaction, 500, extra=[("Retry-After", str(clock.dice.randint(1, 5)))])
        elif (self._offering or self._asked is not None) and (sdp is not None or request.method == "INVITE"):
            self.reply(transaction, 491)
        elif sdp is None and request.method != "INVITE":
            self.dialog.refresh_target(request)
            self._accept(transaction, None)
        elif (
            self.local_sdp is None
            or self.remote_sdp is None
            or (request.method == "INVITE" and self.dialog.state != "confirmed")
        ):
            # RFC 3261 14.2, RFC 3311 5.2: the first INVITE, or its offer, is still without an answer.
            wait = [] if self.dialog.caller else [("Retry-After", str(clock.dice.randint(1, 5)))]
            self.reply(transaction, 491 if self.dialog.caller else 500, extra=wait)
        elif sdp == self.remote_sdp and self.mirrors:
            self.dialog.refresh_target(request)  # of the session: what is, stays
            self._accept(transaction, self.local_sdp)
        else:
            self._answering = True
            self.dialog.refresh_target(request)
            self.tell(self._question(transaction) if sdp is None else self._offer_notice(sdp, transaction))

    def _judged(self, transaction: ServerTransaction, late: Callable[[], None]) -> Callable[[], bool]:
        """Judge a new session until what comes back says that it is settled, and whether it still was not.

        `late` is called after OFFER_SECONDS; until then CANCEL and the end of the call refuse it.
        """
        timer = asyncio.get_running_loop().call_later(OFFER_SECONDS, late)
        if transaction.invite:
            self.reply(transaction, 100)  # judging it may well take more than 200 ms (RFC 3261 17.2.1)
            self.agent.roster.judges(self, transaction)

        def settle() -> bool:
            if self._refuse_offer is not refuse:
                return False
            self._refuse_offer, self._answering = None, False
            self.agent.roster.judged(transaction)
            timer.cancel()
            return True

        def refuse(code: int) -> None:
            if settle():
                self.reply(transaction, code)

        self._refuse_offer = refuse
        return settle

    def _offer_notice(self, sdp: str, transaction: ServerTransaction) -> Offer:
        settle = self._judged(transaction, lambda: self._refuse(500))

        async def answer(text: str) -> bool:
            if not settle():
                return False
            self.local_sdp, self.remote_sdp, self.mirrors = text, sdp, True
            await self.agent.save(self)
            self._accept(transaction, text)
            return True

        async def reject(code: int) -> None:
            if settle():
                self.reply(transaction, code)

        return Offer(sdp, answer, reject)

    def _question(self, transaction: ServerTransaction) -> Question:
        """Our offer for an INVITE without one; what holds, where the user is not quick enough."""
        settle = self._judged(transaction, lambda: self.spawn(offer(self.local_sdp or "")))

        async def offer(text: str) -> bool:
            if not settle():
                return False
            self.local_sdp, self.mirrors = text, False
            self._asked = transaction.request.cseq.sequence
            await self.agent.save(self)
            self._accept(transaction, text)
            return True

        return Question(offer)

    def on_offer_cancelled(self) -> None:
        """CANCEL of a re-INVITE that is still judged: the session stays as it was (RFC 3261 9.2, 14.2)."""
        self._refuse(487)

    def _refuse(self, code: int) -> None:
        if self._refuse_offer is not None:
            self._refuse_offer(code)

    def _accept(self, transaction: ServerTransaction, sdp: str | None) -> None:
        timer = session_timer.agreed_as_server(transaction.request)
        extra = [session_timer.header(timer, server=True), ("Require", "timer")] if timer else []
        if transaction.invite:
            self.agent.roster.expect_ack(self, transaction)
        self.reply(transaction, 200, extra=extra, body=sdp or "")
        self._restart_timer(timer)

    def _on_info(self, request: Request, transaction: ServerTransaction) -> None:
        kind = first_of(request.headers.get("Content-Type") or "")[0].lower()
        if kind not in info_digits.TYPES:
            accept = [("Accept", ", ".join(info_digits.TYPES))]
            if unread(request, None):
                self.reply(transaction, 415, extra=accept)
            else:
                self.reply(transaction, 200)
            return
        found = info_digits.read(kind, request.body)
        if found is None:
            self.reply(transaction, 400)
            return
        self.reply(transaction, 200)
        # One key as RFC 4733 is several packets, the last with the end mark: the first that comes counts.
        if found.digit and not (found.ended and self._info_key == found.digit):
            self.tell(Digit(found.digit, found.duration_ms))
        self._info_key = found.digit if found.ended is False else None

    def _on_refer(self, request: Request, transaction: ServerTransaction) -> None:
        try:
            wish = refer_to.read(request.headers["Refer-To"])
        except (KeyError, ValueError):
            self.reply(transaction, 400)
            return
        except refer_to.NotACall:
            self.reply(transaction, 603)
            return
        silent = (request.headers.get("Refer-Sub") or "").strip().lower() == "false"

        self._undecided.append(transaction)

        async def decide(code: int) -> None:
            if transaction not in self._undecided:
                return
            self._undecided.remove(transaction)
            self.reply(transaction, code, extra=[("Refer-Sub", "false")] if silent and code < 300 else [])
            if code < 300:
                self.spawn(report(100))

        told: list[int] = []
        in_order = asyncio.Lock()

        async def report(code: int) -> None:
            if silent or self.finished or self.dialog is None or self.dialog.state == "terminated":
                return
            if told and told[-1] >= 200:
                return  # the last one ended the subscription
            told.append(code)
            state = "terminated;reason=noresource" if code >= 200 else f"active;expires={REFER_SECONDS}"
            async with in_order:
                await self.ask(
                    "NOTIFY",
                    extra=[("Event", f"refer;id={request.cseq.sequence}"), ("Subscription-State", state)],
                    body=f"SIP/2.0 {code} {phrase_of(code)}\r\n".encode(),
                    content_type="message/sipfrag;version=2.0",
                )

        self.tell(Referred(wish.target, wish.replaces, decide, report))

    def _on_notify(self, request: Request, transaction: ServerTransaction) -> None:
        if (request.headers.get("Event") or "").split(";")[0].strip() != "refer":
            self.reply(transaction, 489)
            return
        self.reply(transaction, 200)
        found = _FRAGMENT.match(request.body[:100].decode("ascii", "replace"))
        if found:
            self.tell(ReferProgress(int(found.group(1))))

    def on_ack(self, request: Request) -> None:
        """The ACK of a 2xx of ours: it answers the offer that stood in it (RFC 3261 section 14.2)."""
        if request.cseq.sequence == self._asked:
            self._asked = None
            sdp = sdp_of(request)
            self.remote_sdp = sdp or self.remote_sdp
            self.tell(Confirmed(sdp))

    # --- session timer ----------------------------------------------------------------------------

    def _restart_timer(self, timer: SessionTimer | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._timer = timer
        if timer is not None and not self.finished:
            self._watch = asyncio.get_running_loop().call_later(
                timer.due_after, lambda: self.spawn(self._timer_due())
            )

    async def _timer_due(self) -> None:
        timer = self._timer
        if timer is None or self.finished:
            return
        if not timer.ours:
            await self.bye(extra=[reason(408, "Session timer expired")])
            return
        if "UPDATE" in self.peer_allows:
            response = await self.ask("UPDATE", extra=[session_timer.header(timer, server=False)])
            code = response.code if response else 408
            if code < 300 and response is not None:
                self._restart_timer(session_timer.agreed_as_client(response))
        else:
            code, _ = await self.reinvite(self.local_sdp or "")
        if code in (408, 481):
            await self.bye()
        elif code >= 300 and not self.finished:
            # RFC 4028 10: try again before it runs out.
            self._restart_timer(SessionTimer(max(session_timer.SHORTEST, timer.seconds // 2), True))
