"""From the news of a call to the events one SignalWire client should hear. Pure: no rows, no clock.

`Told` is what the client knows of one of its legs, under the client's own call id; `tell` returns what
remains to be said, exactly once and in order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from calling.machine.states import Attempt, AttemptState, Call, Leg, LegState, MediaState, Role
from calling.signalling import company
from calling.signalling.company import Company, Person
from calling.signalling.fabric import rpc, shapes

if TYPE_CHECKING:
    from calling.signalling.news import News

Message = dict[str, Any]
RINGS = (AttemptState.PREPARING, AttemptState.RINGING)


@dataclass(frozen=True)
class Told:
    """What a client was told of a leg. `client_id` is the callID it goes by; `call_id` is ours."""

    call_id: str
    leg_id: str
    client_id: str = ""
    outbound: bool = True
    sequence: int = 0
    rung: bool = False  # verto.invite was sent
    answered: bool = False  # verto.answer was sent, or came from the client
    joined: bool = False
    seen: tuple[Person, ...] = ()  # the participants it was told of
    ended: bool = False


def my_attempt(leg: Leg, device_id: str) -> Attempt | None:
    return next((each for each in reversed(leg.attempts) if each.device_id == device_id), None)


def fresh(leg_id: str, news: News, device_id: str, client_id: str | None) -> Told | None:
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
        return Told(news.call.id, leg_id, client_id, sequence=news.sequence, answered=has_answer)
    attempt = my_attempt(leg, device_id)
    if attempt is None:
        return None
    told = Told(news.call.id, leg_id, attempt.id, outbound=False, sequence=news.sequence)
    return replace(told, rung=True, answered=True) if mine else told


def tell(told: Told, news: News, device_id: str) -> tuple[Told, list[Message]]:
    """The events that the client has not had yet, and what it then knows."""
    for said in news.after(told.sequence):
        told = replace(told, sequence=said.sequence)
        moved = said.facts.get("new_call_id")
        if said.type == "call.transferred" and said.leg_id == told.leg_id and moved:
            return replace(told, call_id=str(moved), sequence=0), []
    leg = news.call.leg(told.leg_id)
    if leg is None:
        return told, []  # it has moved: the event that says so comes with the next look
    if not told.outbound and not told.answered:
        return tell_ringing(told, news, leg, device_id)
    if not leg.live:
        return over(told, leg.end_reason, leg.end_cause)
    return tell_talk(told, news, leg)


def tell_ringing(told: Told, news: News, leg: Leg, device_id: str) -> tuple[Told, list[Message]]:
    """A leg that rings here: the invitation, and how it ended without this client."""
    attempt = my_attempt(leg, device_id)
    if leg.device_id == device_id and leg.answered:
        return tell_talk(replace(told, answered=True), news, leg)
    if attempt is not None and attempt.id != told.client_id and attempt.state in RINGS and leg.live:
        # The client was away and is rung anew, with another offer: another call to it.
        messages = [bye(told.client_id, "cancelled", None)] if told.rung else []
        told = replace(told, client_id=attempt.id, rung=False)
        again, more = tell_ringing(told, news, leg, device_id)
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


def tell_talk(told: Told, news: News, leg: Leg) -> tuple[Told, list[Message]]:
    messages: list[Message] = []
    if told.outbound and not told.answered and leg.answered and leg.answer is not None:
        messages.append(rpc.verto_event("verto.answer", {"callID": told.client_id, "sdp": leg.answer}))
        told = replace(told, answered=True)
    if told.answered and leg.answered:
        here = company_of(told, news, leg)
        if told.joined:
            messages += tell_company(told, here)
        else:
            messages.append(rpc.event("call.joined", shapes.joined(told.client_id, leg.id, here)))
        told = replace(told, joined=True, seen=here.people)
    return told, messages


def company_of(told: Told, news: News, leg: Leg) -> Company:
    name = news.to_address if told.outbound else news.from_address
    found = news.room or company.of_call(news.call, name)
    return found.including(company.person_of(news.call, leg))


def tell_company(told: Told, here: Company) -> list[Message]:
    """Who came, who left, and what is new about the others."""
    before = {each.id: each for each in told.seen}
    messages: list[Message] = []

    def say(kind: str, member: Message, **more: Any) -> None:
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
        if past.talking != person.talking:
            talks = {"member_id": person.id, "talking": person.talking, "node_id": rpc.NODE}
            say("member.talking", talks)
    for gone in before.values():
        whole = shapes.member(told.client_id, here, gone, gone.id == told.leg_id)
        say("member.left", whole, reason="left")
    return messages


def over(told: Told, reason: str | None, cause: str | None) -> tuple[Told, list[Message]]:
    """The leg is over for this client; one that never heard of it is told nothing."""
    messages = [bye(told.client_id, reason, cause)] if told.outbound or told.rung else []
    return replace(told, ended=True), messages


def bye(client_id: str, reason: str | None, cause: str | None) -> Message:
    return rpc.verto_event("verto.bye", {"callID": client_id, **shapes.cause_of(reason, cause)})


def caller_of(call: Call, leg: Leg, news: News) -> tuple[str, str]:
    """(name, number) of whoever wants to talk: the caller, or who waits for a transfer's target."""
    waiting = call.leg(call.transfer.waiting) if call.transfer and leg.id in call.transfer.targets else None
    if waiting is not None and waiting.role is not Role.CALLER:
        return waiting.name, waiting.address
    return news.from_name, news.from_address


def invite(client_id: str, news: News, leg: Leg, attempt: Attempt) -> Message:
    """`verto.invite`: the platform's offer to this client."""
    name, number = caller_of(news.call, leg, news)
    return rpc.verto_event(
        "verto.invite",
        {
            "callID": client_id,
            "sdp": attempt.offer,
            "caller_id_name": name or "_undef_",
            "caller_id_number": number or "_undef_",
            "callee_id_name": leg.name or leg.address,
            "callee_id_number": leg.address,
            "display_direction": "outbound",
            "userVariables": {"call_id": news.call.id},
        },
    )
