"""`call.*`: what a client does to its own party, to others in its room, or to the room. Blocking.

One's own party is one's own; others and the room are for whom the room lets moderate. A method either has its
effect, which all clients are told by events, or is refused by name: nothing is answered OK for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from calling import models
from calling.calls import control, queries, room_sessions, store
from calling.commands import call_commands
from calling.commands import moderation as rooms
from calling.commands.params import invalid
from calling.machine import inputs
from calling.machine.states import Settings
from calling.signalwire.browser import rpc, shapes
from calling.signalwire.browser.rpc import Message, Request
from calling.signalwire.browser.translate import ClientView
from calling.sockets import participants as company
from rest import errors
from subscribers.models import Room
from tokens.subjects import TokenHolder

MOST = 50  # members in one request
FLAGS = ("echo_cancellation", "auto_gain", "noise_suppression")
Changes = dict[str, Any]  # fields of Settings


@dataclass(frozen=True)
class Asked:
    """A request, the client's own call that it comes from, and the legs that it is about.

    own: the client's legs, its screens and cameras among them.
    """

    method: str
    told: ClientView
    members: tuple[str, ...]
    own: frozenset[str]
    params: dict[str, Any]


def read(request: Request, told: Iterable[ClientView]) -> Asked:
    """Raises InvalidParams for a method that is not there and a call that is not the client's."""
    method = request.method
    if method not in METHODS:
        raise invalid("method", f"{method[:60]} is not supported.", "not_supported")
    views = {each.client_id: each for each in told}
    targets = targets_of(request.params)
    named = [rpc.section(request.params, "self"), *targets]
    ids = (each.get("call_id") for each in named)
    mine = next((views[each] for each in ids if isinstance(each, str) and each in views), None)
    if mine is None:
        raise invalid("self", "There is no such call.", "not_found")
    members = [member_of(each, views) for each in targets] or [mine.leg_id]
    own = frozenset(each.leg_id for each in views.values())
    return Asked(method, mine, tuple(dict.fromkeys(members)), own, request.params)


def targets_of(params: dict[str, Any]) -> list[dict[str, Any]]:
    """`targets`, else `target`; none where neither came, which is the client itself. Whoever names nobody who
    can be understood did not mean themselves: raises InvalidParams."""
    listed, one = params.get("targets"), params.get("target")
    given = listed if listed is not None else [] if one is None else [one]
    if not isinstance(given, list) or len(given) > MOST or not all(isinstance(each, dict) for each in given):
        raise invalid("targets", f"targets must be at most {MOST} objects.")
    if listed is not None and not given:
        raise invalid("targets", "targets names nobody.")
    return given


def member_of(target: dict[str, Any], views: dict[str, ClientView]) -> str:
    """The leg that a target names: by its member id, else by the call that it is in. Raises NotFound for a
    call that is not the client's, InvalidParams where it names neither."""
    member, call_id = target.get("member_id"), target.get("call_id")
    if isinstance(member, str) and member:
        return member
    if not isinstance(call_id, str) or not call_id:
        raise invalid("target", "A target must have a member_id or a call_id.")
    if call_id not in views:
        raise errors.NotFound
    return views[call_id].leg_id


