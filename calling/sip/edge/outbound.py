"""A leg that we dial: an INVITE to a desk phone or through a gateway, and what becomes of it."""

from __future__ import annotations

import asyncio

from calling.calls import control
from calling.machine import inputs
from calling.runtime import db_threads
from calling.sip.edge import destinations, redirects, routes
from calling.sip.edge import rows as edge_rows
from calling.sip.edge.mapping import LegView, rejected_as, why_cancelled
from calling.sip.edge.media_encryption import NOT_ACCEPTABLE, Form, offered, over_ice
from calling.sip.edge.routes import Route
from calling.sip.edge.rows import OutboundAttempt, holder_of_device
from calling.sip.edge.sip_leg import EdgeContext, SipLeg, retry_db
from calling.sip.stack.events import (
    Answered,
    Finished,
    Headers,
    Offer,
    Progress,
    Referred,
    SessionFailed,
)
from calling.sip.stack.resolver import NoRoute
from calling.sip.ua.client_session import DialogClientSession

# What another gateway may do better (issue of a trunk, not of the number that was dialled).
NEXT_GATEWAY = frozenset({408, 480, 500, 502, 503, 504})
SILENT_SECONDS = 6.0  # without a word, not even 100, the next gateway is tried (RFC 3261 would wait 32 s)


class OutboundLeg(SipLeg):
    """`wanted` has been claimed; `ways` are tried in order."""

    call: DialogClientSession

    def __init__(self, edge: EdgeContext, wanted: OutboundAttempt, ways: list[Route]) -> None:
        self.wanted, self.ways = wanted, ways
        self.redirects = redirects.Redirects(edge.agent.resolver, edge.host, wanted)
        self.way, (form, *self.forms) = ways[0], forms_of(wanted, ways[0])
        first = invite(edge, wanted, self.way, form)
        super().__init__(edge, wanted.attempt_id, wanted.leg_id, wanted.call_id, first)
        self.project_id, self.policy = wanted.project_id, self.way.policy
        self.early: str | None = None  # what the early sound was last described by, and by which place
        self.speaks = ""
        self.talking = False

    @property
    def carries(self) -> bool:
        return self.talking

    async def carry(self) -> None:
        self.talking = await self.ring()
        if self.talking:
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
                    item = SessionFailed(408, "Request Timeout")
                    self.edge.agent.spawn(self.call.hangup())
                else:
                    continue
            match item:
                case LegView() if item.leg_state == "ended" or not item.attempt_live or self.taken(item):
                    await self.give_up(item)
                    return False
                case Progress():
                    await self.progress(item)
                case Offer():
                    await self.offered(item)
                case Answered():
                    return await self.answered(item)
                case Referred():
                    await self.referred(item)
                case SessionFailed() if (more and item.code in NEXT_GATEWAY) or await self.redirected(
                    item, at
                ):
                    at += 1
                    self.way, self.policy = self.ways[at], self.ways[at].policy
                    form, *self.forms = forms_of(self.wanted, self.way)
                    self.adopt(invite(self.edge, self.wanted, self.way, form))
                case SessionFailed() if item.code in NOT_ACCEPTABLE and self.forms and not self.early:
                    self.adopt(invite(self.edge, self.wanted, self.way, self.forms.pop(0)))
                case SessionFailed():
                    await self.failed(item.code, item.headers, said=item.said)
                    return False
                case Finished():
                    await self.failed(480, item.headers)
                    return False
                case _:
                    pass

    async def redirected(self, item: SessionFailed, at: int) -> bool:
        """Whether the far end named other places, which are the next ways then. A phone's are not dialled."""
        if item.code not in redirects.CODES or self.wanted.party != "sip" or self.early:
            return False
        found = [way for way in await self.redirects.followed(self.way, item.contacts) if way.policy.forms]
        self.ways[at + 1 : at + 1] = found
        return bool(found)

    def taken(self, view: LegView) -> bool:
        """Another device has the leg (the attempt says so too; this covers legs without devices)."""
        return view.leg_state == "answered" and not view.attempt_live

    async def learn(self) -> None:
        """What the media worker is to know of who answers: see `edge_rows.facts_of`."""
        if not self.call.peer_allows:  # its answer does not say, its registration may
            self.call.peer_allows = frozenset(self.wanted.contact.get("allows", ()))
        source = self.call.peer_host if self.way.nat else None
        facts = {"media_source": source, "takes_info": "INFO" in self.call.peer_allows}
        await retry_db(edge_rows.keep_facts, self.id, facts)

    async def progress(self, item: Progress) -> None:
        sdp = self.theirs(item.sdp)
        if sdp is not None:
            await self.learn()
        if self.wanted.party == "sip":
            # A network may ring several places, one after the other or at once: who spoke last is heard.
            await self.apply(inputs.SipProgress(self.leg_id, sdp if sdp != self.early else None))
            if sdp is not None:
                self.early, self.speaks = sdp, item.place

    async def answered(self, item: Answered) -> bool:
        sdp = self.theirs(item.sdp)
        if sdp is None:
            await self.failed(488, ())
            await self.call.hangup()
            return False
        await self.learn()
        if self.early and item.place != self.speaks:  # what was agreed on with another place is over
            await self.apply(inputs.SipProgress(self.leg_id, sdp))
        command = inputs.Answer(self.leg_id, self.wanted.device_id, sdp)
        if await self.apply(command) is None:
            await self.call.hangup()  # somebody else was faster, or the caller is gone
            return False
        if self.wanted.party != "sip":
            self.holder = await retry_db(holder_of_device, self.wanted.device_id)
        return True

    async def failed(self, code: int, headers: Headers, *, said: bool = True) -> None:
        """Tell a final status; `said`: by the far end, not by us for want of an answer."""
        if self.wanted.party == "sip":
            await self.apply(inputs.SipFailed(self.leg_id, code, headers))
        elif code in (408, 503) and not said:
            await self.apply(inputs.MediaFailed(self.wanted.attempt_id, "unreachable"))  # it vanished
        elif (word := rejected_as(code)) is not None:
            await self.apply(inputs.Reject(self.leg_id, self.wanted.device_id, word))
        else:
            await self.apply(inputs.AttemptFailed(self.wanted.attempt_id, f"sip_{code}"))

    async def broke(self) -> None:
        """A fault of ours before the answer ends this attempt, and no other device's."""
        if self.talking:
            await super().broke()
        else:
            await self.failed(500, ())

    async def give_up(self, view: LegView) -> None:
        """CANCEL, and see it to its end so that a crossing answer gets its BYE."""
        await self.call.hangup(why_cancelled(view))
        try:
            async with asyncio.timeout(40):
                while not self.call.finished:
                    await self.inbox.get()
        except TimeoutError:
            return


