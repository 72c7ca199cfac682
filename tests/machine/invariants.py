"""What must hold in every state of every call, and at every move. Raises AssertionError."""

from __future__ import annotations

from dataclasses import replace

from calling.machine.events import Event
from calling.machine.plan import Plan, is_coming, make_plan
from calling.machine.ringing import waiting_script
from calling.machine.states import Call, CallState, Leg, Party, TimerKind, World

RANK = {CallState.CREATED: 0, CallState.RINGING: 1, CallState.ANSWERED: 2, CallState.ENDED: 3}
# The timer without which a call could live forever, by its state.
LAST = {
    CallState.CREATED: {TimerKind.SETUP, TimerKind.RING},
    CallState.RINGING: {TimerKind.RING},
    CallState.ANSWERED: {TimerKind.MAX_DURATION},
}


def check_move(before: World, after: World, events: tuple[Event, ...]) -> None:
    for call_id, was in before.items():
        now = after[call_id]
        assert RANK[now.state] >= RANK[was.state], "states never go backwards"
        ended = [event for event in events if event.type == "call.ended" and event.call_id == call_id]
        assert len(ended) == (was.live and not now.live), "exactly one call.ended"
        for leg in was.legs:
            moved = next((each for call in after.values() for each in call.legs if each.id == leg.id), None)
            assert moved is not None, "no leg is ever forgotten"
            assert leg.live or not moved.live, "an ended leg stays ended"
            assert not leg.answered or moved.answered or not moved.live, "an answered leg only ends"
        check_transfer(was, now, events)
        check_consultation(was, now, before, after)
    check_events(after, events)


def check_transfer(was: Call, now: Call, events: tuple[Event, ...]) -> None:
    """A failed transfer leaves everything as before, or the call ends with its reason."""
    failed = [e for e in events if e.type == "call.transfer_failed" and e.call_id == was.id]
    if not failed or was.transfer is None or not now.live:
        return
    transfer = was.transfer
    assert now.transfer is None
    kept = [leg for leg in was.legs if leg.live and leg.id not in transfer.targets]
    assert [unlabelled(leg) for leg in now.live_legs] == [unlabelled(leg) for leg in kept]
    assert transfer.scripted or transfer.by is None or transfer.by in {leg.id for leg in now.live_legs}


def unlabelled(leg: Leg) -> Leg:
    """Without what the same input may also have told this leg."""
    return replace(leg, attempts=())


def check_consultation(was: Call, now: Call, before: World, after: World) -> None:
    """A consultation that is over without a transfer resumes its first call."""
    if was.consult_id is None or now.consult_id is not None or not now.live or now.transfer is not None:
        return
    second = before[was.consult_id]
    if not second.consulting or after[second.id].end_reason == "transferred":
        return
    caller = next(leg for leg in second.legs if leg.role == "caller")
    own = [leg for leg in now.legs if leg.answered and leg.device_id == caller.device_id]
    assert not any(leg.held for leg in own), "a failed consultation resumes its first call"


def check_events(after: World, events: tuple[Event, ...]) -> None:
    for event in events:
        assert event.call is not None and event.call_id in after
    for call_id in after:
        told = [RANK[event.call.state] for event in events if event.call_id == call_id and event.call]
        assert told == sorted(told), "events tell states in their order"
        kinds = [event.type for event in events if event.call_id == call_id]
        assert "call.ended" not in kinds[:-1], "nothing follows the end"


def check_world(world: World) -> None:
    for call in world.values():
        check_call(call)
        check_links(world, call)
    check_hearing(world)


def check_call(call: Call) -> None:
    if not call.live:
        assert call.end_reason is not None and not call.timers
        assert not call.live_legs, "nobody is left in an ended call"
        return
    kinds = {timer.kind for timer in call.timers}
    assert kinds & LAST[call.state], f"a live call has a deadline that ends it: {call}"
    live = {leg.id for leg in call.live_legs}
    assert all(timer.leg_id is None or timer.leg_id in live for timer in call.timers), "no timer of the gone"
    assert (call.state is CallState.CREATED) or call.ringing_at, "no state is ever skipped"
    if call.transfer is not None:
        waiting = call.leg(call.transfer.waiting)
        assert waiting is not None, "somebody waits for a transfer's target"
        assert waiting.answered or waiting_script(call, waiting.id), "or a script that has yet to answer does"
        targets = [leg for leg in call.live_legs if leg.id in call.transfer.targets]
        assert targets and not any(leg.answered for leg in targets), "a transfer that is over is done with"
        for leg in targets:
            ring = any(t.kind is TimerKind.RING and t.leg_id == leg.id for t in call.timers)
            assert ring, "a target that rings has a deadline"
    if call.state is CallState.ANSWERED:
        parties = people(call)
        assert parties or call.transfer, "an answered call has somebody in it, or on the way"
        assert len(parties) <= 2, "two parties talk, never three"


def check_links(world: World, call: Call) -> None:
    if call.live and call.consult_id is not None:
        second = world[call.consult_id]
        assert second.live and second.consulting and second.consult_of == call.id, "links are mutual"
    if call.live and call.consulting:
        assert call.consult_of is not None and world[call.consult_of].consult_id == call.id


def people(call: Call) -> list[Leg]:
    return [leg for leg in call.legs if leg.answered and leg.party is not Party.APP]


def check_hearing(world: World) -> None:
    """Hearing is mutual unless somebody holds; a holder's party hears music, and nobody an outsider."""
    plan = make_plan(world.values())
    for peer in plan.peers:
        call = world[peer.call_id]
        if peer.hears and peer.hears.startswith("peer:"):
            source = peer.hears.removeprefix("peer:")
            assert source != peer.peer_id, "nobody hears themselves by themselves"
            assert source in {leg.peer_id for leg in call.live_legs}, "only who is in the call is heard"
        own = call.leg(peer.leg_id)
        assert own is not None and own.muted == peer.muted, "mute is enforced where packets pass"
    for call in world.values():
        if call.state is CallState.ANSWERED:
            check_pair(call, plan)


def check_pair(call: Call, plan: Plan) -> None:
    parties = people(call)
    if call.transfer is not None:
        waiting = plan.peer(next(p.peer_id or "" for p in call.legs if p.id == call.transfer.waiting))
        if waiting is not None and waiting.call_id == call.id:
            early = waiting.hears is not None and waiting.hears.startswith("peer:")
            assert early or waiting.hears == "ringback", "who waits hears that it goes on"
        return
    if len(parties) != 2:
        return
    first, second = parties
    one, two = (plan.peer(leg.peer_id or "") for leg in parties)
    if one is not None and one.call_id == call.id and one.leg_id == first.id:
        assert one.hears == heard(first, second)
    if two is not None and two.call_id == call.id and two.leg_id == second.id:
        assert two.hears == heard(second, first)


def heard(leg: Leg, other: Leg) -> str | None:
    if other.held:
        return "music"
    if leg.held or other.peer_id is None:
        return None
    if is_coming(other):
        return "ringback"
    return f"peer:{other.peer_id}"
