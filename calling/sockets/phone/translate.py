"""From events to the messages of docs/contract.md#device-socket, as one device should hear them.

Pure: no rows, no clock.

`ClientView` remembers what a device was told about one of its legs; `messages_for` takes the news of that
leg's call and returns what remains to be said, in order, exactly once. It is one file, because
a message is left out where another has said the same: their order is the rule that lives here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from calling.machine.states import (
    AttemptState,
    Call,
    Leg,
    LegState,
    MediaState,
    Party,
    Role,
)
from calling.sdp import model
from calling.sdp.validate import BadSdp

if TYPE_CHECKING:
    from calling.sockets.call_updates import CallEvent, CallUpdate
    from calling.sockets.participants import Participant

Message = dict[str, Any]
MOST_PICTURES = 9  # of a room on one device; an SDP holds 12 sections
MOST_MEMBERS = 50  # listed in one `call.members`
DONE_HERE = (AttemptState.ANSWERED_ELSEWHERE, AttemptState.REJECTED, AttemptState.CANCELLED)


@dataclass(frozen=True)
class Member:
    """Somebody in a room, or in a conversation of three, as the others are told of them."""

    leg_id: str
    address: str
    name: str
    muted: bool
    hand_raised: bool
    sharing: bool
    you: bool


Company = tuple[str | None, int, tuple[Member, ...]]  # name of the room, how many are there, who


@dataclass(frozen=True)
class ClientView:
    """What a device knows of one of its legs. `call_id` is the id by which it knows the call."""

    call_id: str
    leg_id: str
    sequence: int = 0
    rung: bool = False  # call.incoming, or call.ringing for a caller
    answered: bool = False
    held_by: str | None = None
    recorded: bool = False
    serial: int = 0  # of the offer whose answer was told
    asked: int = 0  # the serial for which a fresh offer was asked
    other: tuple[str, int] | None = None  # the other party's leg and serial, to see its re-offers
    follows: bool = False  # it wants to be told who is in the room
    members: Company = (None, 0, ())  # that it was told of
    three: bool = False  # it is in a conversation of three
    part_of: str | None = None  # the leg of this device whose shared screen it is
    pictures: tuple[int, int] = (0, 0)  # lines offered and pictures to see, when more lines were asked for
    ended: bool = False


def initial_view(leg_id: str, news: CallUpdate, device_id: str) -> ClientView:
    """What to begin with for a leg that this socket did not make: nothing that is over is told again."""
    leg = news.call.leg(leg_id)
    assert leg is not None
    mine = leg.device_id == device_id
    return ClientView(
        news.call.id,
        leg_id,
        news.sequence,
        rung=mine and (leg.role is not Role.CALLER or news.call.ringing_at is not None),
        answered=mine and leg.answered,
        held_by=news.call.held_by(leg_id) if mine else None,
        serial=leg.serial if leg.media_state is MediaState.CONNECTED else leg.serial - 1,
        other=other_serial(news.call, leg_id),
        part_of=leg.part_of,
    )


def messages_for(told: ClientView, news: CallUpdate, device_id: str) -> tuple[ClientView, list[Message]]:
    """The messages that a device has not had yet, and what it then knows."""
    messages: list[Message] = []
    leg = news.call.leg(told.leg_id)
    if leg is not None and leg.part_of != told.part_of:
        told = replace(told, part_of=leg.part_of)
    if leg is not None and told.rung and not told.answered:
        lost = lost_ring(leg, device_id)
        if lost is not None:
            messages.append(ended(told.call_id, *lost))
            return replace(told, ended=True), messages
    if leg is not None and not told.rung and rings_here(leg, device_id):
        messages.append(incoming(told.call_id, news, leg))
        told = replace(told, rung=True)
    told = tell_answer(told, leg, device_id, messages)
    regrouped = False
    for said in news.after(told.sequence):
        regrouped = regrouped or joins_anew(said, told.leg_id, leg)
        told = tell_event(told, said, leg, device_id, messages)
        if told.call_id != news.call.id:
            return told, messages  # it has moved: the events of the other call have numbers of their own
        told = replace(told, sequence=said.sequence)
        if told.ended:
            return told, messages
    if leg is not None and leg.live:
        if regrouped and told.answered:
            messages.extend(parties(told.call_id, news, leg))
        if told.answered:
            told = tell_recording(told, news, messages)
            told = tell_members(told, news, leg, messages)
        told = ask_for_offer(told, news.call, leg, device_id, messages)
        told = ask_for_lines(told, pictures_for(news, leg), leg, device_id, messages)
    return told, messages


def rings_here(leg: Leg, device_id: str) -> bool:
    attempt = leg.newest_attempt(device_id)
    ringing = attempt is not None and attempt.state is AttemptState.RINGING
    return ringing and leg.state is LegState.RINGING


def lost_ring(leg: Leg, device_id: str) -> tuple[str, str] | None:
    """(reason, cause) when the ringing of this device is over while its leg goes on, or went to another."""
    attempt = leg.newest_attempt(device_id)
    if attempt is None or leg.device_id == device_id or attempt.state not in DONE_HERE:
        return None
    if attempt.state is AttemptState.ANSWERED_ELSEWHERE:
        return "cancelled", "answered_elsewhere"
    if leg.state is LegState.ENDED:
        return None  # the leg's own end says why
    return attempt.reason or "cancelled", "normal"


def tell_answer(told: ClientView, leg: Leg | None, device_id: str, messages: list[Message]) -> ClientView:
    """`sdp.answer`, before whatever happened next: also for a call that was over as soon as it began."""
    if leg is None or leg.offered or leg.answer is None or leg.device_id != device_id:
        return told
    if leg.serial <= told.serial or (told.serial and not leg.live):
        return told
    messages.append({"type": "sdp.answer", "call_id": told.call_id, "sdp": leg.answer})
    return replace(told, serial=leg.serial)


def tell_event(
    told: ClientView, said: CallEvent, leg: Leg | None, device_id: str, messages: list[Message]
) -> ClientView:
    """One event in the view of one leg."""
    own = said.leg(told.leg_id)
    moved = said.facts.get("new_call_id")
    if said.type == "call.transferred" and said.leg_id == told.leg_id and moved:
        if told.rung or told.answered:
            messages.append({"type": "call.transferred", "call_id": told.call_id, "new_call_id": moved})
        # In the call it moved to, only what comes after the move is news.
        return replace(told, call_id=str(moved), sequence=0)
    if own is None:
        return told
    told = tell_progress(told, said, own, leg, device_id, messages)
    if told.answered and own["state"] == "answered":
        told = tell_hold(told, own, messages)
        talk_messages(told, said, messages)
    if own["state"] == "ended" and not told.ended:
        if told.rung or told.answered or own["role"] == "caller":
            messages.append(
                ended(told.call_id, own["end_reason"], own.get("end_cause") or "normal", said.call)
            )
        told = replace(told, ended=True)
    return told


def tell_progress(
    told: ClientView,
    said: CallEvent,
    own: Mapping[str, Any],
    leg: Leg | None,
    device_id: str,
    messages: list[Message],
) -> ClientView:
    if own["role"] == "caller" and said.type == "call.ringing" and not told.rung:
        messages.append({"type": "call.ringing", "call_id": told.call_id})
        told = replace(told, rung=True)
    if own["state"] == "answered" and not told.answered and (leg is None or leg.device_id == device_id):
        messages.append({"type": "call.answered", "call_id": told.call_id})
        told = replace(told, answered=True)
    return told


def tell_hold(told: ClientView, own: Mapping[str, Any], messages: list[Message]) -> ClientView:
    held_by = own["held_by"]
    if held_by == told.held_by:
        return told
    if held_by is None:
        messages.append({"type": "call.resumed", "call_id": told.call_id})
    else:
        messages.append({"type": "call.held", "call_id": told.call_id, "held_by": held_by})
    return replace(told, held_by=held_by)


def tell_recording(told: ClientView, news: CallUpdate, messages: list[Message]) -> ClientView:
    """Whether the call, or the room it is in, is being recorded now: everybody in it is told."""
    recorded = bool(news.recordings or (news.room is not None and news.room.recordings))
    if recorded == told.recorded:
        return told
    messages.append({"type": "call.recording", "call_id": told.call_id, "recording": recorded})
    return replace(told, recorded=recorded)


def tell_members(told: ClientView, news: CallUpdate, leg: Leg, messages: list[Message]) -> ClientView:
    """Who is in the room or conversation of three with this leg, where its device follows that."""
    three = news.room is None and len(news.call.company(leg.id)) > 1
    if told.three and not three:
        messages.extend(parties(told.call_id, news, leg))  # two are left
    if three != told.three:
        told = replace(told, three=three)
    people = members_of(news, leg) if told.follows else ()
    room = news.room.name if news.room is not None and told.follows else None
    now = (room, len(people), people[:MOST_MEMBERS])
    if now == told.members:
        return told
    listed = [asdict(each) for each in people[:MOST_MEMBERS]]
    messages.append(
        {
            "type": "call.members",
            "call_id": told.call_id,
            "room": room,
            "count": len(people),
            "members": listed,
        }
    )
    return replace(told, members=now)


def members_of(news: CallUpdate, leg: Leg) -> tuple[Member, ...]:
    people: tuple[Leg | Participant, ...]
    if news.room is not None:
        people = news.room.people
    elif len(news.call.company(leg.id)) > 1:
        answered = (each for each in news.call.live_legs if each.answered and each.party is not Party.APP)
        people = (*answered, *news.parts)
    else:
        return ()
    share = {each.part_of for each in people if each.part}
    return tuple(
        Member(
            each.id,
            each.address,
            each.name or each.address,
            "audio" in each.muted,
            each.settings.hand_raised,
            each.id in share,
            each.id == leg.id,
        )
        for each in people
        if not each.part
    )


def talk_messages(told: ClientView, said: CallEvent, messages: list[Message]) -> None:
    """Mute, digits, captions and transfers. `by` says whose they are: this leg's, or the other party's."""
    own, facts, message = said.leg_id == told.leg_id, said.facts, {"call_id": told.call_id}
    by = "local" if own else "remote"
    match said.type:
        case "call.muted" | "call.unmuted":
            messages.append({"type": said.type, **message, "channels": facts["channels"], "by": by})
        case "call.dtmf" if not own or facts.get("source") == "command":
            messages.append({"type": "call.dtmf", **message, "digit": facts["digit"], "by": by})
        case "transcribe.partial" | "transcribe.final" if facts.get("captions"):
            final = said.type == "transcribe.final"
            messages.append(
                {"type": "call.caption", **message, "text": facts["text"], "final": final, "by": by}
            )
        case "call.user_event" if own:
            messages.append({"type": "call.user_event", **message, "event": facts["event"]})
        case "call.transfer_requested" if own:
            messages.append({"type": "call.transferring", **message, "to": facts["to"]})
        case "call.transferred" if own:
            messages.append({"type": "call.transferred", **message, "to": facts["to"]})
        case "call.transfer_failed" if own:
            reason = {"reason": facts["reason"], "cause": facts.get("cause", "normal")}
            messages.append({"type": "call.transfer.failed", **message, **reason})
        case "leg.media_lost" if own and facts.get("reason") == "codec":
            # Its picture comes in a codec that the other party lacks: the answer will list another first.
            messages.append({"type": "call.update", **message, "reason": "new_tracks"})
        case _:
            pass


def ask_for_offer(
    told: ClientView, call: Call, leg: Leg, device_id: str, messages: list[Message]
) -> ClientView:
    """`call.update`: the media moved to another worker, or the other party brought new tracks."""
    if leg.device_id != device_id or leg.offered:
        return told
    moved = leg.offer is None and leg.answer is None and leg.peer_id is not None
    lost = moved and leg.serial > max(1, told.serial)
    if lost and leg.serial > told.asked:
        messages.append({"type": "call.update", "call_id": told.call_id, "reason": "media_moved"})
        told = replace(told, asked=leg.serial)
    other = call.counterpart(leg.id)
    now = (other.id, other.serial) if other is not None else None
    before = told.other
    if other is not None and before is not None and before[0] == other.id and other.serial > before[1]:
        missing = sent_kinds(other.offer) - offered_kinds(leg.offer)
        if missing and not other.offered and leg.offer is not None:
            messages.append({"type": "call.update", "call_id": told.call_id, "reason": "new_tracks"})
    return replace(told, other=now) if now != before else told


def pictures_for(news: CallUpdate, leg: Leg) -> int:
    """How many pictures this leg may be shown at once; 0 where the lines of its offer are enough."""
    if news.room is not None or news.pictured:
        people = news.room.people if news.room is not None else ()
        own = {leg.id} | {each.id for each in people if each.part_of == leg.id}
        return len(news.pictured - own) if leg.media.receive_video else 0
    others = news.call.company(leg.id)
    screens = sum(1 for each in news.parts if each.shown and each.part_of != leg.id)
    cameras = sum(1 for each in others if each.media.video) if leg.media.receive_video else 0
    return screens + cameras if screens or len(others) > 1 else 0


def ask_for_lines(
    told: ClientView, pictures: int, leg: Leg, device_id: str, messages: list[Message]
) -> ClientView:
    """`call.update` for a line per picture; asked again only where either number has changed."""
    ready = leg.media_state is MediaState.CONNECTED and leg.device_id == device_id and not leg.offered
    if not ready or leg.serial > told.serial:
        return told
    lines = sum(1 for kind, used, _ in sections(leg.offer) if kind == "video" and used)
    now = lines, min(pictures, MOST_PICTURES)
    if now[1] <= lines or now == told.pictures:
        return told
    message = {"type": "call.update", "call_id": told.call_id, "reason": "new_tracks", "pictures": now[1]}
    messages.append(message)
    return replace(told, pictures=now)


def other_serial(call: Call, leg_id: str) -> tuple[str, int] | None:
    other = call.counterpart(leg_id)
    return (other.id, other.serial) if other is not None else None


@lru_cache(maxsize=256)  # a call's descriptions are looked at with each of its changes
def sections(sdp: str | None) -> tuple[tuple[str, bool, bool], ...]:
    """(kind, in use, sends) of every media section, from its maker's point of view."""
    try:
        found = model.of_phone(sdp).sections
    except BadSdp:
        return ()
    return tuple((each.kind, not each.rejected, each.direction in ("sendrecv", "sendonly")) for each in found)


