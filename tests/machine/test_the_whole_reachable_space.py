"""Every state that a call can reach, and what must hold in each (contract 5, DESIGN rule 1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import pytest

from calling.machine.events import Event
from calling.machine.inputs import Refused
from calling.machine.plan import make_plan
from calling.machine.states import Call, CallState, Party, World
from tests.machine.worlds import (
    answered,
    app_leg,
    apply,
    consulting,
    device_leg,
    key,
    key_dial,
    plain_call,
    steps,
)

pytestmark = pytest.mark.slow

RANK = {CallState.CREATED: 0, CallState.RINGING: 1, CallState.ANSWERED: 2, CallState.ENDED: 3}
TALKING = answered(plain_call(device_leg("B", "bob", ("dB", "dB2"))))

WORLDS: dict[str, World] = {
    "two devices ring": plain_call(device_leg("B", "bob", ("dB", "dB2"))),
    "nobody is online": plain_call(device_leg("B", "bob", ())),
    "echo": plain_call(app_leg("B", "echo")),
    "tone": plain_call(app_leg("B", "tone")),
    "busy": plain_call(app_leg("B", "busy")),
    "no answer": plain_call(app_leg("B", "no-answer")),
    "a key dials and connects": key_dial(
        device_leg("B", "bob", ("dB",)), connect=(device_leg("T", "carol", ("dT",)),)
    ),
    "a key dials a script": key_dial(device_leg("B", "bob", ("dB",)), program="run"),
    "a consultation with the same media": consulting(TALKING, "A"),
    "a consultation with its own media": consulting(TALKING, "A", "offer-a2"),
    "the callee consults": consulting(TALKING, "B"),
}


def walk(start: World, most: int) -> tuple[int, int]:
    """Breadth first over every input, up to `most` states; returns (states, moves). Checks each move."""
    seen = {key(start)}
    queue = deque([start])
    moves = 0
    while queue and len(seen) < most:
        world = queue.popleft()
        for step in steps(world):
            try:
                decision = apply(world, step)
            except Refused as refusal:
                assert refusal.state
                continue
            moves += 1
            check_move(world, decision.world, decision.events)
            for call in decision.world.values():
                check_call(call)
            check_hearing(decision.world)
            mark = key(decision.world)
            if mark not in seen:
                seen.add(mark)
                queue.append(decision.world)
    return len(seen), moves


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
        failed = any(event.type == "call.transfer_failed" and event.call_id == call_id for event in events)
        if failed and now.live and was.transfer is not None:
            assert now.transfer is None, "a failed transfer leaves everything as before"
    for event in events:
        assert event.call is not None


def check_call(call: Call) -> None:
    if call.live:
        assert call.timers or call.state is CallState.CREATED, f"a live call has a deadline: {call}"
    else:
        assert call.end_reason is not None and not call.timers
        assert not call.live_legs, "nobody is left in an ended call"
    if call.state is CallState.ANSWERED:
        parties = [leg for leg in call.legs if leg.answered and leg.party is not Party.APP]
        assert parties, "an answered call has somebody in it"
        assert len(parties) <= 2, "two parties talk, never three"


def check_hearing(world: World) -> None:
    """Hearing is mutual unless somebody holds; a holder's party hears music, never the other."""
    plan = make_plan(world.values())
    for call in world.values():
        if call.state is not CallState.ANSWERED or call.transfer is not None:
            continue
        parties = [leg for leg in call.legs if leg.answered and leg.party is not Party.APP]
        if len(parties) != 2:
            continue
        first, second = parties
        peers = [plan.peer(leg.peer_id or "") for leg in parties]
        if any(peer is None or peer.call_id != call.id for peer in peers):
            continue  # one of them is busy with the consultation on the same media
        one, two = peers
        assert one is not None and two is not None
        if not first.held and not second.held:
            assert (one.hears, two.hears) == (f"peer:{second.peer_id}", f"peer:{first.peer_id}")
        assert (one.hears == "music") == second.held
        assert (two.hears == "music") == first.held


@pytest.mark.parametrize("name", WORLDS)
def test_every_reachable_state_is_lawful(name: str, figure: Callable[[int, int], int]) -> None:
    """The whole space in `make soak`; its first states, breadth first, in `make test`."""
    most = figure(2_500, 2_000_000)
    states, moves = walk(WORLDS[name], most)
    print(f"{name}: {states} states, {moves} moves")
    assert states > 3
    assert figure(1, 2) == 1 or states < most, "the space is no longer small"
