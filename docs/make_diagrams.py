"""Draws `docs/states.mmd` and `docs/leg-states.mmd` by walking the machine: no arrow is drawn by hand.

`python docs/make_diagrams.py` writes them; `--check` fails where they are not what the machine does. Every
input is put to every state that small calls can reach, breadth first; an arrow is a change that was seen.
"""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from calling.machine import inputs  # noqa: E402
from calling.machine.decide import decide  # noqa: E402
from calling.machine.states import Attempt, Call, Leg, Media, Party, Role, World  # noqa: E402

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOST = 6000
Arrows = set[tuple[str, str, str]]


def bob(leg_id: str = "B", role: Role = Role.CALLEE) -> Leg:
    attempts = (Attempt(f"at-{leg_id}", f"d{leg_id}"),)
    return Leg(leg_id, role, Party.DEVICE, "/private/bob", subscriber_id="bob", attempts=attempts)


def app(name: str) -> Leg:
    return Leg("B", Role.CALLEE, Party.APP, f"/public/{name}", app=name, app_ref="ref")


def starts() -> Iterator[World]:
    """A device calls a subscriber, nobody, an echo and a busy line."""
    alice = Leg("A", Role.CALLER, Party.DEVICE, "/private/alice", subscriber_id="alice", device_id="dA",
                peer_id="pA", offer="offer", serial=1)  # fmt: skip
    for callee in (bob(), replace(bob(), attempts=()), app("echo"), app("busy")):
        yield {"C": Call("C", (alice, callee))}


def tries(call: Call) -> Iterator[tuple[Any, datetime]]:
    """Everything that may reach this call now."""
    for input in (inputs.Open(), inputs.SessionTaken(), inputs.WorkerLost(), inputs.Hangup()):
        yield input, NOW
    for timer in call.timers:
        yield inputs.DeadlinePassed(), timer.at
    for leg in call.legs:
        yield inputs.Hangup(leg.id), NOW
        yield inputs.Reject(leg.id), NOW
        yield inputs.Hold(leg.id), NOW
        yield inputs.Resume(leg.id), NOW
        for attempt in leg.attempts:
            yield inputs.Answer(leg.id, attempt.device_id, "sdp", Media(), f"p{leg.id}"), NOW
        if leg.peer_id:
            yield inputs.MediaConnected(leg.peer_id), NOW
            yield inputs.MediaFailed(leg.peer_id), NOW
        if leg.offer and leg.answer is None:
            yield inputs.AnswerMade(leg.id, "answer", leg.serial), NOW
        if leg.device_id:
            yield inputs.DeviceOffline(leg.device_id), NOW
        if len(call.legs) < 3:
            yield inputs.StartTransfer(leg.id, (bob("T", Role.TARGET),), "/private/bob"), NOW


def timeless(call: Call) -> Any:
    timers = tuple(sorted((timer.kind, timer.leg_id or "") for timer in call.timers))
    return replace(call, timers=(), ringing_at=None, answered_at=None, ended_at=None), timers


def walk() -> tuple[Arrows, Arrows]:
    """(arrows of calls, arrows of legs): from, to, why."""
    calls: Arrows = set()
    legs: Arrows = set()
    queue = deque(starts())
    seen = {timeless(world["C"]) for world in queue}
    while queue and len(seen) < MOST:
        world = queue.popleft()
        for input, at in tries(world["C"]):
            try:
                after = decide(world, "C", input, at).world
            except inputs.Refused:
                continue
            note(world["C"], after["C"], calls, legs)
            mark = timeless(after["C"])
            if mark not in seen:
                seen.add(mark)
                queue.append(after)
    return calls, legs


def note(was: Call, now: Call, calls: Arrows, legs: Arrows) -> None:
    if was.state is not now.state:
        calls.add((was.state.value, now.state.value, str(now.end_reason or "")))
    for leg in now.legs:
        before = was.leg(leg.id)
        if before is None:
            continue
        if before.state is not leg.state:
            legs.add((before.state.value, leg.state.value, str(leg.end_reason or "")))
        elif before.held is not leg.held and leg.answered:
            legs.add(("answered", "answered", "hold" if leg.held else "resume"))


def mermaid(arrows: Arrows) -> str:
    """One arrow for each pair of states; what was seen on the way is its label."""
    lines = ["stateDiagram-v2", "    [*] --> created"]
    order = ["created", "ringing", "answered", "ended"]
    pairs = sorted({arrow[:2] for arrow in arrows}, key=lambda pair: [order.index(state) for state in pair])
    for first, second in pairs:
        labels = sorted({why for a, b, why in arrows if (a, b) == (first, second) and why})
        lines.append(f"    {first} --> {second}" + (f": {', '.join(labels)}" if labels else ""))
    return "\n".join([*lines, "    ended --> [*]", ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    calls, legs = walk()
    for name, arrows in (("states.mmd", calls), ("leg-states.mmd", legs)):
        path, text = HERE / name, mermaid(arrows)
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"docs/{name} is not what the machine does: run docs/make_diagrams.py", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
