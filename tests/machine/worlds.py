"""Worlds small enough to be walked whole: two or three parties, two devices, every input at every moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from calling.machine import inputs
from calling.machine.decide import Decision, decide
from calling.machine.inputs import DeviceSpec, Limits
from calling.machine.states import Attempt, Call, Leg, Media, Party, Role, World

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits()
BOTH = Media()


def caller(device: str = "dA", sdp: str | None = "offer-a") -> Leg:
    return Leg(
        "A", Role.CALLER, Party.DEVICE, "/private/alice", subscriber_id="alice", device_id=device,
        peer_id="pA", offer=sdp, serial=1,
    )  # fmt: skip


def device_leg(leg_id: str, who: str, devices: tuple[str, ...], role: Role = Role.CALLEE) -> Leg:
    attempts = tuple(Attempt(f"at-{device}", device) for device in devices)
    return Leg(leg_id, role, Party.DEVICE, f"/private/{who}", subscriber_id=who, attempts=attempts)


def app_leg(leg_id: str, app: str, role: Role = Role.TARGET) -> Leg:
    return Leg(leg_id, role, Party.APP, f"/public/{app}", app=app, app_ref="ref")


def plain_call(callee: Leg, **changes: Any) -> World:
    return {"C": Call("C", (caller(), callee), **changes)}


def key_dial(callee: Leg, **changes: Any) -> World:
    return {"C": Call("C", (callee,), **changes)}


@dataclass(frozen=True)
class Step:
    """One thing that may happen: an input for one call, at `NOW` or when a timer is due."""

    call_id: str
    input: Any
    at: datetime = NOW


def apply(world: World, step: Step) -> Decision:
    return decide(world, step.call_id, step.input, step.at, LIMITS)


def timers(world: World) -> Iterator[Step]:
    for call in world.values():
        for timer in call.timers:
            yield Step(call.id, inputs.DeadlinePassed(), timer.at)


def steps(world: World) -> Iterator[Step]:
    """Everything that may reach these calls now, legal or not."""
    for call in world.values():
        yield Step(call.id, inputs.Open())
        yield Step(call.id, inputs.Carried())
        yield Step(call.id, inputs.WorkerLost())
        yield Step(call.id, inputs.WorkerMoved(("again",)))
        yield Step(call.id, inputs.Hangup())
        for leg in call.legs:
            yield from leg_steps(world, call, leg)
    yield from timers(world)


def leg_steps(world: World, call: Call, leg: Leg) -> Iterator[Step]:
    yield Step(call.id, inputs.Hangup(leg.id))
    yield Step(call.id, inputs.Reject(leg.id))
    for attempt in leg.attempts:
        yield Step(call.id, inputs.Answer(leg.id, attempt.device_id, "sdp", BOTH, f"p{leg.id}"))
        yield Step(call.id, inputs.Reject(leg.id, attempt.device_id, "busy"))
        yield Step(call.id, inputs.DeviceOffline(attempt.device_id))
        spec = DeviceSpec(attempt.device_id, f"again-{attempt.device_id}")
        if len(leg.attempts) < 3:
            yield Step(call.id, inputs.DeviceOnline(spec, leg.subscriber_id or ""))
    if leg.offer and leg.answer is None:
        yield Step(call.id, inputs.AnswerMade(leg.id, "answer", leg.serial))
    if leg.peer_id and leg.serial < 4:
        yield Step(call.id, inputs.Reoffer(leg.id, "offer"))
    if leg.peer_id:
        yield Step(call.id, inputs.MediaConnected(leg.peer_id))
        yield Step(call.id, inputs.MediaFailed(leg.peer_id))
    if leg.device_id == "dA":
        yield Step(call.id, inputs.DeviceOffline("dA"))
        yield Step(call.id, inputs.DeviceOnline(DeviceSpec("dA", "x"), "alice"))
    if leg.role is not Role.TARGET or leg.answered:
        yield Step(call.id, inputs.Hold(leg.id))
        yield Step(call.id, inputs.Resume(leg.id))
        yield Step(call.id, inputs.RunScript(leg.id, "run-2"))
    if leg.role is not Role.TARGET and len(call.legs) < 3 and "D" not in world:
        target = device_leg(f"T{len(call.legs)}", "carol", ("dT",), Role.TARGET)
        yield Step(call.id, inputs.StartTransfer(leg.id, (target,), "/private/carol"))
    yield Step(call.id, inputs.CompleteTransfer(leg.id))
    yield Step(call.id, inputs.CancelTransfer(leg.id))


def key(world: World) -> Any:
    """A world without its clock: what makes two moments the same moment."""
    return tuple(
        replace(
            call,
            timers=tuple(sorted((t.kind, NOW, t.leg_id or "") for t in call.timers)),  # type: ignore[arg-type]
            ringing_at=None,
            answered_at=None,
            ended_at=None,
        )
        for _, call in sorted(world.items())
    )


def consulting(world: World, leg_id: str, sdp: str | None = None) -> World:
    """`world` with a consultation D begun from `leg_id` of C, opened as `calling.placing` does it."""
    first = apply(world, Step("C", inputs.StartConsult(leg_id, "D"))).world
    own = first["C"].leg(leg_id)
    assert own is not None
    caller_leg = replace(own, id="A2", role=Role.CALLER, held=False, state=own.state.CREATED, attempts=())
    if sdp is not None:
        caller_leg = replace(caller_leg, peer_id="pA2", offer=sdp, answer=None, serial=1)
    second = Call(
        "D", (caller_leg, device_leg("T", "carol", ("dT",))), carried=True, consult_of="C", consulting=True
    )
    return apply({**first, "D": second}, Step("D", inputs.Open())).world


def answered(world: World) -> World:
    """The two-party call C, answered by bob's first device."""
    for input in (
        inputs.Open(),
        inputs.Carried(),
        inputs.AnswerMade("A", "answer", 1),
        inputs.Answer("B", "dB", "offer-b", BOTH, "pB"),
        inputs.AnswerMade("B", "answer", 1),
        inputs.MediaConnected("pA"),
        inputs.MediaConnected("pB"),
    ):
        world = apply(world, Step("C", input)).world
    return world
