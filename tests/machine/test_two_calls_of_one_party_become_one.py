"""Join: who has two calls gives the party of one to that of the other, whichever way they were dialled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from calling.machine.decide import decide
from calling.machine.inputs import Join, PeerMissing, Refused
from calling.machine.states import Call, CallState, Leg, LegState, MediaState, Party, Role, TimerKind, World

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def talks(leg_id: str, role: Role, who: str, **changes: object) -> Leg:
    leg = Leg(
        leg_id, role, Party.DEVICE, f"/private/{who}", subscriber_id=who, state=LegState.ANSWERED,
        media_state=MediaState.CONNECTED, peer_id=f"p-{leg_id}", offer="o", answer="a", serial=1,
        device_id=f"d-{who}", route='{"kind": "sip"}',
    )  # fmt: skip
    return replace(leg, **changes)  # type: ignore[arg-type]


def two_calls(first_role: Role = Role.CALLEE, second_role: Role = Role.CALLER) -> World:
    """bob talks with alice in A and with carol in B; the roles are his."""

    def other(role: Role) -> Role:
        return Role.CALLER if role is Role.CALLEE else Role.CALLEE

    one = (talks("a", other(first_role), "alice"), talks("b1", first_role, "bob", held=True))
    two = (talks("b2", second_role, "bob"), talks("c", other(second_role), "carol"))
    return {
        name: Call(name, legs, CallState.ANSWERED, carried=True) for name, legs in (("A", one), ("B", two))
    }


@pytest.mark.parametrize("first", [Role.CALLER, Role.CALLEE])
@pytest.mark.parametrize("second", [Role.CALLER, Role.CALLEE])
def test_the_other_parties_talk_and_the_transferor_is_out(first: Role, second: Role) -> None:
    done = decide(two_calls(first, second), "A", Join("b1", "B", "b2"), NOW)
    call = done.world["A"]
    assert {leg.id for leg in call.live_legs} == {"a", "c"}
    assert call.counterpart("a").id == "c" and call.held_by("a") is None
    assert call.leg("b1").end_reason == "transferred" and call.leg("c").former_call_id == "B"
    assert done.world["B"].end_reason == "transferred" and done.world["B"].leg("b2").state is LegState.ENDED
    assert [event.type for event in done.events].count("call.transferred") == 2


def test_a_party_keeps_its_media_unless_the_other_worker_lacks_them() -> None:
    joined = decide(two_calls(), "A", Join("b1", "B", "b2"), NOW).world
    moved = joined["A"].leg("c")
    assert (moved.offer, moved.answer, moved.serial) == ("o", "a", 1)
    assert decide(joined, "A", PeerMissing("p-c", 0), NOW).world == joined, "of former descriptions"
    asked = decide(joined, "A", PeerMissing("p-c", 1), NOW).world
    moved = asked["A"].leg("c")
    assert (moved.offer, moved.answer, moved.offered, moved.serial) == (None, None, True, 2)
    assert any(timer.kind is TimerKind.REOFFER and timer.leg_id == "c" for timer in asked["A"].timers)
    assert asked["A"].leg("a") == joined["A"].leg("a")
    assert decide(asked, "A", PeerMissing("p-c", 1), NOW).world == asked, "said twice"


def test_only_answered_calls_with_nothing_pending_can_be_joined() -> None:
    world = two_calls()
    ringing = replace(world["B"].legs[0], state=LegState.RINGING)
    with pytest.raises(Refused):
        late = {**world, "B": replace(world["B"], legs=(ringing, world["B"].legs[1]))}
        decide(late, "A", Join("b1", "B", "b2"), NOW)
    with pytest.raises(Refused):
        decide({**world, "B": replace(world["B"], consulting=True)}, "A", Join("b1", "B", "b2"), NOW)
    with pytest.raises(Refused):
        decide(world, "A", Join("b1", "A", "b1"), NOW)