def sent_kinds(sdp: str | None) -> set[str]:
    return {kind for kind, used, sends in sections(sdp) if used and sends and kind in ("audio", "video")}


def offered_kinds(sdp: str | None) -> set[str]:
    return {kind for kind, used, _ in sections(sdp) if used}


def incoming(call_id: str, news: CallUpdate, leg: Leg) -> Message:
    """`media` is the view of the party that calls: the caller, or who waits for a transfer's target."""
    caller = news.call.rung_for(leg)
    shown_from, shown_name = (news.from_address, news.from_name) if caller is None else shown(news, caller)
    return {
        "type": "call.incoming",
        "call_id": call_id,
        "from": shown_from,
        "from_name": shown_name,
        "to": leg.address if leg.role is Role.TARGET else news.to_address,
        "media": asdict(caller.media if caller is not None else leg.media.counterpart()),
        **({"user_variables": dict(news.variables)} if news.variables else {}),
    }


def joins_anew(said: CallEvent, leg_id: str, leg: Leg | None) -> bool:
    """Whether an event gave this leg another party. Who was rung for a transfer knows it already."""
    if said.type != "call.transferred" or "target_leg_id" not in said.facts or said.leg(leg_id) is None:
        return False
    return said.facts["target_leg_id"] != leg_id or (leg is not None and leg.former_call_id is not None)


