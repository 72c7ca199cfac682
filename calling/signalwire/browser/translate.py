"""From the news of a call to the events one SignalWire client should hear. No rows, no clock.

`ClientView` is what the client knows of one of its legs, under the client's own call id; `messages_for`
returns what remains to be said, exactly once and in order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from calling.machine.states import Attempt, AttemptState, Call, Leg, LegState, MediaState, Role
from calling.signalwire.browser import capabilities, rpc, shapes
from calling.sockets import participants
from calling.sockets.participants import Participant, Participants

if TYPE_CHECKING:
    from calling.sockets.call_updates import CallUpdate

Message = dict[str, Any]
RINGS = (AttemptState.PREPARING, AttemptState.RINGING)


@dataclass(frozen=True)
class ClientView:
    """What a client was told of a leg. `client_id` is the callID it goes by; `call_id` is ours."""

    call_id: str
    leg_id: str
    client_id: str = ""
    outbound: bool = True
    sequence: int = 0
    rung: bool = False  # verto.invite was sent
    answered: bool = False  # verto.answer was sent, or came from the client
    here: Participants | None = None  # the company it was told of, once it has joined
    capabilities: tuple[str, ...] = ()
    part_of: str | None = None  # the leg of the client whose shared screen or further camera this is
    ended: bool = False


def initial_view(leg_id: str, news: CallUpdate, device_id: str, client_id: str | None) -> ClientView | None:
    """What to begin with for a leg this socket did not make; None where the client cannot know it."""
    leg = news.call.leg(leg_id)
    if leg is None or not leg.live:
        return None
    mine = leg.device_id == device_id
    if mine and leg.role is Role.CALLER:
        if client_id is None:
            return None
        # Media that flows proves that the client has its answer; a second one would end its call.
        has_answer = leg.media_state is MediaState.CONNECTED
        told = ClientView(news.call.id, leg_id, client_id, sequence=news.sequence, answered=has_answer)
        return replace(told, part_of=leg.part_of)
    attempt = leg.newest_attempt(device_id)
    if attempt is None:
        return None
    told = ClientView(news.call.id, leg_id, attempt.id, outbound=False, sequence=news.sequence)
    return replace(told, rung=True, answered=True) if mine else told


def messages_for(
    told: ClientView, news: CallUpdate, device_id: str, subscriber: bool
) -> tuple[ClientView, list[Message]]:
    """The events that the client has not had yet, and what it then knows. `subscriber`: it is no guest."""
    messages: list[Message] = []
    for said in news.after(told.sequence):
        told = replace(told, sequence=said.sequence)
        moved = said.facts.get("new_call_id")
        if said.type == "call.transferred" and said.leg_id == told.leg_id and moved:
            return replace(told, call_id=str(moved), sequence=0), []
        if said.type == "call.user_event" and said.leg_id == told.leg_id:
            own = {**said.facts["event"], "call_id": told.client_id}
            messages.append(rpc.event("user_event", own))
    told, more = state_messages(told, news, device_id, subscriber)
    return told, messages + more


def state_messages(
    told: ClientView, news: CallUpdate, device_id: str, subscriber: bool
) -> tuple[ClientView, list[Message]]:
    """What the client must still hear for the call as it is now."""
    leg = news.call.leg(told.leg_id)
    if leg is None:
        return told, []  # it has moved: the event that says so comes with the next look
    if not told.outbound and not told.answered:
        return tell_ringing(told, news, leg, device_id, subscriber)
    if not leg.live:
        return over(told, leg.end_reason, leg.end_cause)
    return talk_messages(told, news, leg, subscriber)


def tell_ringing(
    told: ClientView, news: CallUpdate, leg: Leg, device_id: str, subscriber: bool
) -> tuple[ClientView, list[Message]]:
    """A leg that rings here: the invitation, and how it ended without this client."""
    attempt = leg.newest_attempt(device_id)
    if leg.device_id == device_id and leg.answered:
        return talk_messages(replace(told, answered=True), news, leg, subscriber)
    if attempt is not None and attempt.id != told.client_id and attempt.state in RINGS and leg.live:
        # The client was away and is rung anew, with another offer: another call to it.
        messages = [bye(told.client_id, "cancelled", None)] if told.rung else []
        told = replace(told, client_id=attempt.id, rung=False)
        again, more = tell_ringing(told, news, leg, device_id, subscriber)
        return again, messages + more
    if attempt is None or not leg.live or attempt.state not in RINGS:
        if leg.live and attempt is not None and attempt.state is AttemptState.GONE:
            return told, []  # it may come back
        elsewhere = attempt is not None and attempt.state is AttemptState.ANSWERED_ELSEWHERE
        return over(told, leg.end_reason or "cancelled", "answered_elsewhere" if elsewhere else None)
    ready = attempt.state is AttemptState.RINGING and attempt.offer is not None
    if told.rung or not ready or leg.state is not LegState.RINGING:
        return told, []
    return replace(told, rung=True), [invite(told.client_id, news, leg, attempt)]


def talk_messages(
    told: ClientView, news: CallUpdate, leg: Leg, subscriber: bool
) -> tuple[ClientView, list[Message]]:
    """The answer, and who is there; a shared screen has its answer alone, its party's leg tells the rest."""
    messages: list[Message] = []
    if told.outbound and not told.answered and leg.answered and leg.answer is not None:
        messages.append(rpc.verto_event("verto.answer", {"callID": told.client_id, "sdp": leg.answer}))
        told = replace(told, answered=True)
    if told.answered and leg.answered and told.part_of is None:
        here = company_of(told, news, leg)
        may = capabilities.capabilities_of(here, subscriber)
        before = told.here
        if before is None or before.session_id != here.session_id or may != told.capabilities:
            # Said again, it tells the SDK of the other room, or of what may be done now.
            messages.append(rpc.event("call.joined", shapes.joined(told.client_id, leg.id, here, may)))
            if here.in_room:
                messages.append(rpc.event("layout.changed", shapes.layout(told.client_id, here)))
        elif facts_of(before) != facts_of(here):
            # The SDK keeps what `call.updated` says, and pages listen for `room.updated`.
            now = shapes.updated(told.client_id, leg.id, here)
            messages += [rpc.event(kind, now) for kind in ("room.updated", "call.updated")]
        if before is not None:
            messages += tell_company(told, before, here)
        told = replace(told, here=here, capabilities=may)
    return told, messages