def forms_of(wanted: OutboundAttempt, way: Route) -> tuple[Form, ...]:
    """The forms of a way's offer, in the order to try them; one over ICE has a single one."""
    forms = way.policy.forms
    return forms[:1] if over_ice(wanted.offer) else forms


def invite(edge: EdgeContext, wanted: OutboundAttempt, way: Route, form: Form) -> DialogClientSession:
    """Send the INVITE of one way. Raises ValueError for a contact that is none."""
    return edge.agent.invite(
        way.uri,
        offered(wanted.offer, form, way.policy),
        from_=way.from_,
        to=way.to,
        headers=way.headers,
        credentials=way.credentials,
        hops=way.hops,
        fixed=way.fixed,
        networks=way.networks,
        session_seconds=way.session_seconds,
    )


async def line_for(edge: EdgeContext, wanted: OutboundAttempt) -> OutboundLeg | None:
    """The line of a claimed attempt; None where it leads nowhere, which the call has then been told."""
    ways = await db_threads.run(routes.routes_to, wanted, edge.host)
    code = 404
    if ways and ways[0].direct:
        try:
            rows = await db_threads.run(destinations.all_gateways)
            ways = [await destinations.judged(edge.agent.resolver, ways[0], wanted.project_id, rows)]
        except NoRoute:
            ways = []
        except destinations.LeadsToGateway:
            ways, code = [], 403
    able = [way for way in ways if way.policy.forms]
    if able:
        return OutboundLeg(edge, wanted, able)
    await undialled(wanted, 488 if ways else code)
    return None


async def undialled(wanted: OutboundAttempt, code: int) -> None:
    """No INVITE could be sent for an attempt: tell its call; `code` is what a trunk's leg ends with."""
    failed = (
        inputs.SipFailed(wanted.leg_id, code)
        if wanted.party == "sip"
        else inputs.AttemptFailed(wanted.attempt_id, "sip_488" if code == 488 else "unreachable")
    )
    await retry_db(control.apply, wanted.call_id, failed)
