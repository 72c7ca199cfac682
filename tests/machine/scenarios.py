"""Worlds small enough to be walked whole, and everything that may reach the calls in one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from calling.machine import inputs
from calling.machine.decide import Decision, decide
from calling.machine.inputs import DeviceRef, Limits
from calling.machine.states import (
    Attempt,
    AttemptState,
    Call,
    Leg,
    LegState,
    Media,
    MediaState,
    Party,
    Role,
    World,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAR = NOW + timedelta(days=365)
LIMITS = Limits()
BOTH = Media()
AUDIO = frozenset({"audio"})


def caller(device: str = "dA", sdp: str | None = "offer-a") -> Leg:
    return Leg(
        "A", Role.CALLER, Party.DEVICE, "/private/alice", subscriber_id="alice", device_id=device,
        peer_id="pA", offer=sdp, serial=1,
    )  # fmt: skip


def device_leg(
    leg_id: str, who: str, devices: tuple[str, ...], role: Role = Role.CALLEE, kind: str = "phone"
) -> Leg:
    state = AttemptState.RINGING if kind == "phone" else AttemptState.PREPARING
    attempts = tuple(Attempt(f"at-{leg_id}-{device}", device, kind, state) for device in devices)
    return Leg(leg_id, role, Party.DEVICE, f"/private/{who}", subscriber_id=who, attempts=attempts)


def app_leg(leg_id: str, app: str, role: Role = Role.CALLEE) -> Leg:
    return Leg(leg_id, role, Party.APP, f"/public/{app}", app=app, app_ref=f"{leg_id}-run")


def trunk_leg(leg_id: str, role: Role = Role.CALLEE) -> Leg:
    attempt = Attempt(f"at-{leg_id}", "gateway", "sip", AttemptState.PREPARING)
    return Leg(leg_id, role, Party.SIP, "+15551234567", attempts=(attempt,))


def plain_call(callee: Leg, **changes: Any) -> World:
    return {"C": Call("C", (caller(), callee), **changes)}


def key_dial(callee: Leg, **changes: Any) -> World:
    return {"C": Call("C", (callee,), **changes)}


@dataclass(frozen=True)
class Step:
    """One thing that may happen: an input for one call, at `at`. `opens` comes into the world with it."""

    call_id: str
    input: Any
    at: datetime = NOW
    opens: Call | None = None


def apply(world: World, step: Step) -> Decision:
    """What the input does; a consultation that it opens gets its first input in the same breath."""
    decision = decide(world, step.call_id, step.input, step.at, LIMITS)
    if step.opens is None:
        return decision
    both = {**decision.world, step.opens.id: step.opens}
    second = decide(both, step.opens.id, inputs.Open(), step.at, LIMITS)
    return replace(second, events=decision.events + second.events)


Target = Callable[[str, Role], Leg]


def carol(leg_id: str, role: Role) -> Leg:
    return device_leg(leg_id, "carol", ("dT",), role)


def an_app(name: str) -> Target:
    return lambda leg_id, role: app_leg(leg_id, name, role)


@dataclass(frozen=True)
class Rules:
    """Which things may happen in a walk, besides what always may: hangups, verbs of a ring, deadlines.

    `media` false: descriptions are exchanged and media connects by itself at once. `devices` false: no
    device comes or goes.
    """

    media: bool = True
    devices: bool = True
    mute: bool = False
    script: bool = False
    transfer: tuple[Target, ...] = ()
    consult: tuple[Target, ...] = ()
    own_media: tuple[bool, ...] = (False, True)  # the consultation's: the same, or an offer of its own


def timers(world: World) -> Iterator[Step]:
    """Any timer may be the next to run out: its call then sees it due and no other."""
    for call in world.values():
        for timer in call.timers:
            yield Step(call.id, inputs.DeadlinePassed(), timer.at)


def lone(world: World, step: Step) -> World:
    """The world in which only the timers due at `step` have run out."""
    call = world[step.call_id]
    due = tuple(replace(timer, at=FAR if timer.at != step.at else NOW) for timer in call.timers)
    return {**world, call.id: replace(call, timers=due)}


def spread(world: World) -> World:
    """All timers far ahead, each at a time of its own, so that any of them can run out alone."""
    return {
        call.id: replace(
            call,
            timers=tuple(
                replace(timer, at=FAR + timedelta(seconds=number)) for number, timer in enumerate(call.timers)
            ),
        )
        for call in world.values()
    }


def steps(world: World, rules: Rules) -> Iterator[Step]:
    """Everything that may reach these calls now, legal or not."""
    for call in world.values():
        yield Step(call.id, inputs.WorkerLost())
        yield Step(call.id, inputs.Hangup())
        if rules.media:
            yield Step(call.id, inputs.WorkerMoved((f"{call.id}-again-{len(call.legs)}",)))
        if not call.carried:
            yield Step(call.id, inputs.SessionTaken())
        if rules.script and call.max_seconds > 5:
            yield Step(call.id, inputs.DurationLimited(5))
        if call.program:
            yield Step(call.id, inputs.ScriptRunEnded(call.program))
        for leg in call.live_legs:
            yield from leg_steps(world, call, leg, rules)
    yield from timers(world)


def leg_steps(world: World, call: Call, leg: Leg, rules: Rules) -> Iterator[Step]:
    yield Step(call.id, inputs.Hangup(leg.id))
    if leg.party is Party.APP:
        yield from app_steps(call, leg)
    elif not leg.answered:
        yield from ringing_steps(call, leg)
        if rules.script and leg.role is Role.CALLER:
            for target in rules.transfer[:1]:
                new = target(f"{call.id}{len(call.legs)}", Role.TARGET)
                yield Step(call.id, inputs.Connect(leg.id, (new,), new.address))
    if leg.answered:
        yield from talking_steps(world, call, leg, rules)
    yield from media_steps(call, leg, rules)
    if rules.devices:
        yield from device_steps(call, leg)
    if call.consult_id is not None or call.consulting:
        yield Step(call.id, inputs.CompleteTransfer(leg.id))
        yield Step(call.id, inputs.CancelTransfer(leg.id))


def app_steps(call: Call, leg: Leg) -> Iterator[Step]:
    if leg.app in ("script", "room") and not leg.answered:
        yield Step(call.id, inputs.AppAnswered(leg.id))
    if leg.app == "script":
        yield Step(call.id, inputs.ScriptRunEnded(leg.app_ref or ""))
        yield Step(call.id, inputs.ScriptRunEnded(leg.app_ref or "", error=True))


def ringing_steps(call: Call, leg: Leg) -> Iterator[Step]:
    yield Step(call.id, inputs.Reject(leg.id))
    yield Step(call.id, inputs.AnswerWithScript(leg.id, f"{leg.id}-taken"))
    if leg.party is Party.SIP:
        yield Step(call.id, inputs.SipProgress(leg.id))
        yield Step(call.id, inputs.SipProgress(leg.id, "early"))
        yield Step(call.id, inputs.SipFailed(leg.id, 486))
    for attempt in leg.attempts:
        if attempt.live:
            yield Step(call.id, inputs.Answer(leg.id, attempt.device_id, "sdp", BOTH, f"p{leg.id}"))
            yield Step(call.id, inputs.Reject(leg.id, attempt.device_id, "busy"))
            yield Step(call.id, inputs.Reject(leg.id, attempt.device_id))
            yield Step(call.id, inputs.MediaFailed(attempt.id, "unreachable"))
            if attempt.kind != "phone":
                yield Step(call.id, inputs.AttemptFailed(attempt.id, "sip_480"))


def talking_steps(world: World, call: Call, leg: Leg, rules: Rules) -> Iterator[Step]:
    if leg.party is not Party.APP:
        yield Step(call.id, inputs.Resume(leg.id) if leg.held else inputs.Hold(leg.id))
        if rules.mute:
            yield Step(call.id, (inputs.Unmute if leg.muted else inputs.Mute)(leg.id, AUDIO))
        if rules.script:
            yield Step(call.id, inputs.RunScript(leg.id, f"{call.id}-run"))
        if leg.party is Party.SIP:
            yield Step(call.id, inputs.SipFailed(leg.id, 500))
    for number, target in enumerate(rules.transfer):
        new = target(f"{call.id}{len(call.legs)}", Role.TARGET)
        yield Step(call.id, inputs.StartTransfer(leg.id, (new,), new.address))
        if rules.script and number == 0:
            yield Step(call.id, inputs.Connect(leg.id, (new,), new.address))
    if len(world) == 1 and leg.party is not Party.APP:
        for target in rules.consult:
            for own in rules.own_media:
                yield consult(call, leg, target, own)


def media_steps(call: Call, leg: Leg, rules: Rules) -> Iterator[Step]:
    if not rules.media:
        return
    if leg.offer is not None and leg.answer is None and not leg.offered:
        yield Step(call.id, inputs.AnswerMade(leg.id, "answer", leg.serial))
        if leg.answered:
            yield Step(call.id, refusal(leg))
    for attempt in leg.attempts:
        if attempt.state is AttemptState.PREPARING:
            yield Step(call.id, inputs.OfferMade(attempt.id, "offer"))
    if leg.peer_id is None:
        return
    if leg.offered and leg.offer is None:
        yield Step(call.id, inputs.OfferMade(leg.peer_id, "offer"))
        yield Step(call.id, inputs.Reanswered(leg.id, "answer"))
        yield Step(call.id, refusal(leg))
    elif leg.answered and leg.kind == "sip":
        yield Step(call.id, inputs.AskOffer(leg.id))
    yield Step(call.id, inputs.MediaConnected(leg.peer_id))
    yield Step(call.id, inputs.MediaFailed(leg.peer_id))
    if leg.answered or leg.role is Role.CALLER:
        yield Step(call.id, inputs.Reoffer(leg.id, "offer"))


def refusal(leg: Leg) -> inputs.OfferRefused:
    """The worker's word on the leg's open offer: what held before is there again."""
    return inputs.OfferRefused(leg.id, leg.serial, leg.offer, "offer", "answer", leg.offered, leg.media)


def device_steps(call: Call, leg: Leg) -> Iterator[Step]:
    devices = {(a.device_id, a.kind) for a in leg.attempts if a.device_id != "gateway"}
    devices |= {(leg.device_id, leg.kind)} if leg.device_id not in (None, "gateway") else set()
    for device, kind in sorted(devices):
        spec = DeviceRef(device, f"at-{leg.id}-{device}-{len(leg.attempts)}", kind)
        yield Step(call.id, inputs.DeviceOffline(device))
        yield Step(call.id, inputs.DeviceOffline(device, final=True))
        yield Step(call.id, inputs.DeviceOffline(device, gone=True))
        yield Step(call.id, inputs.DeviceOnline(spec, leg.subscriber_id or ""))


def consult(call: Call, leg: Leg, target: Target, own: bool) -> Step:
    """The first call is held, and a second one opened, as `calling.commands.dial` does it."""
    second = f"{call.id}{len(call.legs)}D"
    caller_leg = replace(
        leg, id=f"{second}A", role=Role.CALLER, state=LegState.CREATED, held=False, attempts=(),
        former_call_id=None,
    )  # fmt: skip
    if own:
        caller_leg = replace(
            caller_leg, peer_id=f"p{second}A", offer="offer", answer=None, offered=False, serial=1,
            media_state=MediaState.NEW,
        )  # fmt: skip
    legs = (caller_leg, target(f"{second}B", Role.CALLEE))
    opens = Call(second, legs, carried=call.carried, consult_of=call.id, consulting=True)
    return Step(call.id, inputs.StartConsult(leg.id, second), opens=opens)


def consulting(world: World, leg_id: str, sdp: str | None = None) -> World:
    """`world` with a consultation D (its caller A2) begun from `leg_id` of C."""
    own = world["C"].leg(leg_id)
    assert own is not None
    step = consult(world["C"], own, carol, sdp is not None)
    assert step.opens is not None
    first, *rest = step.opens.legs
    legs = (replace(first, id="A2", offer=sdp or first.offer), *rest)
    opens = replace(step.opens, id="D", legs=legs)
    return apply(world, Step("C", inputs.StartConsult(leg_id, "D"), opens=opens)).world


def answered(world: World) -> World:
    """The two-party call C, answered by bob's first device."""
    for input in (
        inputs.Open(),
        inputs.SessionTaken(),
        inputs.AnswerMade("A", "answer", 1),
        inputs.Answer("B", "dB", "offer-b", BOTH, "pB"),
        inputs.AnswerMade("B", "answer", 1),
        inputs.MediaConnected("pA"),
        inputs.MediaConnected("pB"),
    ):
        world = apply(world, Step("C", input)).world
    return world
