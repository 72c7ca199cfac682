"""A leg that we dial: an INVITE to a desk phone or through a gateway, and what becomes of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from calling.machine import inputs
from calling.sip import edge_routes
from calling.sip.call import Headers
from calling.sip.client_call import ClientCall
from calling.sip.edge_line import Line, insist, rows
from calling.sip.edge_routes import Way
from calling.sip.edge_rows import Waiting, holder_of_device
from calling.sip.edge_words import View, rejected_as
from calling.sip.notices import Answered, Failed, Finished, Progress
from calling.sip.offers import limited

if TYPE_CHECKING:
    from calling.sip.edge import Edge

# What another gateway may do better (issue of a trunk, not of the number that was dialled).
NEXT_GATEWAY = frozenset({408, 480, 500, 502, 503, 504})
SILENT_SECONDS = 6.0  # without a word, not even 100, the next gateway is tried (RFC 3261 would wait 32 s)


class OutgoingLine(Line):
    """`wanted` has been claimed; `ways` are tried in order."""

    call: ClientCall

    def __init__(self, edge: Edge, wanted: Waiting, ways: list[Way]) -> None:
        self.wanted, self.ways = wanted, ways
        first = invite(edge, wanted, ways[0])
        super().__init__(edge, wanted.attempt_id, wanted.leg_id, wanted.call_id, first)
        self.early = False

    async def carry(self) -> None:
        if not await self.ring():
            return
        await self.talk()

    async def ring(self) -> bool:
        """Until it is answered (True) or over (False)."""
        at = 0
        while True:
            more = at + 1 < len(self.ways) and not self.early
            try:
                async with asyncio.timeout(SILENT_SECONDS if more and not self.call.heard else None):
                    item = await self.inbox.get()
            except TimeoutError:
                if not self.call.heard:
                    item = Failed(408, "Request Timeout")
                    self.edge.agent.spawn(self.call.hangup())
                else:
                    continue
            match item:
                case View() if item.leg_state == "ended" or not item.attempt_live or self.taken(item):
                    await self.give_up()
                    return False
                case Progress():
                    await self.progress(item)
                case Answered():
                    return await self.answered(item)
                case Failed() if item.code in NEXT_GATEWAY and more:
                    at += 1
                    self.adopt(invite(self.edge, self.wanted, self.ways[at]))
                case Failed():
                    await self.failed(item.code, item.headers)
                    return False
                case Finished():
                    await self.failed(480, item.headers)
                    return False
                case _:
                    pass

    def taken(self, view: View) -> bool:
        """Another device has the leg (the attempt says so too; this covers legs without devices)."""
        return view.leg_state == "answered" and not view.attempt_live

    async def progress(self, item: Progress) -> None:
        if self.wanted.party == "sip":
            await self.apply(inputs.SipProgress(self.leg_id, None if self.early else item.sdp))
            self.early = self.early or item.sdp is not None

    async def answered(self, item: Answered) -> bool:
        if item.sdp is None:
            await self.failed(488, ())
            await self.call.hangup()
            return False
        command = inputs.Answer(self.leg_id, self.wanted.device_id, item.sdp)
        if await self.apply(command) is None:
            await self.call.hangup()  # somebody else was faster, or the caller is gone
            return False
        if self.wanted.party != "sip":
            self.holder = await insist(holder_of_device, self.wanted.device_id)
        return True

    async def failed(self, code: int, headers: Headers) -> None:
        if self.wanted.party == "sip":
            await self.apply(inputs.SipFailed(self.leg_id, code, headers))
        elif code in (408, 503):
            await self.apply(inputs.MediaFailed(self.wanted.attempt_id, "unreachable"))  # it vanished
        else:
            await self.apply(inputs.Reject(self.leg_id, self.wanted.device_id, rejected_as(code)))

    async def give_up(self) -> None:
        """CANCEL, and see it to its end so that a crossing answer gets its BYE."""
        await self.call.hangup()
        try:
            async with asyncio.timeout(40):
                while not self.call.finished:
                    await self.inbox.get()
        except TimeoutError:
            return


def invite(edge: Edge, wanted: Waiting, way: Way):  # type: ignore[no-untyped-def]
    """Send the INVITE of one way. Raises ValueError for a contact that is none."""
    return edge.agent.invite(
        way.uri,
        limited(wanted.offer, way.codecs),
        from_=way.from_,
        to=way.to,
        headers=way.headers,
        credentials=way.credentials,
        hops=way.hops,
        fixed=way.fixed,
    )


async def line_for(edge: Edge, wanted: Waiting) -> OutgoingLine | None:
    """The line of a claimed attempt; None where it leads nowhere, which the call has then been told."""
    ways = await rows(edge_routes.ways, wanted, edge.host)
    ways = [way for way in ways if await edge_routes.reachable(edge.agent.resolver, way)]
    if ways:
        return OutgoingLine(edge, wanted, ways)
    from calling import control

    failed = (
        inputs.SipFailed(wanted.leg_id, 404)
        if wanted.party == "sip"
        else inputs.MediaFailed(wanted.attempt_id, "unreachable")
    )
    await insist(control.apply, wanted.call_id, failed)
    return None
