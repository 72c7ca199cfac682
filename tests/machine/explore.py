"""Walking a world: breadth first over every input until nothing new is found, or along random paths."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from calling.machine import inputs
from calling.machine.inputs import Refused
from calling.machine.states import AttemptState, Leg, MediaState, World
from tests.machine.invariants import check_move, check_world
from tests.machine.scenarios import Rules, Step, apply, lone, spread, steps
from tests.machine.state_key import Key, Outlines, split

Trail = tuple[Step, Any] | None  # the last step, and the trail before it


class Broken(AssertionError):
    """A law does not hold: tells the steps that broke it."""


def told(trail: Trail) -> str:
    words: list[str] = []
    while trail is not None:
        step, trail = trail
        words.append(f"{step.call_id}: {step.input}")
    return "\n".join(reversed(words))


@dataclass
class Walk:
    """What a walk has seen. `seen` may be shared by several."""

    rules: Rules
    seen: set[Key] = field(default_factory=set)
    outlines: Outlines = field(default_factory=Outlines)
    accepted: set[type] = field(default_factory=set)
    refused: set[type] = field(default_factory=set)
    states: int = 0
    moves: int = 0

    def whole(self, start: World, most: int) -> bool:
        """Every state that can be reached; False where there are more than `most`."""
        queue: deque[tuple[World, Trail]] = deque((world, None) for world in self.fresh([self.opened(start)]))
        while queue:
            if self.states > most:
                return False
            world, trail = queue.popleft()
            for step in steps(world, self.rules):
                try:
                    after = self.take(world, step)
                    if after is not None:
                        here = (step, trail)
                        queue.extend((each, here) for each in self.fresh(split(after)))
                except AssertionError as broken:
                    raise Broken(f"{broken}\nafter {told((step, trail))}") from broken
        return True

    def path(self, start: World, rng: random.Random, length: int) -> None:
        """One random way through; it shuns the end as long as it can, nine times in ten."""
        world = spread(self.opened(start))
        for _ in range(length):
            choice = list(steps(world, self.rules))
            rng.shuffle(choice)
            parts: list[World] = []
            for step in choice:
                after = self.take(world, step)
                parts = split(after) if after is not None else parts
                if parts or (after is not None and rng.random() < 0.1):
                    break
            self.states += 1
            if not parts:
                return
            world = spread(rng.choice(parts))
            check_world(world)

    def opened(self, start: World) -> World:
        after = start
        for call in start.values():
            if not call.timers:
                after = apply(after, Step(call.id, inputs.Open())).world
        return after if self.rules.media else self.connect(after)

    def fresh(self, worlds: list[World]) -> Iterator[World]:
        """Those not seen before, lawful."""
        for world in worlds:
            key = self.outlines.of(world)
            if key not in self.seen:
                self.seen.add(key)
                self.states += 1
                check_world(world)
                yield spread(world)

    def successors(self, world: World) -> Iterator[World]:
        for step in steps(world, self.rules):
            after = self.take(world, step)
            if after is not None:
                yield after

    def take(self, world: World, step: Step) -> World | None:
        """The world after one step, its laws checked; None where it is refused."""
        if isinstance(step.input, inputs.DeadlinePassed):
            world, step = lone(world, step), Step(step.call_id, step.input)
        try:
            decision = apply(world, step)
        except Refused as refusal:
            assert refusal.state
            self.refused.add(type(step.input))
            return None
        self.moves += 1
        self.accepted.add(type(step.input))
        after = decision.world
        if after == world:
            return None
        before = world if step.opens is None else {**world, step.opens.id: step.opens}
        check_move(before, after, decision.events)
        return after if self.rules.media else self.connect(after)

    def connect(self, world: World) -> World:
        """Media that takes no time: every description is answered, every peer connected."""
        while True:
            signal = next(pending(world), None)
            if signal is None:
                return world
            decision = apply(world, signal)
            check_move(world, decision.world, decision.events)
            world = decision.world


def pending(world: World) -> Iterator[Step]:
    for call in world.values():
        if call.live and not call.carried:
            yield Step(call.id, inputs.SessionTaken())
        for leg in call.live_legs:
            yield from pending_of(call.id, leg)


def pending_of(call_id: str, leg: Leg) -> Iterator[Step]:
    if leg.offer is not None and leg.answer is None and not leg.offered:
        yield Step(call_id, inputs.AnswerMade(leg.id, "answer", leg.serial))
    for attempt in leg.attempts:
        if attempt.state is AttemptState.PREPARING:
            yield Step(call_id, inputs.OfferMade(attempt.id, "offer"))
    if leg.peer_id and leg.offer and leg.answer and leg.media_state is not MediaState.CONNECTED:
        yield Step(call_id, inputs.MediaConnected(leg.peer_id))
