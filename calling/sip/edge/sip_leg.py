"""One SIP side of a leg while it lives: its inbox, and what an answered party may do (hold, keys, transfer).

What must not live here: how it came about (edge_out, edge_in), rows, messages of SIP.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar
from uuid import UUID

from django.db import DatabaseError

from calling.calls import control
from calling.commands import operations, routing, transfers
from calling.machine import inputs
from calling.runtime import db_threads
from calling.sdp.peek import kinds_of_sdp
from calling.sip.edge import account_policy
from calling.sip.edge import rows as edge_rows
from calling.sip.edge.mapping import LegView, destinations_of, problem_status, status_of
from calling.sip.edge.media_encryption import PLAIN, MediaPolicy, form_of, offered, settled, taken
from calling.sip.edge.sdp_offers import direction_of, fault_of
from calling.sip.edge.sip_trace import SipTrace
from calling.sip.stack.events import (
    Confirmed,
    Digit,
    Finished,
    Offer,
    Question,
    Referred,
    SessionEvent,
    SessionFailed,
)
from calling.sip.stack.headers import Replaces
from calling.sip.ua.client_session import DialogClientSession
from calling.sip.ua.server_session import DialogServerSession
from calling.sip.ua.session import REFER_SECONDS
from calling.sip.ua.user_agent import UserAgent
from rest import errors
from tokens.subjects import TokenHolder

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
RETRY_SECONDS = 60.0
COMMA_MS, WAIT_MS = 2000, 500  # pauses among digits, `,` and `w`
CONCLUDE_SECONDS = 2.0  # for a phone to acknowledge how its transfer went
ANSWER_SECONDS = 8.0  # for the worker to answer a new offer, before the phone's own patience ends


async def retry_db(work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T | None:
    """Database work that must get through: tried again while PostgreSQL is away, at most a minute.

    None for a refusal: what is late or no longer legal is no fault of the far end.
    """
    try:
        return await db_threads.run_until(RETRY_SECONDS, work, *arguments, **options)
    except (inputs.Refused, errors.ApiError) as error:
        log.info("A SIP signal came too late", extra={"why": str(error)})
    except DatabaseError as error:
        log.error("A SIP signal was lost", extra={"error": str(error)})
    return None


class EdgeContext(Protocol):
    """What a leg may use of its edge. `lines`: the legs that it carries, by the ids of their rows."""

    id: UUID
    host: str
    names: frozenset[str]
    agent: UserAgent
    trace: SipTrace
    lines: dict[str, SipLeg]

    def begin(self, line: SipLeg) -> None:
        """Carry this leg from now on."""


class SipLeg(ABC):
    """A SIP call of ours and the leg it carries. `id` is its row's, `call` the SIP side."""

    def __init__(
        self,
        edge: EdgeContext,
        id: str,
        leg_id: str,
        call_id: str,
        call: DialogClientSession | DialogServerSession,
    ) -> None:
        self.edge, self.id, self.leg_id, self.call_id, self.call = edge, id, leg_id, call_id, call
        self.project_id = ""
        self.inbox: asyncio.Queue[SessionEvent | LegView] = asyncio.Queue()
        self.view = LegView(call_id, "created", "created")
        self.holder: TokenHolder | None = None
        self.policy = MediaPolicy()  # what this party's owner wants of its media
        self._pump: asyncio.Task[None] | None = None
        self._asked: str | None = None
        self._keys = asyncio.Lock()
        self.referral: Referred | None = None  # a transfer of this party's that is under way

    def see(self, view: LegView) -> None:
        """Tell what the rows say now; repetitions are dropped."""
        if view != self.view:
            self.view = view
            self.call_id = view.call_id or self.call_id
            self.inbox.put_nowait(view)

    def adopt(self, call: DialogClientSession | DialogServerSession) -> None:
        """Hear this call from now on."""
        if self._pump is not None:
            self._pump.cancel()
        self.call = call
        call.reference = self.id
        if self.sip_call_id is not None:
            self.edge.trace.follow(self.sip_call_id, self)
        self._pump = asyncio.create_task(self._hear(call))

    async def _hear(self, call: DialogClientSession | DialogServerSession) -> None:
        while True:
            self.inbox.put_nowait(await call.notices.get())

    async def run(self) -> None:
        """From the first message to the last; never raises."""
        self.adopt(self.call)
        try:
            await self.carry()
        except Exception:
            log.exception("A SIP line failed", extra={"call_id": self.call_id})
            await self.broke()
            await self.call.hangup()
        finally:
            if self._pump is not None:
                self._pump.cancel()
            self.edge.lines.pop(self.id, None)
            self.edge.trace.leave(self)
        await retry_db(edge_rows.end_dialog, self.id)

    async def broke(self) -> None:
        """A fault of ours ends the leg."""
        await self.apply(inputs.Hangup(self.leg_id, cause="sip_500"))

    @abstractmethod
    async def carry(self) -> None:
        """The conversation itself, from its first message to its last."""

    @property
    def carries(self) -> bool:
        """Whether this side is its leg: what ends it ends the leg, and not one of several that ring."""
        return True

    @property
    def sip_call_id(self) -> str | None:
        """The Call-ID of its dialog."""
        if isinstance(self.call, DialogClientSession):
            return self.call.call_id
        return self.call.dialog.call_id if self.call.dialog is not None else None

    async def apply(self, input: inputs.Input) -> control.Outcome | None:
        return await retry_db(control.apply, self.call_id, input)

    # --- while it is answered

    async def talk(self) -> None:
        """Until either side ends it."""
        while True:
            item = await self.inbox.get()
            match item:
                case LegView() if item.leg_state == "ended":
                    await self.conclude(item)
                    await self.call.hangup()
                    return
                case LegView() if item.asks and item.answer != self._asked:
                    self._asked = item.answer
                    self.edge.agent.spawn(self.reinvite_after_move(item.answer or ""))
                case Finished() | SessionFailed():
                    by = None if getattr(item, "by", "remote") == "remote" else "device_lost"
                    await self.apply(inputs.Hangup(self.leg_id, cause=by or "normal"))
                    return
                case Offer():
                    await self.offered(item)
                case Question():
                    await self.asked(item)
                case Confirmed():
                    await self.confirmed(item.sdp)
                case Digit():
                    await self.apply(inputs.SendDigits(self.leg_id, item.digit))
                case Referred():
                    await self.referred(item)
                case _:
                    pass

    async def offered(self, offer: Offer) -> None:
        """Each offer is answered by the worker; a hold or resume in it is routing besides."""
        before = self.call.remote_sdp or ""
        left = taken(offer.sdp, self.policy)
        answer = await self.reoffered(left) if left is not None else None
        if answer is None:
            await offer.reject(488)
            return
        await self.held_as(offer.sdp)
        if not await offer.answer(answer):
            await self.taken_back(before)

    async def taken_back(self, before: str) -> None:
        """The far end cancelled its offer while it was judged: what it described before holds."""
        await self.reoffered(taken(before, self.policy) or before)
        await self.held_as(before)

    async def held_as(self, sdp: str) -> None:
        """Hold or resume as a description of the far end says; only an answered leg can."""
        if self.view.leg_state == "answered":
            held = direction_of(sdp) in ("sendonly", "inactive")
            await self.apply((inputs.Hold if held else inputs.Resume)(self.leg_id))

    async def reoffered(self, sdp: str) -> str | None:
        """The worker's answer to a new offer; None where it refuses it, or does not answer in time."""
        if await self.apply(inputs.Reoffer(self.leg_id, sdp, kinds_of_sdp(sdp))) is None:
            return None
        view = await self.until(lambda view: view.offer != sdp or view.answer is not None)
        return view.answer if view is not None and view.offer == sdp else None

    async def until(self, done: Callable[[LegView], bool]) -> LegView | None:
        """The leg's view once that is so; None if the leg ends before, or the worker's time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    found = (await db_threads.run(edge_rows.views, [(self.id, self.leg_id)]))[self.id]
                    if found.leg_state == "ended":
                        return None
                    if done(found):
                        return found
                    await asyncio.sleep(0.05)
        return None

    async def asked(self, question: Question) -> None:
        """The far end wants an offer (a re-INVITE without one): a fresh one, or else what holds."""
        await question.offer(await self.our_offer() or self.call.local_sdp or "")

    async def our_offer(self) -> str | None:
        """A fresh offer of the worker's, None where it makes none."""
        if await self.apply(inputs.AskOffer(self.leg_id)) is None:
            return None
        view = await self.until(lambda view: view.answer is not None)
        if view is None or not view.asks:
            return None
        self._asked = view.answer
        return self.ours(view.answer or "")

    def ours(self, offer: str) -> str:
        """A worker's offer as this party gets it: in the form of what holds, else in the first one."""
        form = form_of(self.call.local_sdp or "") or next(iter(self.policy.forms), PLAIN)
        return offered(offer, form, self.policy)

    def theirs(self, answer: str | None) -> str | None:
        """This party's answer to our last offer, None where it has none or one that is not allowed."""
        return settled(answer, self.call.local_sdp or "", self.policy) if answer is not None else None

    async def confirmed(self, sdp: str | None) -> None:
        """The answer to an offer of ours that stood in a 2xx, from its ACK. Without one nothing changes."""
        left = self.theirs(sdp)
        if left is not None and fault_of(left) is None:
            await self.apply(inputs.Reanswered(self.leg_id, left))
            await self.held_as(left)

    async def reinvite_after_move(self, offer: str) -> None:
        """A re-INVITE with the offer of the worker that carries the leg now."""
        code, answer = await self.call.reinvite(self.ours(offer))
        left = self.theirs(answer) if code < 300 else None
        if left is not None:
            await self.apply(inputs.Reanswered(self.leg_id, left))
        elif code < 300 and answer is not None:
            await self.apply(inputs.Hangup(self.leg_id, cause="sip_488"))

    async def send_digits(self, digits: str) -> None:
        """Digits as INFO, one after the other. Who refuses them gets the rest as the media can say it."""
        async with self._keys:
            for at, sign in enumerate(digits.upper()):
                if sign in ",W":
                    await asyncio.sleep((COMMA_MS if sign == "," else WAIT_MS) / 1000)
                elif await self.call.send_digit(sign) >= 300:
                    await retry_db(edge_rows.keep_facts, self.id, {"takes_info": False})
                    rest = {"digits": digits[at:], "own": True}
                    await retry_db(operations.operate, self.call_id, self.leg_id, "digits", None, rest)
                    return

    async def replace_session(self, call: DialogServerSession) -> None:
        """An INVITE with Replaces (RFC 3891): the leg goes on over this call, the old one gets its BYE."""
        old = self.call
        facts = await retry_db(edge_rows.facts_of, call.account, call.hop.host, call.peer_allows)
        await retry_db(edge_rows.keep_facts, self.id, facts or {})
        policy = await retry_db(account_policy.policy_for, call.account, call.hop.transport)
        self.policy = policy or self.policy
        answer = None
        if call.offer is not None:
            left = taken(call.offer, self.policy)
            answer = await self.reoffered(left) if left is not None else None
        elif self.policy.forms:
            answer = await self.our_offer()
        if answer is None:
            await call.reject(488)
            return
        self.adopt(call)
        if await call.answer(answer):
            await old.hangup()
        else:
            self.adopt(old)

    async def referred(self, wish: Referred) -> None:
        """A transfer, blind or attended, with the rights of the phone's subscriber."""
        if self.holder is None:
            await wish.decide(403)
            return
        try:
            mark = await db_threads.run(edge_rows.last_event, self.call_id)
        except DatabaseError:
            await wish.decide(503)
            return
        if wish.replaces is not None:
            status = await self.attended_transfer(wish.replaces, self.holder)
        else:
            status = await self.blind_transfer(wish.target, self.holder)
        await wish.decide(status)
        if status == 202:
            self.referral = wish
            self.edge.agent.spawn(self.report(wish, mark))

    async def blind_transfer(self, target: str, holder: TokenHolder) -> int:
        """Blind transfer to a Refer-To; the status."""
        status = 404
        for text in destinations_of(target, self.edge.names):
            status = await status_after(transfer, holder, self.call_id, self.leg_id, text)
            if status != 404:
                break
        return status

    async def attended_transfer(self, replaces: Replaces, holder: TokenHolder) -> int:
        """Attended transfer: the other party of the phone's other call gets this one's; the status."""
        try:
            other = await db_threads.run(edge_rows.leg_of_dialog, replaces, str(holder.subscriber_id))
        except DatabaseError:
            return 503
        if other is None:
            return 481
        return await status_after(transfers.join_calls, self.call_id, self.leg_id, *other)

    async def report(self, wish: Referred, mark: int) -> None:
        """Say how the transfer went, if this leg lives on; `conclude` does where it ends with it."""
        until = asyncio.get_running_loop().time() + REFER_SECONDS
        while self.referral is wish and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.5)
            with contextlib.suppress(DatabaseError):
                found = await db_threads.run(edge_rows.transfer_end, self.call_id, self.leg_id, mark)
                if found is not None and self.referral is wish and self.view.leg_state != "ended":
                    self.referral = None
                    await wish.report(200 if found is True else status_of(found))
        if self.referral is wish:
            self.referral = None
            await wish.report(408)

    async def conclude(self, view: LegView) -> None:
        """The last word on a transfer, before the BYE that ends the dialog it is said in (RFC 3515 2.4.7)."""
        wish, self.referral = self.referral, None
        if wish is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CONCLUDE_SECONDS):
                    await wish.report(200 if view.reason == "transferred" else status_of(view))


async def status_after(work: Callable[P, object], *arguments: P.args, **options: P.kwargs) -> int:
    """202, or the status that a refusal is answered with."""
    try:
        await db_threads.run(work, *arguments, **options)
    except errors.ApiError as error:
        return problem_status(error.status)
    except inputs.Refused:
        return 480
    except DatabaseError:
        return 503
    return 202


def transfer(holder: TokenHolder, call_id: str, leg_id: str, text: str) -> None:
    routing.resolve(holder, text)
    transfers.transfer(holder, call_id, leg_id, text)
