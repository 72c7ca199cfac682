"""From one plan to the next: which peers open, close and are routed anew, in which order. Pure.

`steps(old, new)` is what a media session acts on. Peers that go are closed first, then new ones are made
and descriptions answered, then everybody whose neighbourhood changed is routed, then scripts begin.
"""

from __future__ import annotations

from dataclasses import dataclass

from calling.machine.plan import PeerMode, PeerPlan, Plan, ScriptRunPlan


@dataclass(frozen=True)
class ClosePeer:
    peer_id: str


@dataclass(frozen=True)
class MakePeer:
    """A peer that does not exist yet: answer its offer, or make one for it."""

    peer: PeerPlan


@dataclass(frozen=True)
class Describe:
    """A higher serial: a fresh offer of the device is to be answered, or one of ours to be made."""

    peer: PeerPlan


@dataclass(frozen=True)
class Accept:
    """The device answered the platform's offer."""

    peer: PeerPlan


@dataclass(frozen=True)
class Route:
    """What the peer hears and sees, what of it is muted; see PeerPlan."""

    peer: PeerPlan


@dataclass(frozen=True)
class StopScriptRun:
    run_id: str


@dataclass(frozen=True)
class StartScriptRun:
    script_run: ScriptRunPlan


Step = ClosePeer | MakePeer | Describe | Accept | Route | StopScriptRun | StartScriptRun


def routing(peer: PeerPlan) -> tuple[object, ...]:
    own = (peer.digits_to, peer.call_id, peer.leg_id, peer.owner, peer.output_volume, peer.tells)
    return (peer.hears, peer.sees, peer.beside, peer.muted, *own)


def sources(peer: PeerPlan) -> set[str]:
    """The peers that this one hears or sees, or that it tells."""
    names = (peer.hears, peer.sees, *peer.beside)
    found = {name.removeprefix("peer:") for name in names if name and name.startswith("peer:")}
    return found.union(mixed(peer.hears), peer.tells)


def mixed(name: str | None) -> list[str]:
    """The peers of a `mix:` source; none of any other."""
    return name.removeprefix("mix:").split(",") if name and name.startswith("mix:") else []


def description(old: PeerPlan | None, new: PeerPlan) -> Step | None:
    """The step that brings a peer's descriptions up to date, or None."""
    if new.mode is PeerMode.ACCEPT:
        changed = (
            old is None
            or old.mode is not PeerMode.ACCEPT
            or old.serial != new.serial
            or (old.remote_sdp != new.remote_sdp)
        )
        return Accept(new) if changed else None
    if old is None:
        return MakePeer(new)
    if old.serial != new.serial:
        return Describe(new)
    return None


def steps(old: Plan, new: Plan) -> tuple[Step, ...]:
    """What turns `old` into `new`. `steps(plan, plan)` is empty."""
    before = {peer.peer_id: peer for peer in old.peers}
    after = {peer.peer_id: peer for peer in new.peers}
    found: list[Step] = [StopScriptRun(run) for run in runs(old) if run not in runs(new)]
    found += [ClosePeer(peer_id) for peer_id in before if peer_id not in after]
    fresh: set[str] = set()
    for peer in after.values():
        step = description(before.get(peer.peer_id), peer)
        if step is not None:
            found.append(step)
            fresh.add(peer.peer_id)
    moved = fresh | (before.keys() - after.keys())
    for peer in after.values():
        past = before.get(peer.peer_id)
        if past is None or routing(past) != routing(peer) or peer.peer_id in fresh or sources(peer) & moved:
            found.append(Route(peer))
    known = {program.run_id: program for program in old.script_runs}
    for program in new.script_runs:
        if known.get(program.run_id) != program:
            found.append(StartScriptRun(program))  # also says whom a run talks with now
    return tuple(found)


def runs(plan: Plan) -> tuple[str, ...]:
    return tuple(program.run_id for program in plan.script_runs)
