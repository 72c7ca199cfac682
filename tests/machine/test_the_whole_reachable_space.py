"""Every state that small calls can reach, and what must hold in each (docs/contract.md#calls).

`make soak` walks every world whole, over every input at every moment, and prints its states; `make test`
takes seeded random ways through each. States are told apart by their outline (`outline`), which leaves out
what no rule reads; on a sample of the states it folds together, one test proves that they go on alike.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from calling.machine import decide, inputs
from calling.machine.states import Role, World
from tests.machine.explore import Walk
from tests.machine.scenarios import (
    Rules,
    Step,
    an_app,
    app_leg,
    carol,
    device_leg,
    key_dial,
    plain_call,
    spread,
    steps,
    trunk_leg,
)
from tests.machine.state_key import Outlines, split

ONE = plain_call(device_leg("B", "bob", ("dB",)))
TWO = plain_call(device_leg("B", "bob", ("dB", "dB2")))
CONNECTED = key_dial(
    device_leg("B", "bob", ("dB",)), connect=(device_leg("T", "carol", ("dT",), Role.TARGET),)
)
SCRIPTED = key_dial(device_leg("B", "bob", ("dB",)), program="run")
QUICK = Rules(media=False, devices=False)


WORLDS: dict[str, tuple[World, Rules]] = {
    "two devices ring, come and go": (TWO, Rules(media=False)),
    "two devices ring, media and workers fail and move": (TWO, Rules()),
    "nobody is online": (plain_call(device_leg("B", "bob", ())), Rules(media=False)),
    "a client that must be offered": (
        plain_call(device_leg("B", "bob", ("dB",), kind="fabric")),
        Rules(devices=False),
    ),
    "a trunk, with early media": (plain_call(trunk_leg("B")), Rules(devices=False)),
    "hold and mute on both sides": (ONE, replace(QUICK, mute=True)),
    "echo": (plain_call(app_leg("B", "echo")), replace(QUICK, transfer=(carol, an_app("tone")))),
    "tone": (plain_call(app_leg("B", "tone")), QUICK),
    "busy": (plain_call(app_leg("B", "busy")), QUICK),
    "no answer": (plain_call(app_leg("B", "no-answer")), QUICK),
    "a room": (plain_call(app_leg("B", "room")), replace(QUICK, transfer=(carol,), consult=(carol,))),
    "a script": (plain_call(app_leg("B", "script")), replace(QUICK, script=True, transfer=(carol,))),
    "transfers, devices come and go": (ONE, Rules(media=False, transfer=(carol,))),
    "transfers, media and workers fail and move": (ONE, Rules(devices=False, transfer=(carol,))),
    "transfers to what the platform is": (
        ONE,
        replace(QUICK, transfer=tuple(an_app(name) for name in ("echo", "busy", "room", "tone", "script"))),
    ),
    "transfers to a trunk": (ONE, replace(QUICK, transfer=(trunk_leg,))),
    "a key dials and connects": (CONNECTED, replace(QUICK, transfer=(carol,))),
    "a key dials a script that connects": (SCRIPTED, replace(QUICK, script=True, transfer=(carol,))),
    "consultations": (ONE, replace(QUICK, consult=(carol,))),
    "consultations, devices come and go": (ONE, Rules(media=False, consult=(carol,))),
    "consultations of what the platform is": (
        ONE,
        replace(QUICK, consult=tuple(an_app(name) for name in ("echo", "busy", "room"))),
    ),
    "consultations and transfers": (ONE, replace(QUICK, consult=(carol,), transfer=(carol,))),
}
MOST = 2_000_000
PATHS, LENGTH = 12, 40


@pytest.mark.parametrize("name", WORLDS)
def test_every_way_through_is_lawful(name: str, seed: int) -> None:
    """Seeded random ways: the sample that `make test` takes of the walk."""
    start, rules = WORLDS[name]
    walk = Walk(rules)
    for number in range(PATHS):
        walk.path(start, random.Random(f"{seed}:{name}:{number}"), LENGTH)
    assert walk.states


@pytest.mark.family
@pytest.mark.timeout(3600)
def test_every_reachable_state_is_lawful(figure: Callable[[int, int], int]) -> None:
    """The whole space in `make soak`; the small worlds of it in `make test`."""
    most = figure(400, MOST)
    met: Counter[type] = Counter()
    states = moves = complete = 0
    for name, (start, rules) in WORLDS.items():
        walk, began = Walk(rules), time.monotonic()
        whole = walk.whole(start, most)
        complete += whole
        states, moves = states + walk.states, moves + walk.moves
        met.update(walk.accepted)
        print(
            f"{name}: {walk.states} states, {walk.moves} moves, {'whole' if whole else 'begun'}, "
            f"{time.monotonic() - began:.0f} s"
        )
    print(f"{len(WORLDS)} worlds, {complete} whole: {states} states, {moves} moves, 0 violations")
    assert figure(1, 2) == 1 or complete == len(WORLDS), "the space is no longer small"
    silent = {inputs.AppAnswered} if figure(1, 2) == 1 else set()
    unknown = {*decide.COMMANDS, *decide.SIGNALS} - set(met) - silent - NO_STATE
    assert figure(1, 2) == 1 or not unknown, f"never walked: {unknown}"


# Inputs that leave no trace in a call's state; each has tests of its own.
NO_STATE = {inputs.Open, inputs.SendDigits, inputs.DigitReceived, inputs.MediaLost}


@pytest.mark.parametrize(
    "name",
    ["two devices ring, come and go", "transfers, media and workers fail and move", "consultations"],
)
def test_states_with_one_outline_go_on_alike(name: str, seed: int, figure: Callable[[int, int], int]) -> None:
    """What the outline leaves out decides nothing: else the walk would pass states by."""
    start, rules = WORLDS[name]
    rng = random.Random(f"{seed}:{name}")
    walk, outlines = Walk(rules), Outlines()
    known: dict[object, tuple[World, frozenset[object]]] = {}
    compared = 0
    for _ in range(figure(40, 3000)):
        world = spread(walk.opened(start))
        for _ in range(rng.randint(1, LENGTH)):
            key, after = outlines.of(world), futures(walk, outlines, world)
            first, before = known.setdefault(key, (world, after))
            assert after == before, f"told apart by nothing, yet different:\n{first}\n{world}"
            compared += first is not world
            nexts = [part for each in walk.successors(world) for part in split(each)]
            if not nexts:
                break
            world = spread(rng.choice(nexts))
    assert compared > figure(20, 1000)


def futures(walk: Walk, outlines: Outlines, world: World) -> frozenset[object]:
    """The outlines of all that may come next."""
    return frozenset(tuple(outlines.of(part) for part in split(after)) for after in walk.successors(world))


def test_nothing_reaches_a_call_that_has_ended() -> None:
    """Every input that was possible before its end is refused or changes nothing."""
    walk = Walk(Rules(transfer=(carol,), consult=(carol,), script=True, mute=True))
    world = spread(walk.opened(TWO))
    rng = random.Random(3)
    for _ in range(30):
        choice = list(steps(world, walk.rules))
        for call_id in world:
            ended = walk.take(world, Step(call_id, inputs.WorkerLost()))
            assert ended is not None and not ended[call_id].live
            for step in choice:
                if step.call_id == call_id and not isinstance(step.input, inputs.SessionTaken):
                    assert walk.take(ended, step) is None, step
        world = spread(rng.choice([part for each in walk.successors(world) for part in split(each)]))
