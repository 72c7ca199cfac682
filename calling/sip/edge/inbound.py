"""A call that reaches us: from a subscriber's phone with its rights, from a gateway for our numbers."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from django.db import DatabaseError

import clock
from calling import models
from calling.calls import control
from calling.commands import dial
from calling.commands.routing import DialRequest
from calling.machine import inputs
from calling.machine.reasons import Cause, EndedBy, EndReason
from calling.runtime import db_threads
from calling.sip.edge import account_policy, routes
from calling.sip.edge import rows as edge_rows
from calling.sip.edge.identity import caller_of
from calling.sip.edge.mapping import (
    LegView,
    called_users,
    destinations_of,
    problem_headers,
    problem_status,
    status_of,
)
from calling.sip.edge.media_encryption import MediaPolicy, taken
from calling.sip.edge.rows import GATEWAY_PREFIX
from calling.sip.edge.sdp_offers import fault_of
from calling.sip.edge.sip_leg import EdgeContext, SipLeg, retry_db
from calling.sip.stack.events import Confirmed, Finished, Offer, Referred, SessionFailed
from calling.sip.stack.headers import Replaces
from calling.sip.ua.client_session import DialogClientSession
from calling.sip.ua.server_session import DialogServerSession
from rest import errors
from tokens.subjects import Entry, TokenHolder


class NotAcceptable(Exception):
    """The offer has nothing that its account's policy allows."""


class InboundLeg(SipLeg):
    """The caller's side of a call that was placed."""

    call: DialogServerSession
    agreed = False  # the far end has answered the offer of our first 2xx

    async def carry(self) -> None:
        answered = False
        while not answered:
            item = await self.inbox.get()
            match item:
                case LegView():
                    if item.leg_state == "ended":
                        await self.call.hangup(status_of(item))
                        return
                    answered = await self.follow(item)
                case Finished() if item.why == "elsewhere":
                    await self.apply(inputs.Hangup(self.leg_id, cause=Cause.ANSWERED_ELSEWHERE))
                    return
                case Finished() | SessionFailed():
                    await self.apply(inputs.Hangup(self.leg_id))
                    return
                case Offer():
                    await self.offered(item)
                case Confirmed():
                    await self.confirmed(item.sdp)
                case Referred():
                    await self.referred(item)
                case _:
                    pass
        await self.talk()

    async def follow(self, view: LegView) -> bool:
        if view.leg_state == "answered" and view.answer is not None:
            self._asked = view.answer  # where it is an offer, it has been made with this
            if await self.call.answer(self.words(view.answer)):
                return True
            await self.apply(inputs.Hangup(self.leg_id))
        elif view.early_media and view.answer is not None and self.call.local_sdp is None and self.may_tell():
            await self.call.ring(sdp=self.words(view.answer))
        elif view.call_state == "ringing" and self.call.local_sdp is None:
            await self.call.ring()
        return False

    def words(self, sdp: str) -> str:
        """The worker's answer, or its offer where the INVITE had none."""
        return sdp if self.call.offer is not None else self.ours(sdp)

    def may_tell(self) -> bool:
        """An offer of ours may stand in a reliable 183 alone (RFC 3262 section 5), an answer in any."""
        return self.call.offer is not None or self.call.reliably

    async def confirmed(self, sdp: str | None) -> None:
        """Without a usable answer to the offer of our first 2xx there is no call (RFC 3261 13.2.1)."""
        first = self.call.offer is None and not self.agreed
        self.agreed = True
        left = self.theirs(sdp)
        if first and (left is None or fault_of(left) is not None):
            await self.apply(inputs.Hangup(None, EndedBy.PLATFORM, Cause.MEDIA_FAILED, EndReason.FAILED))
        else:
            await super().confirmed(sdp)


async def take(edge: EdgeContext, call: DialogServerSession) -> None:
    """Decide an INVITE (the user agent's on_invite): place the call, or refuse it with the fitting status."""
    fault = fault_of(call.offer) if call.offer is not None else None
    if fault is not None:
        await call.reject(488, headers=[("Warning", f'304 {edge.host} "{fault}"')])
        return
    if call.replaces is not None:
        await replace(edge, call, call.replaces)
        return
    try:
        placed = await db_threads.run(place, call, call.account, edge.names)
    except NotAcceptable:
        words = "The encryption of the media is not what is allowed here."
        await call.reject(488, headers=[("Warning", f'399 {edge.host} "{words}"')])
        return
    except errors.ApiError as error:
        await call.reject(problem_status(error.status), headers=problem_headers(error.headers))
        return
    except DatabaseError:
        await call.reject(503, headers=[("Retry-After", "5")])
        return
    row, leg_id, holder, policy = placed
    line = InboundLeg(edge, leg_id, leg_id, str(row.id), call)
    line.project_id, line.policy = str(row.project_id), policy
    if call.account and not call.account.startswith(GATEWAY_PREFIX):
        line.holder = holder
    facts = await retry_db(edge_rows.facts_of, call.account, call.hop.host, call.peer_allows)
    claimed = await retry_db(edge_rows.claim, leg_id, line.call_id, leg_id, None, edge.id, "in", facts)
    if not claimed:
        await call.reject(500)
        await retry_db(control.apply, line.call_id, inputs.Hangup(leg_id))
        return
    edge.begin(line)


