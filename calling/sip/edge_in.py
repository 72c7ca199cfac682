"""A call that reaches us: from a subscriber's phone with its rights, from a gateway for our numbers."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import DatabaseError
from django.utils import timezone

from calling import control, models, placing
from calling.dialling import DialRequest
from calling.machine import inputs
from calling.sip import edge_routes, edge_rows
from calling.sip.client_call import ClientCall
from calling.sip.edge_line import Line, insist, rows
from calling.sip.edge_rows import TRUNK
from calling.sip.edge_words import View, dialled, problem_status, status_of, wishes
from calling.sip.notices import Failed, Finished
from calling.sip.server_call import ServerCall
from calling.sip.values import Replaces, parse_address, parse_uri, uri_text
from subscribers.http import problems
from tokens.subjects import Entry, TokenHolder

if TYPE_CHECKING:
    from calling.sip.edge import Edge


class IncomingLine(Line):
    """The caller's side of a call that was placed."""

    call: ServerCall

    async def carry(self) -> None:
        answered = False
        while not answered:
            item = await self.inbox.get()
            match item:
                case View():
                    if item.leg_state == "ended":
                        await self.call.hangup(status_of(item))
                        return
                    answered = await self.follow(item)
                case Finished() | Failed():
                    await self.apply(inputs.Hangup(self.leg_id))
                    return
                case _:
                    pass
        await self.talk()

    async def follow(self, view: View) -> bool:
        if view.leg_state == "answered" and view.answer is not None:
            if await self.call.answer(view.answer):
                return True
            await self.apply(inputs.Hangup(self.leg_id))
        elif view.early_media and view.answer is not None and self.call.local_sdp is None:
            await self.call.ring(sdp=view.answer)
        elif view.call_state == "ringing" and self.call.local_sdp is None:
            await self.call.ring()
        return False


async def take(edge: Edge, call: ServerCall) -> None:
    """Decide an INVITE (Agent's on_invite): place the call, or refuse it with the fitting status."""
    if call.offer is None:
        await call.reject(488)  # a device offers, the platform answers: a late offer has no place here
        return
    if call.replaces is not None:
        await replace(edge, call, call.replaces)
        return
    try:
        placed = await rows(place, call, call.account, edge.names)
    except problems.ApiError as error:
        await call.reject(problem_status(error.status))
        return
    except DatabaseError:
        await call.reject(503, headers=[("Retry-After", "5")])
        return
    row, leg_id, holder = placed
    line = IncomingLine(edge, leg_id, leg_id, str(row.id), call)
    if call.account and not call.account.startswith(TRUNK):
        line.holder = holder
    claimed = await insist(edge_rows.claim, leg_id, line.call_id, leg_id, None, edge.id, "in")
    if not claimed:
        await call.reject(500)
        await insist(control.apply, line.call_id, inputs.Hangup(leg_id))
        return
    edge.begin(line)


async def replace(edge: Edge, call: ServerCall, replaces: Replaces) -> None:
    """Another phone of the same subscriber takes over an answered call that this edge carries."""
    try:
        found = await rows(replaced, call.account, replaces)
    except DatabaseError:
        await call.reject(503, headers=[("Retry-After", "5")])
        return
    line = next((line for line in edge.lines.values() if line.leg_id == found), None)
    if line is None or not (isinstance(line.call, ClientCall) or line.call.answered):
        await call.reject(481)
        return
    if replaces.early_only:
        await call.reject(486)
        return
    await line.taken_over(call)


def replaced(account: str, replaces: Replaces) -> str | None:
    """The leg of a dialog of the same subscriber; a gateway may replace nothing."""
    found = edge_rows.holder_of(account) if not account.startswith(TRUNK) else None
    leg = edge_rows.leg_of_dialog(replaces, str(found[0].subscriber_id)) if found is not None else None
    return leg[1] if leg is not None else None


def place(call: ServerCall, account: str, names: frozenset[str]) -> tuple[models.Call, str, TokenHolder]:
    """The call's row, its caller's leg and who it acts as. Raises ApiError."""
    holder, texts, device_id = (
        trunk(call, account) if account.startswith(TRUNK) else phone(call, account, names)
    )
    headers = {name: value for name, value in call.headers}
    refusal: problems.ApiError = problems.NotFound("Nothing answers to that destination.")
    for text in texts:
        request = DialRequest(
            to=text, sdp=call.offer, device_id=device_id, device_kind="sip", sip_headers=headers
        )
        try:
            row = placing.dial(holder, request)
        except problems.NotFound as error:
            refusal = error
            continue
        leg = models.Leg.objects.get(call_id=row.id, role="caller")
        return row, str(leg.id), holder
    raise refusal


def phone(call: ServerCall, account: str, names: frozenset[str]) -> tuple[TokenHolder, list[str], str]:
    found = edge_rows.holder_of(account)
    if found is None:
        raise problems.Forbidden()
    holder, endpoint = found
    assert call.dialog is not None
    contact = str(edge_rows.device_id_of(endpoint.id, call.dialog.remote_target))
    known = models.Device.objects.filter(pk=contact).exists()
    return holder, wishes(str(call.request.uri), names), contact if known else str(uuid4())


def trunk(call: ServerCall, account: str) -> tuple[TokenHolder, list[str], str]:
    """A caller from the telephone network may reach the address of the number, and nothing else."""
    found = edge_routes.inbound(account.removeprefix(TRUNK), dialled(call.request))
    if found is None:
        raise problems.NotFound()
    shown = "anonymous"
    with contextlib.suppress(ValueError):
        shown = (parse_uri(uri_text(call.request.headers["From"])).user or shown)[:64]
    name = ""
    with contextlib.suppress(ValueError, AttributeError):
        name = (getattr(parse_address(call.request.headers["From"]), "name", "") or "")[:100]
    holder = TokenHolder(
        project_id=found.project_id,
        kind="guest",
        subscriber_id=None,
        address=shown,
        jti=uuid4(),
        expires_at=timezone.now() + timedelta(hours=24),
        allowed=(Entry("address", str(found.address_id)),),
        display_name="".join(c for c in name if c.isprintable()) or shown,
    )
    return holder, [found.number], str(uuid4())