def parties(call_id: str, news: CallUpdate, leg: Leg) -> list[Message]:
    """`call.parties`: the ends of the call as this leg has them now, in the order of its direction."""
    other = news.call.counterpart(leg.id)
    if other is None:
        return []
    (caller, caller_name), (callee, callee_name) = ends(news, leg, other)
    message: Message = {"type": "call.parties", "call_id": call_id}
    return [message | {"from": caller, "from_name": caller_name, "to": callee, "to_name": callee_name}]


def ends(news: CallUpdate, leg: Leg, other: Leg) -> list[tuple[str, str]]:
    """What is shown of a leg and of who talks with it, in the order of the leg's direction."""
    both = [shown(news, leg), shown(news, other)]
    return both if leg.role is Role.CALLER else both[::-1]


def shown(news: CallUpdate, leg: Leg) -> tuple[str, str]:
    """The address and name of a party as others see it."""
    return (news.from_address, news.from_name) if leg.role is Role.CALLER else (leg.address, leg.name)


def ended(call_id: str, reason: str | None, cause: str, call: Mapping[str, Any] | None = None) -> Message:
    message: Message = {
        "type": "call.ended",
        "call_id": call_id,
        "reason": reason or "hangup",
        "cause": cause,
    }
    if call and call.get("sip_code") is not None:
        message |= {"sip_code": call["sip_code"], "sip_headers": call.get("sip_headers") or {}}
    return message


def summary(news: CallUpdate, leg: Leg, call_id: str) -> Message:
    """One entry of `calls`. After a transfer it names those who talk now, as `call.parties` did."""
    held = news.call.held_by(leg.id) is not None
    caller, callee = news.from_address, news.to_address
    other = news.call.counterpart(leg.id)
    if other is not None and Role.TARGET in (leg.role, other.role) and news.call.role(Role.CALLER):
        (caller, _), (callee, _) = ends(news, leg, other)
    return {
        "id": call_id,
        "from": caller,
        "to": callee,
        "state": "held" if held else "active" if leg.answered else "ringing",
        "direction": "outbound" if leg.role is Role.CALLER else "inbound",
        **({"share": True} if leg.part else {}),
    }