def handle(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    """Do it; what the answer holds besides its code. Raises what `commands.error_for` tells."""
    return METHODS[asked.method](holder, device_id, asked)


# --- the room, and lists of it ------------------------------------------------------------------


def seat_of(leg_id: str) -> models.Member | None:
    return room_sessions.present(leg_id).select_related("meeting__room").first()


def lock(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    seat = seat_of(asked.told.leg_id)
    if seat is None:
        raise invalid("self", "A call between two parties cannot be locked.", "not_supported")
    room = rooms.moderated(holder, seat.meeting.room.name)
    rooms.rule(room, asked.method.removeprefix("call."))
    return {}


def list_layouts(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    require_room(asked, "A call between two parties has no layout.")
    return {"layouts": [shapes.LAYOUT]}


def set_layout(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    """Rooms have one layout, so that it is set already; every other, and any position, is refused."""
    require_room(asked, "A call between two parties has no layout.")
    wanted = asked.params.get("layout")
    if wanted != shapes.LAYOUT:
        words = f"There is no layout {str(wanted)[:60]}; a room shows one picture ({shapes.LAYOUT})."
        raise invalid("layout", words, "not_supported")
    if asked.params.get("positions"):
        raise invalid(
            "positions", "The picture shows the active speaker; members have no positions.", "not_supported"
        )
    return {}


def list_members(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    row = queries.get(asked.told.call_id)
    call = queries.values([row])[0]
    parts = company.parts_of([call]).get(call.id, ())
    found = company.rooms_of([call]).get(call.id) or company.of_call(call, "", parts)
    ids = company.address_ids((row.project_id, each.address) for each in found.people)
    here = found.with_address_ids({address: each for (_, address), each in ids.items()})
    client_id, own = asked.told.client_id, asked.told.leg_id
    return {"members": [shapes.member(client_id, here, each, each.id == own) for each in here.people]}


# --- participants -------------------------------------------------------------------------------


def mute(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    verb = asked.method.removeprefix("call.")
    own = call_commands.mute if verb == "mute" else call_commands.unmute
    channels = asked.params.get("channels", ["audio"])
    for leg_id in asked.members:
        if leg_id in asked.own:
            own(holder, call_of(leg_id), {"channels": channels, "leg": leg_id}, device_id)
        else:
            room = room_for(holder, asked)
            rooms.rule_member(room, leg_id, verb, {"channels": channels})
    return {}


def deafen(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    deaf = asked.method == "call.deaf"
    for leg_id in asked.members:
        if leg_id not in asked.own:
            rooms.rule_member(room_for(holder, asked), leg_id, "deafen" if deaf else "undeafen", {})
        elif seat_of(leg_id) is not None:
            room_sessions.set_member(leg_id, deaf=deaf)
        else:
            change(leg_id, {"deaf": deaf})
    return {}


def leave(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    for leg_id in asked.members:
        if leg_id in asked.own:
            call_commands.hangup(holder, call_of(leg_id), {"leg": leg_id}, device_id)
        else:
            rooms.rule_member(room_for(holder, asked), leg_id, "remove", {})
    return {}


def raise_hand(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    return configure(holder, asked, {"hand_raised": asked.method == "call.raisehand"})


def set_flags(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    given = {name: asked.params[name] for name in FLAGS if name in asked.params}
    if not given or not all(isinstance(value, bool) for value in given.values()):
        raise invalid("echo_cancellation", f"One or more of {', '.join(FLAGS)} must be true or false.")
    return configure(holder, asked, given)


def set_sensitivity(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    require_room(asked)
    value = percent(asked, "sensitivity")
    return configure(holder, asked, {"input_sensitivity": value})


def set_output(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    require_room(asked)
    return configure(holder, asked, {"output_volume": percent(asked, "volume")})


def set_input(holder: TokenHolder, device_id: str, asked: Asked) -> Message:
    require_room(asked)
    volume = shapes.decibels_of(percent(asked, "volume"))
    for leg_id in asked.members:
        if leg_id in asked.own:
            room_sessions.set_member(leg_id, volume=volume)
        else:
            rooms.rule_member(room_for(holder, asked), leg_id, "volume", {"volume": volume})
    return {}


def configure(holder: TokenHolder, asked: Asked, changes: Changes) -> Message:
    """Change settings of one's own party, or as a moderator those of others in the room."""
    for leg_id in asked.members:
        if leg_id not in asked.own:
            room = room_for(holder, asked)
            if not rooms.members_of(room).filter(leg_id=uuid_of(leg_id)).exists():
                raise errors.NotFound
        change(leg_id, changes)
        room_sessions.wake_room(leg_id)
    return {}


def change(leg_id: str, changes: Changes) -> None:
    """Change some of a leg's settings; of two changes at once the later one of each field holds."""

    def work() -> None:
        world, rows = store.lock_world(call_of(leg_id))
        call = next(each for each in world.values() if each.leg(leg_id) is not None)
        leg = call.leg(leg_id)
        settings = replace(leg.settings if leg is not None else Settings(), **changes)
        control.commit_turn(world, rows, call.id, inputs.Configure(leg_id, settings))

    control.in_transaction(work)


# --- who and where ------------------------------------------------------------------------------


def room_for(holder: TokenHolder, asked: Asked) -> Room:
    """The room that both are in, for who may moderate it. Raises InvalidParams outside one, Forbidden."""
    seat = seat_of(asked.told.leg_id)
    if seat is None:
        raise invalid("target", "A client can act only on itself.", "not_permitted")
    return rooms.moderated(holder, seat.meeting.room.name)


def require_room(asked: Asked, why: str = "Volume and sensitivity are set in rooms only.") -> None:
    if seat_of(asked.told.leg_id) is None:
        raise invalid("target", why, "not_supported")


def percent(asked: Asked, name: str) -> int:
    value = asked.params.get(name)
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    if not whole or not 0 <= float(value or 0) <= 100:
        raise invalid(name, f"{name} must be a number from 0 to 100.")
    return round(float(value or 0))


def call_of(leg_id: str) -> str:
    """The call that a leg is in now. Raises NotFound."""
    found = models.Leg.objects.filter(pk=uuid_of(leg_id)).values_list("call_id", flat=True).first()
    if found is None:
        raise errors.NotFound
    return str(found)


def uuid_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise errors.NotFound from error


METHODS: dict[str, Callable[[TokenHolder, str, Asked], Message]] = {
    "call.mute": mute,
    "call.unmute": mute,
    "call.deaf": deafen,
    "call.undeaf": deafen,
    "call.raisehand": raise_hand,
    "call.lowerhand": raise_hand,
    "call.audioflags.set": set_flags,
    "call.microphone.sensitivity.set": set_sensitivity,
    "call.microphone.volume.set": set_input,
    "call.speaker.volume.set": set_output,
    "call.member.remove": leave,
    "call.end": leave,
    "call.lock": lock,
    "call.unlock": lock,
    "call.layout.list": list_layouts,
    "call.layout.set": set_layout,
    "call.member.list": list_members,
    "call.members.list": list_members,
}
