"""One turn of the machine: the world being changed, the facts said so far, the clock as a value. Pure.

A Turn is the only mutable thing under `machine/`; it lives for one `decide` and holds no rules.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from calling.machine.events import Effect, Event
from calling.machine.inputs import Limits
from calling.machine.states import Attempt, Call, Leg, Timer, TimerKind, World

Value = TypeVar("Value", Call, Leg, Attempt)


def amended(value: Value, changes: dict[str, Any]) -> Value:
    """`dataclasses.replace` for values without constructor logic, at a fraction of its cost."""
    if not changes.keys() <= value.__dict__.keys():
        raise TypeError(f"{type(value).__name__} has no {changes.keys() - value.__dict__.keys()}")
    copy: Value = object.__new__(type(value))
    copy.__dict__.update(value.__dict__)
    copy.__dict__.update(changes)
    return copy


class Turn:
    def __init__(self, world: World, now: datetime, limits: Limits) -> None:
        self.world: World = dict(world)
        self.now = now
        self.limits = limits
        self.events: list[Event] = []
        self.effects: list[Effect] = []

    def call(self, call_id: str) -> Call:
        return self.world[call_id]

    def leg(self, call_id: str, leg_id: str) -> Leg:
        leg = self.world[call_id].leg(leg_id)
        if leg is None:
            raise KeyError(leg_id)
        return leg

    def set(self, call_id: str, **changes: object) -> Call:
        call = amended(self.world[call_id], changes)
        self.world[call_id] = call
        return call

    def set_leg(self, call_id: str, leg_id: str, **changes: object) -> Leg:
        call = self.world[call_id]
        legs = tuple(amended(leg, changes) if leg.id == leg_id else leg for leg in call.legs)
        self.world[call_id] = amended(call, {"legs": legs})
        return self.leg(call_id, leg_id)

    def set_attempt(self, call_id: str, leg_id: str, attempt_id: str, **changes: object) -> None:
        leg = self.leg(call_id, leg_id)
        attempts: tuple[Attempt, ...] = tuple(
            amended(attempt, changes) if attempt.id == attempt_id else attempt for attempt in leg.attempts
        )
        self.set_leg(call_id, leg_id, attempts=attempts)

    def emit(self, type: str, call_id: str, leg_id: str | None = None, **data: object) -> None:
        self.events.append(Event(type, call_id, leg_id, data, self.world[call_id]))

    def start_timer(self, call_id: str, kind: TimerKind, seconds: float, leg_id: str | None = None) -> None:
        self.stop_timer(call_id, kind, leg_id)
        timer = Timer(kind, self.now + timedelta(seconds=seconds), leg_id)
        self.set(call_id, timers=(*self.call(call_id).timers, timer))

    def stop_timer(self, call_id: str, kind: TimerKind | None = None, leg_id: str | None = None) -> None:
        """Stop timers of that kind (any kind if None) and that leg (the call's own if None)."""
        timers = tuple(
            timer
            for timer in self.call(call_id).timers
            if not ((kind is None or timer.kind is kind) and timer.leg_id == leg_id)
        )
        self.set(call_id, timers=timers)
