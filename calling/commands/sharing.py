"""A shared screen or a further camera: a leg of its own beside the leg of the party that shares it.

In a room it is one more member, though the room be locked; in a call between two the other party sees it
beside the party's camera where its device takes two pictures, else instead of it. It is a call of its own in
the same media session, so that it ends alone.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.conf import settings

import clock
from calling import models
from calling.calls import control, room_sessions
from calling.commands import call_limits, leg_selection, routing
from calling.commands.params import as_form, invalid
from calling.commands.routing import DialRequest
from calling.machine.inputs import Refused
from calling.machine.states import Call, Leg, Party, Role
from calling.media_sessions import placement
from calling.media_sessions.placement import start_session
from calling.models.ids import uuid7
from tokens.subjects import TokenHolder

MOST_PARTS = 4  # of one party at once


def share(
    holder: TokenHolder, call_id: str, leg_id: str | None, part: str, sdp: object, device_id: str
) -> tuple[str, str]:
    """Let the party of `leg_id` (None: its only leg there) show one more picture; (call id, leg id) of that.

    `part`: "screen" or "device". Raises InvalidParams where nobody could see it, Refused before the answer.
    """
    form = as_form({"sdp": sdp})
    offer = form.sdp(required=True)
    form.check()
    call, owner = leg_selection.own_leg(holder, call_id, leg_id, device_id)
    if not owner.answered:
        raise Refused(f"The leg is {owner.state.value}; it must be answered.", owner.state.value)
    if models.Leg.objects.filter(part_of=owner.id).exclude(state="ended").count() >= MOST_PARTS:
        raise invalid("screenShare", f"A party can share at most {MOST_PARTS} screens and devices.")
    request = DialRequest(to="", sdp=offer, device_id=device_id)
    caller = replace(routing.caller_leg(holder, request, None), part=part, part_of=owner.id)
    callee = audience(call, owner, caller)

    def work() -> tuple[str, str]:
        main = models.Call.objects.get(pk=call.id)
        in_room = callee.app == "room"
        shared = Call(
            id=str(uuid7()),
            legs=(caller, callee),
            ring_seconds=settings.CALLWRIGHT_RING_SECONDS,
            max_seconds=settings.CALLWRIGHT_MAX_CALL_SECONDS,
        )
        row = models.Call(
            id=UUID(shared.id),
            project_id=holder.project_id,
            kind="room" if in_room else main.kind,
            from_address=holder.address,
            from_name=holder.display_name,
            to_address=callee.address,
            created_at=clock.now(),
        )
        row.session = placement.session_for(holder.project_id, callee.app_ref) if in_room else main.session
        call_limits.admit(holder, shared)
        control.open_call(row, shared)
        if row.session is not None and row.session.state == "wanted":
            start_session(row.session)
        return shared.id, caller.id

    return control.in_transaction(work)


def audience(call: Call, owner: Leg, caller: Leg) -> Leg:
    """The leg that stands for who is to see it. Raises InvalidParams where there is nobody."""
    room = room_sessions.room_leg(call, owner)
    if room is not None:
        return Leg(
            str(uuid7()), Role.CALLEE, Party.APP, room.address, room.name, app="room", app_ref=room.app_ref
        )
    other = call.counterpart(owner.id)
    if other is None or other.party is Party.APP:
        raise invalid("screenShare", "There is nobody to share with.", "not_supported")
    if caller.media.video and not other.media.receive_video and not takes_more_lines(other):
        raise invalid("screenShare", "The other party does not receive video.", "not_supported")
    return Leg(str(uuid7()), Role.CALLEE, Party.APP, other.address, other.name, app="share", app_ref=owner.id)


def takes_more_lines(leg: Leg) -> bool:
    """Whether its device can be asked for a line that a picture comes in (`call.update`)."""
    return leg.kind == "phone" and placement.can_be_asked(leg)
