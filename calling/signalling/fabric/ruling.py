"""What a client does to others in a room, or to the room: for whom the room lets moderate. Blocking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from calling import meetings, moderation
from calling.fields import invalid
from calling.signalling.fabric import rpc
from calling.signalling.fabric.rpc import Request
from calling.signalling.fabric.translate import Told
from tokens.subjects import TokenHolder

MEMBERS = {
    "call.mute": "mute",
    "call.unmute": "unmute",
    "call.deaf": "deafen",
    "call.undeaf": "undeafen",
    "call.member.remove": "remove",
}
ROOMS = {"call.lock": "lock", "call.unlock": "unlock"}
EARS = ("call.deaf", "call.undeaf")
MOST = 50  # members in one request


def meant(request: Request, named: Callable[[str], Told | None]) -> tuple[Told, list[str]] | None:
    """The client's own call and the members that a request is about; None where it is about itself alone."""
    own = rpc.section(request.params, "self").get("call_id")
    told = named(own) if isinstance(own, str) else None
    if told is None:
        return None
    if request.method in ROOMS:
        return told, []
    if request.method not in MEMBERS:
        return None
    listed: Any = request.params.get("targets") or [request.params.get("target")]
    found = [each.get("member_id") for each in listed if isinstance(each, dict)][:MOST]
    members = [each for each in found if isinstance(each, str) and each]
    if not members or members == [told.leg_id] and request.method not in EARS:
        return None
    return told, members


def obey(holder: TokenHolder, told: Told, members: list[str], method: str) -> None:
    """Do it. Raises Invalid outside a room, Forbidden for who may not."""
    seat = meetings.present(told.leg_id).select_related("meeting__room").first()
    if seat is None:
        if members in ([], [told.leg_id]):
            return  # one's own ears, or a lock, outside a room: nothing to be done, as the client expects
        raise invalid("target", "A client acts for itself alone.", "not_permitted")
    if members == [told.leg_id] and method in EARS:
        meetings.tune(told.leg_id, deaf=method == "call.deaf")
        return
    room = moderation.moderated(holder, seat.meeting.room.name)
    if method in ROOMS:
        moderation.rule(room, ROOMS[method])
    for leg_id in members:
        moderation.rule_member(room, leg_id, MEMBERS[method], {})