async def replace(edge: EdgeContext, call: DialogServerSession, replaces: Replaces) -> None:
    """Another phone of the same subscriber takes over an answered call that this edge carries."""
    try:
        found = await db_threads.run(replaced, call.account, replaces)
    except DatabaseError:
        await call.reject(503, headers=[("Retry-After", "5")])
        return
    line = next((line for line in edge.lines.values() if line.leg_id == found), None)
    if line is None or not (isinstance(line.call, DialogClientSession) or line.call.answered):
        await call.reject(481)
        return
    if replaces.early_only:
        await call.reject(486)
        return
    await line.replace_session(call)


def replaced(account: str, replaces: Replaces) -> str | None:
    """The leg of a dialog of the same subscriber; a gateway may replace nothing."""
    found = edge_rows.holder_of(account) if not account.startswith(GATEWAY_PREFIX) else None
    leg = edge_rows.leg_of_dialog(replaces, str(found[0].subscriber_id)) if found is not None else None
    return leg[1] if leg is not None else None


def place(
    call: DialogServerSession, account: str, names: frozenset[str]
) -> tuple[models.Call, str, TokenHolder, MediaPolicy]:
    """The call's row, its caller's leg, who it acts as, and what is wanted of its media.

    Raises NotAcceptable where its description is not that, and ApiError.
    """
    policy = account_policy.policy_for(account, call.hop.transport)
    offer = taken(call.offer, policy) if call.offer is not None else None
    if offer is None and (call.offer is not None or not policy.forms):
        raise NotAcceptable
    send_as = None
    if account.startswith(GATEWAY_PREFIX):
        placing, texts, device_id = trunk(call, account, names)
        holder = placing
    else:
        holder, placing, texts, device_id, send_as = phone(call, account, names)
    headers = dict(call.headers)
    refusal: errors.ApiError = errors.NotFound("There is no such destination.")
    for text in texts:
        request = DialRequest(
            to=text, sdp=offer, device_id=device_id, device_kind="sip", sip_headers=headers,
            diverted_from=call.diverted_from, send_as=send_as, webrtc=call.hop.websocket,
        )  # fmt: skip
        try:
            row = dial.place(placing, request)
        except errors.NotFound as error:
            refusal = error
            continue
        leg = models.Leg.objects.get(call_id=row.id, role="caller")
        return row, str(leg.id), holder, policy
    raise refusal


def phone(
    call: DialogServerSession, account: str, names: frozenset[str]
) -> tuple[TokenHolder, TokenHolder, list[str], str, str | None]:
    """Who a phone is, as whom it dials now, what, from which device, and the number that it shows."""
    found = edge_rows.holder_of(account)
    if found is None:
        raise errors.Forbidden
    holder, endpoint = found
    assert call.dialog is not None
    if call.hop.websocket:
        known = edge_rows.device_on_flow(endpoint.id, call.hop.name)
    else:
        contact = edge_rows.device_id_of(endpoint.id, call.dialog.remote_target)
        known = contact if models.Device.objects.filter(pk=contact).exists() else None
    handler = account_policy.handler_of(endpoint)
    placing, texts = holder, destinations_of(str(call.request.uri), names)
    if handler is not None:  # chosen by the project, so the phone's own scope is not asked
        placing = dataclasses.replace(holder, allowed=(Entry("address", str(handler.id)),))
        texts = [f"/{handler.context}/{handler.name}"]
    return holder, placing, texts, str(known or clock.new_id()), account_policy.sent_as(endpoint)


def trunk(
    call: DialogServerSession, account: str, names: frozenset[str]
) -> tuple[TokenHolder, list[str], str]:
    """A caller from the telephone network may reach the address of the number, and nothing else."""
    found = routes.inbound(account.removeprefix(GATEWAY_PREFIX), called_users(call.request))
    if found is None:
        raise errors.NotFound
    assert call.dialog is not None
    call.dialog.reach += found.networks
    caller = caller_of(call.request, trusted=found.trusts, ours=names, source=call.hop.host)
    call.diverted_from = caller.diverted_from
    holder = TokenHolder(
        project_id=found.project_id,
        kind="guest",
        subscriber_id=None,
        address=caller.shown,
        jti=clock.new_id(),
        expires_at=clock.now() + timedelta(hours=24),
        allowed=(Entry("address", str(found.address_id)),),
        display_name=caller.name or caller.shown,
    )
    return holder, [found.number], str(clock.new_id())