def facts_of(company: Participants) -> tuple[object, ...]:
    """What is true of the whole company and no participant."""
    return (company.name, company.locked, company.meta, company.recordings, company.streams)


def company_of(told: ClientView, news: CallUpdate, leg: Leg) -> Participants:
    name = news.to_address if told.outbound else news.from_address
    found = news.room or replace(
        participants.of_call(news.call, name, news.parts),
        recordings=news.recordings,
        streams=news.streams,
    )
    whole = found.including(participants.person_of(news.call.id, leg))
    return whole.with_address_ids(news.address_ids)


def tell_company(told: ClientView, former: Participants, here: Participants) -> list[Message]:
    """Who came, who left, and what is new about the others."""
    before = {each.id: each for each in former.people}
    messages: list[Message] = []

    def say(kind: str, member: Message, **more: object) -> None:
        messages.append(rpc.event(kind, shapes.about(told.client_id, here, member, **more)))

    for person in here.people:
        past = before.pop(person.id, None)
        whole = shapes.member(told.client_id, here, person, person.id == told.leg_id)
        if past is None:
            say("member.joined", whole)
            continue
        names = shapes.changes(past, person)
        if names:
            say("member.updated", whole | {"updated": names})
        if person.id == told.leg_id and flags_of(past) != flags_of(person):
            params = shapes.media_params(told.client_id, person.settings)
            messages.append(rpc.verto_event("verto.mediaParams", params))
        if past.talking != person.talking:
            talks = {"member_id": person.id, "talking": person.talking, "node_id": rpc.NODE}
            say("member.talking", talks)
    for gone in before.values():
        whole = shapes.member(told.client_id, here, gone, gone.id == told.leg_id)
        say("member.left", whole, reason="left")
    return messages


def flags_of(person: Participant) -> tuple[bool, bool, bool]:
    """The wishes to the sound processing of the participant's device."""
    own = person.settings
    return own.echo_cancellation, own.auto_gain, own.noise_suppression


def over(told: ClientView, reason: str | None, cause: str | None) -> tuple[ClientView, list[Message]]:
    """The leg is over for this client; one that never heard of it is told nothing.

    The SDK ends its whole call for a goodbye to any part of it, so a shared screen ends without one.
    """
    heard = (told.outbound or told.rung) and told.part_of is None
    messages = [bye(told.client_id, reason, cause)] if heard else []
    return replace(told, ended=True), messages


def bye(client_id: str, reason: str | None, cause: str | None) -> Message:
    return rpc.verto_event("verto.bye", {"callID": client_id, **shapes.cause_of(reason, cause)})


def caller_of(call: Call, leg: Leg, news: CallUpdate) -> tuple[str, str]:
    """(name, number) of whoever wants to talk: the caller, or who waits for a transfer's target."""
    waiting = call.leg(call.transfer.waiting) if call.transfer and leg.id in call.transfer.targets else None
    if waiting is not None and waiting.role is not Role.CALLER:
        return waiting.name, waiting.address
    return news.from_name, news.from_address


def invite(client_id: str, news: CallUpdate, leg: Leg, attempt: Attempt) -> Message:
    """`verto.invite`: the platform's offer to this client."""
    name, number = caller_of(news.call, leg, news)
    return rpc.verto_event(
        "verto.invite",
        {
            "callID": client_id,
            "sdp": attempt.offer,
            "caller_id_name": name or number,
            "caller_id_number": number,
            "callee_id_name": leg.name or leg.address,
            "callee_id_number": leg.address,
            "display_direction": "outbound",
            "userVariables": {**news.variables, "call_id": news.call.id},
        },
    )
