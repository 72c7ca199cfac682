"""One SIP side of a leg while it lives: its inbox, and what an answered party may do (hold, keys, transfer).

What must not live here: how it came about (edge_out, edge_in), rows, messages of SIP.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import DatabaseError, close_old_connections

from calling import control, dialling, placing
from calling.machine import inputs
from calling.sip import edge_rows
from calling.sip.client_call import ClientCall
from calling.sip.edge_words import View, problem_status, wishes
from calling.sip.notices import Digit, Failed, Finished, Notice, Offer, Referred
from calling.sip.offers import direction_of, mirrored, place_of
from calling.sip.server_call import ServerCall
from calling.sip.values import Replaces
from subscribers.http import problems
from tokens.subjects import TokenHolder

if TYPE_CHECKING:
    from calling.sip.edge import Edge

log = logging.getLogger(__name__)

T = TypeVar("T")
INSIST_SECONDS = 60.0
ANSWER_SECONDS = 8.0  # for the worker to answer a new offer, before the phone's own patience ends


def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    close_old_connections()
    try:
        return work(*arguments)
    finally:
        close_old_connections()


async def rows(work: Callable[..., T], *arguments: Any) -> T:
    """Database work beside the loop."""
    return await asyncio.to_thread(in_thread, work, *arguments)


async def insist(work: Callable[..., T], *arguments: Any) -> T | None:
    """The same for what must get through: tried again while PostgreSQL is away, at most a minute.

    None for a refusal: what is late or no longer legal is no fault of the far end.
    """
    end = asyncio.get_running_loop().time() + INSIST_SECONDS
    while True:
        try:
            return await rows(work, *arguments)
        except (inputs.Refused, problems.ApiError) as error:
            log.info("A SIP signal came too late", extra={"why": str(error)})
            return None
        except DatabaseError as error:
            if asyncio.get_running_loop().time() > end:
                log.error("A SIP signal was lost", extra={"error": str(error)})
                return None
        await asyncio.sleep(0.5)


class Line(ABC):
    """A SIP call of ours and the leg it carries. `id` is its row's, `call` the SIP side."""

    def __init__(self, edge: Edge, id: str, leg_id: str, call_id: str, call: ClientCall | ServerCall) -> None:
        self.edge, self.id, self.leg_id, self.call_id, self.call = edge, id, leg_id, call_id, call
        self.inbox: asyncio.Queue[Notice | View] = asyncio.Queue()
        self.view = View(call_id, "created", "created")
        self.holder: TokenHolder | None = None
        self._pump: asyncio.Task[None] | None = None
        self._asked: str | None = None

    def see(self, view: View) -> None:
        """Tell what the rows say now; repetitions are dropped."""
        if view != self.view:
            self.view = view
            self.call_id = view.call_id or self.call_id
            self.inbox.put_nowait(view)

    def adopt(self, call: ClientCall | ServerCall) -> None:
        """Hear this call from now on."""
        if self._pump is not None:
            self._pump.cancel()
        self.call = call
        call.reference = self.id
        self._pump = asyncio.create_task(self._hear(call))

    async def _hear(self, call: ClientCall | ServerCall) -> None:
        while True:
            self.inbox.put_nowait(await call.notices.get())

    async def run(self) -> None:
        """From the first message to the last; never raises."""
        self.adopt(self.call)
        try:
            await self.carry()
        except Exception:
            log.exception("A SIP line failed", extra={"call_id": self.call_id})
            await insist(control.apply, self.call_id, inputs.Hangup(self.leg_id, cause="sip_500"))
            await self.call.hangup()
        finally:
            if self._pump is not None:
                self._pump.cancel()
            self.edge.lines.pop(self.id, None)
        await insist(edge_rows.end_dialog, self.id)

    @abstractmethod
    async def carry(self) -> None:
        """The conversation itself, from its first message to its last."""

    async def apply(self, input: Any) -> Any:
        return await insist(control.apply, self.call_id, input)

    # --- while it is answered

    async def talk(self) -> None:
        """Until either side ends it."""
        while True:
            item = await self.inbox.get()
            match item:
                case View() if item.leg_state == "ended":
                    await self.call.hangup()
                    return
                case View() if item.asks and item.answer != self._asked:
                    self._asked = item.answer
                    self.edge.agent.spawn(self.ask_again(item.answer or ""))
                case Finished() | Failed():
                    by = None if getattr(item, "by", "remote") == "remote" else "device_lost"
                    await self.apply(inputs.Hangup(self.leg_id, cause=by or "normal"))
                    return
                case Offer():
                    await self.offered(item)
                case Digit():
                    await self.apply(inputs.SendDigits(self.leg_id, item.digit))
                case Referred():
                    await self.referred(item)
                case _:
                    pass

    async def offered(self, offer: Offer) -> None:
        """A hold or resume is routing; a new place for the sound goes through the media worker."""
        direction = direction_of(offer.sdp)
        before, local = self.call.remote_sdp or "", self.call.local_sdp or ""
        if place_of(offer.sdp) != place_of(before):
            answer = await self.reoffered(offer.sdp)
            if answer is None:
                await offer.reject(488)
                return
        else:
            answer = mirrored(local, direction)
        wish = inputs.Hold if direction in ("sendonly", "inactive") else inputs.Resume
        await self.apply(wish(self.leg_id))
        await offer.answer(answer)

    async def reoffered(self, sdp: str) -> str | None:
        """The worker's answer to a new offer, None if it did not come in time."""
        if await self.apply(inputs.Reoffer(self.leg_id, sdp)) is None:
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    found = (await rows(edge_rows.views, [(self.id, self.leg_id)]))[self.id]
                    if found.answer is not None or found.leg_state == "ended":
                        return found.answer
                    await asyncio.sleep(0.05)
        return None

    async def ask_again(self, offer: str) -> None:
        """A re-INVITE with the offer of the worker that carries the leg now."""
        code, answer = await self.call.reinvite(offer)
        if code < 300 and answer is not None:
            await self.apply(inputs.Reanswered(self.leg_id, answer))

    async def taken_over(self, call: ServerCall) -> None:
        """An INVITE with Replaces (RFC 3891): the leg goes on over this call, the old one gets its BYE."""
        old = self.call
        answer = await self.reoffered(call.offer or "")
        if answer is None:
            await call.reject(488)
            return
        self.adopt(call)
        if await call.answer(answer):
            await old.hangup()
        else:
            self.adopt(old)

    async def referred(self, wish: Referred) -> None:
        """A transfer, blind or attended, with the rights of the phone's subscriber (contract 3)."""
        if self.holder is None:
            await wish.decide(403)
            return
        if wish.replaces is not None:
            status = await self.joined(wish.replaces, self.holder)
        else:
            status = await self.sent_on(wish.target, self.holder)
        await wish.decide(status)
        if status == 202:
            self.edge.agent.spawn(self.report(wish))

    async def sent_on(self, target: str, holder: TokenHolder) -> int:
        """Blind transfer to a Refer-To; the status."""
        status = 404
        for text in wishes(target, self.edge.names):
            status = await status_of_try(transfer, holder, self.call_id, self.leg_id, text)
            if status != 404:
                break
        return status

    async def joined(self, replaces: Replaces, holder: TokenHolder) -> int:
        """Attended transfer: the other party of the phone's other call gets this one's; the status."""
        try:
            other = await rows(edge_rows.leg_of_dialog, replaces, str(holder.subscriber_id))
        except DatabaseError:
            return 503
        if other is None:
            return 481
        return await status_of_try(placing.join, self.call_id, self.leg_id, *other)

    async def report(self, wish: Referred) -> None:
        """Say how the transfer went, as far as this leg lives to hear it: its end is the success."""
        for _ in range(240):
            if self.view.leg_state == "ended":
                return
            await asyncio.sleep(0.25)
        await wish.report(408)


async def status_of_try(work: Callable[..., Any], *arguments: Any) -> int:
    """202, or the status that a refusal is answered with."""
    try:
        await rows(work, *arguments)
    except problems.ApiError as error:
        return problem_status(error.status)
    except inputs.Refused:
        return 480
    except DatabaseError:
        return 503
    return 202


def transfer(holder: TokenHolder, call_id: str, leg_id: str, text: str) -> None:
    dialling.find(holder, text)
    placing.transfer(holder, call_id, leg_id, text)
