"""WebRTC stacks besides those of browsers: each calls itself over an instance of `make run`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.webrtc import stack
from tests.webrtc.make_run import MakeRun
from tests.webrtc.own_network import Network
from tests.webrtc.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.processes, pytest.mark.needs("make"), pytest.mark.timeout(240)]

Open = Callable[..., Stack]


# One of them in `make test`.
ALONE = [pytest.mark.soak_only, pytest.mark.family]
SAMPLE = "wrtc"
ROUNDS = [pytest.param(name, marks=[] if name == SAMPLE else ALONE) for name in stack.NAMES]


@pytest.fixture(params=ROUNDS)
def device(request: pytest.FixtureRequest, network: Network, instance: MakeRun) -> Iterator[Open]:
    """`device("alice", 500)`: a device with the stack of this round, online, that says 500 Hz."""
    if (obstacle := stack.obstacle(request.param)) is not None:
        pytest.skip(obstacle)
    opened: list[Stack] = []

    def open_device(name: str, hertz: int) -> Stack:
        opened.append(Stack(request.param, network, instance.pair(name)["token"], hertz))
        return opened[-1]

    yield open_device
    for each in opened:
        each.close()


def test_a_stack_calls_is_called_renegotiates_and_hangs_up(device: Open) -> None:
    alice, bob = device("alice", 900), device("bob", 1300)
    alice.dial("/private/bob")
    bob.answer()
    for one in (alice, bob):
        one.expect("call.answered")
    alice.hears(bob.hertz)
    bob.hears(alice.hertz)
    alice.send("call.hold", call_id=alice.call_id)
    assert alice.expect("call.held")["held_by"] == "local"
    assert bob.expect("call.held")["held_by"] == "remote"
    alice.hears_no(bob.hertz)
    bob.hears_no(alice.hertz)
    alice.send("call.resume", call_id=alice.call_id)
    for one in (alice, bob):
        one.expect("call.resumed")
    for one, other in ((alice, bob), (bob, alice)):
        one.offer_again()
        one.hears(other.hertz)
        other.hears(one.hertz)
    bob.send("call.hangup", call_id=bob.call_id)
    for one in (alice, bob):
        assert one.expect("call.ended")["reason"] == "hangup"
