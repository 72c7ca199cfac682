"""One SIP call after its dialog exists: what both the caller's and the callee's side can do in it.

In-dialog requests both ways: BYE, re-INVITE and UPDATE with glare (RFC 3261 14, RFC 3311), INFO,
REFER and NOTIFY (RFC 3515), session timers. What must not live here: how the dialog came about
(client_call, server_call) and what the platform makes of it (the edge).
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from sipmessage import Request, Response

from calling.sip import session_timer
from calling.sip.compose import Extra, make_response
from calling.sip.dialog import Dialog
from calling.sip.digest import Credentials, answer_challenge
from calling.sip.notices import Digit, Finished, Headers, Notice, Offer, ReferProgress, Referred
from calling.sip.server_transaction import ServerTransaction
from calling.sip.session_timer import SessionTimer
from calling.sip.values import parse_replaces, split_uri_headers, uri_text

if TYPE_CHECKING:
    from calling.sip.agent import Agent

log = logging.getLogger(__name__)

OFFER_SECONDS = 10.0
MAX_NOTICES = 256
_FRAGMENT = re.compile(r"SIP/2\.0 (\d{3})")


def custom_headers(message: Request | Response) -> Headers:
    """The `x-` headers of a message (contract 5), names lower case, at most 20."""
    found = [
        (name.lower(), value[:1000])
        for name in message.headers.keys()  # noqa: SIM118 (not a dict)
        if name.lower().startswith("x-")
        for value in message.headers.getlist(name)[:1]
    ]
    return tuple(found[:20])


def sdp_of(message: Request | Response) -> str | None:
    """The SDP body, None when there is none; other bodies are not sessions."""
    kind = (message.headers.get("Content-Type") or "").split(";")[0].strip().lower()
    if not message.body or kind != "application/sdp":
        return None
    return message.body.decode("utf-8", "replace")


class Call:
    """Shared half of ClientCall and ServerCall. Notices come out of `notices`, the last is final."""

    def __init__(self, agent: Agent, credentials: Credentials | None = None) -> None:
        self.agent = agent
        self.credentials = credentials
        self.dialog: Dialog | None = None
        self.notices: asyncio.Queue[Notice] = asyncio.Queue()
        self.finished = False
        self.local_sdp: str | None = None
        self.remote_sdp: str | None = None
        self.peer_allows: frozenset[str] = frozenset()
        self.reference: Any = None
        self.awaited: list[tuple[str, str, str, int]] = []
        self._offering = False
        self._answering = False
        self._closing = False
        self._timer: SessionTimer | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._nonces: dict[str, int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- plumbing -------------------------------------------------------------------------------

    def tell(self, notice: Notice) -> None:
        """Queue a notice; keys beyond a bound are dropped, a final notice never is."""
        if self.notices.qsize() < MAX_NOTICES or isinstance(notice, Finished):
            self.notices.put_nowait(notice)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a SIP call step failed", exc_info=task.exception())

    def finish(self, by: str, why: str, headers: Headers = ()) -> None:
        """The call is over: forget it, tell once."""
        if self.finished:
            return
        self.finished = True
        if self._watch is not None:
            self._watch.cancel()
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
        headers = list(extra)
        for _ in range(2):
            request = self.dialog.request(method, extra=headers, body=body, content_type=content_type)
            await self.agent.save(self)
            response = await self.agent.transact(request, await self.agent.hop_for(self.dialog))
            if response is not None and response.code in (401, 407) and self.credentials is not None:
                proof = answer_challenge(self.credentials, response, method, str(request.uri), self._nonces)
                if proof is not None and not any(name == proof[0] for name, _ in headers):
                    headers = [*extra, proof]
                    continue
            return response
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
            if self._offering or self._answering:
                code, answer = 491, None
            else:
                self._offering = True
                try:
                    code, answer = await self._offer(sdp, extra)
                finally:
                    self._offering = False
            if code != 491 or self.finished:
                return code, answer
            await asyncio.sleep(random.uniform(2.1, 4.0) if self.dialog.caller else random.uniform(0.0, 2.0))
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
            self._restart_timer(session_timer.agreed_as_client(response))
        elif response.code in (408, 481):
            self.spawn(self.bye())
        return response.code, sdp_of(response)

    async def _ack(self, response: Response, body: str = "") -> None:
        assert self.dialog is not None
        ack = self.dialog.request("ACK", sequence=response.cseq.sequence, body=body)
        self.agent.exchange.send(ack, await self.agent.hop_for(self.dialog))

    async def send_digit(self, digit: str, duration_ms: int = 160) -> int:
        """A key as INFO (application/dtmf-relay), for peers without RFC 4733; the status."""
        response = await self.ask(
            "INFO",
            body=f"Signal={digit}\r\nDuration={duration_ms}\r\n",
            content_type="application/dtmf-relay",
        )
        return response.code if response else 408

    async def refer(self, target: str, replaces: str | None = None) -> int:
        """Ask the far end to call `target` (a URI); `replaces` is a raw Replaces value. The status."""
        escaped = (
            ""
            if replaces is None
            else "?Replaces="
            + "".join(c if c.isalnum() or c in "-._~" else f"%{ord(c):02X}" for c in replaces)
        )
        assert self.dialog is not None
        response = await self.ask(
            "REFER", extra=[("Refer-To", f"<{target}{escaped}>"), ("Referred-By", self.dialog.local_address)]
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
        elif request.body and sdp is None:
            self.reply(transaction, 415, extra=[("Accept", "application/sdp")])
        elif self._answering:
            self.reply(transaction, 500, extra=[("Retry-After", str(random.randint(1, 5)))])
        elif self._offering and (sdp is not None or request.method == "INVITE"):
            self.reply(transaction, 491)
        elif sdp is None or sdp == self.remote_sdp:
            # A refresh (or a question for our offer): what is, stays.
            self.dialog.refresh_target(request)
            self._accept(transaction, self.local_sdp if request.method == "INVITE" or sdp else None)
        else:
            self._answering = True
            self.dialog.refresh_target(request)
            self.tell(self._offer_notice(sdp, transaction))

    def _offer_notice(self, sdp: str, transaction: ServerTransaction) -> Offer:
        late = asyncio.get_running_loop().call_later(OFFER_SECONDS, lambda: self.spawn(reject(500)))

        async def answer(text: str) -> None:
            if self._answering:
                self._answering = False
                late.cancel()
                self.local_sdp, self.remote_sdp = text, sdp
                await self.agent.save(self)
                self._accept(transaction, text)

        async def reject(code: int) -> None:
            if self._answering:
                self._answering = False
                late.cancel()
                self.reply(transaction, code)

        return Offer(sdp, answer, reject)

    def _accept(self, transaction: ServerTransaction, sdp: str | None) -> None:
        timer = session_timer.agreed_as_server(transaction.request)
        extra = [session_timer.header(timer, server=True), ("Require", "timer")] if timer else []
        self.agent.roster.await_ack(self, transaction)
        self.reply(transaction, 200, extra=extra, body=sdp or "")
        self._restart_timer(timer)

    def _on_info(self, request: Request, transaction: ServerTransaction) -> None:
        kind = (request.headers.get("Content-Type") or "").split(";")[0].strip().lower()
        text = request.body[:200].decode("ascii", "replace")
        if kind == "application/dtmf-relay":
            found = re.search(r"Signal\s*=\s*([0-9A-Da-d*#])(?![0-9])", text)
            length = re.search(r"Duration\s*=\s*(\d{1,5})", text)
        elif kind == "application/dtmf":
            found, length = re.match(r"\s*([0-9A-Da-d*#])\s*\Z", text), None
        else:
            self.reply(transaction, 200 if not request.body else 415)
            return
        if found is None:
            self.reply(transaction, 400)
            return
        self.reply(transaction, 200)
        self.tell(Digit(found.group(1).upper(), int(length.group(1)) if length else 160))

    def _on_refer(self, request: Request, transaction: ServerTransaction) -> None:
        try:
            target, headers = split_uri_headers(uri_text(request.headers["Refer-To"]))
            replaces = parse_replaces(headers["replaces"]) if "replaces" in headers else None
        except (KeyError, ValueError):
            self.reply(transaction, 400)
            return
        silent = (request.headers.get("Refer-Sub") or "").strip().lower() == "false"

        async def decide(code: int) -> None:
            self.reply(transaction, code, extra=[("Refer-Sub", "false")] if silent and code < 300 else [])
            if code < 300:
                await report(100)

        async def report(code: int) -> None:
            if silent or self.finished or self.dialog is None or self.dialog.state == "terminated":
                return
            done = code >= 200
            state = "terminated;reason=noresource" if done else "active;expires=120"
            await self.ask(
                "NOTIFY",
                extra=[("Event", f"refer;id={request.cseq.sequence}"), ("Subscription-State", state)],
                body=f"SIP/2.0 {code} {'OK' if code < 300 else 'Failed'}\r\n".encode(),
                content_type="message/sipfrag;version=2.0",
            )

        self.tell(Referred(target, replaces, request.headers.get("Referred-By"), decide, report))

    def _on_notify(self, request: Request, transaction: ServerTransaction) -> None:
        if (request.headers.get("Event") or "").split(";")[0].strip() != "refer":
            self.reply(transaction, 489)
            return
        self.reply(transaction, 200)
        found = _FRAGMENT.match(request.body[:100].decode("ascii", "replace"))
        if found:
            self.tell(ReferProgress(int(found.group(1))))

    def on_ack(self, request: Request) -> None:
        """The ACK of a 2xx of ours; the initial one is told by ServerCall."""

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
            await self.bye(extra=[("Reason", 'SIP;cause=408;text="Session timer expired"')])
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
