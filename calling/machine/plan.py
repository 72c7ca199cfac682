"""Who should hear and see whom: derived from calls, never stored. Pure.

A media worker reads the calls of its session, makes a Plan, and moves from the old plan to the new one.
Sources are named `peer:<id>`, or what the platform itself plays: `music` (the other party holds),
`ringback` (a transfer or connect is under way), `echo` (own sound back), `tone`, `announcement`,
`room:<ref>`; None is silence. Operations and scripts are rows of their own and go on top.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from calling.machine.states import Attempt, Call, CallState, Leg, Media, MediaState, Party, Role


class PeerMode(StrEnum):
    ANSWER = "answer"  # the device offered; the worker answers `offer` under `serial`
    OFFER = "offer"  # the worker makes an offer (attempt still preparing or ringing)
    ACCEPT = "accept"  # the worker's offer was accepted: `offer` holds the device's answer


@dataclass(frozen=True)
class PeerPlan:
    """One media peer that should exist, and what it hears and sees."""

    peer_id: str
    call_id: str
    leg_id: str
    mode: PeerMode
    kind: str  # phone fabric sip
    media: Media
    serial: int = 0
    remote_sdp: str | None = None
    answered: bool = False  # an answer (or offer) was already reported
    prefer_pcmu: bool = False
    hears: str | None = None
    sees: str | None = None
    muted: frozenset[str] = frozenset()  # kinds that nobody gets from this peer
    digits_to: str | None = None  # the peer that gets this one's digits


@dataclass(frozen=True)
class ProgramPlan:
    """A script run that should be going on, and the leg it talks with."""

    run_id: str
    call_id: str
    leg_id: str | None
    app_leg_id: str | None = None


@dataclass(frozen=True)
class Plan:
    peers: tuple[PeerPlan, ...] = ()
    programs: tuple[ProgramPlan, ...] = ()

    def peer(self, peer_id: str) -> PeerPlan | None:
        return next((peer for peer in self.peers if peer.peer_id == peer_id), None)


def source_for(call: Call, leg: Leg) -> str | None:
    """What `leg` hears now."""
    transfer = call.transfer
    if call.state is not CallState.ANSWERED:
        callee = next((other for other in call.legs if other.early_media and other.live), None)
        return f"peer:{callee.peer_id}" if callee and callee.id != leg.id else None
    if not leg.answered:
        return None
    if transfer is not None:
        if leg.id == transfer.waiting:
            early = next(
                (o for o in call.legs if o.id in transfer.targets and o.early_media and o.live), None
            )
            return f"peer:{early.peer_id}" if early else "ringback"
        return None
    other = call.counterpart(leg.id)
    if other is None:
        return None
    if other.party is Party.APP:
        if leg.held or other.app in ("script", "busy", "no-answer"):
            return None
        return f"room:{other.app_ref}" if other.app == "room" else other.app
    if other.held:
        return "music"
    if leg.held:
        return None
    if is_coming(other):
        return "ringback"
    return f"peer:{other.peer_id}" if other.peer_id else None


def is_coming(leg: Leg) -> bool:
    """A target that has picked up, and whose sound is not there yet: it goes on ringing until it is."""
    unheard = leg.media_state in (MediaState.NEW, MediaState.CONNECTING) and not leg.early_media
    return leg.role is Role.TARGET and leg.serial <= 1 and unheard


def leg_mode(leg: Leg) -> PeerMode | None:
    """How the leg's peer comes about now; None while its device is asked for a fresh offer."""
    if leg.offer is not None:
        return PeerMode.ACCEPT if leg.offered else PeerMode.ANSWER
    return PeerMode.OFFER if leg.offered else None


def leg_peer(call: Call, leg: Leg) -> PeerPlan | None:
    mode = leg_mode(leg)
    if not leg.live or leg.peer_id is None or mode is None:
        return None
    source = source_for(call, leg)
    other = call.counterpart(leg.id)
    far = call.legs[-1] if call.legs else leg
    return PeerPlan(
        peer_id=leg.peer_id,
        call_id=call.id,
        leg_id=leg.id,
        mode=mode,
        kind=leg.kind,
        media=leg.media,
        serial=leg.serial,
        remote_sdp=leg.offer,
        answered=leg.answer is not None,
        prefer_pcmu=far.id != leg.id and far.party is Party.SIP,
        hears=source,
        sees=source if source not in ("music", "ringback", "announcement") else None,
        muted=leg.muted,
        digits_to=other.peer_id if other is not None and call.transfer is None else None,
    )


def attempt_peer(call: Call, leg: Leg, attempt: Attempt) -> PeerPlan:
    """Desk phones and trunks are offered sound only: few of them take a description with pictures."""
    media = leg.media if attempt.kind != "sip" else replace(leg.media, video=False, receive_video=False)
    return PeerPlan(
        peer_id=attempt.id,
        call_id=call.id,
        leg_id=leg.id,
        mode=PeerMode.OFFER,
        kind=attempt.kind,
        media=media,
        answered=attempt.offer is not None,
    )


def program_plans(call: Call) -> Iterable[ProgramPlan]:
    if call.program and call.state is CallState.ANSWERED:
        subject = next((leg for leg in call.legs if leg.answered), None)
        if subject is not None:
            yield ProgramPlan(call.program, call.id, subject.id)
    for leg in call.live_legs:
        if leg.app == "script" and leg.app_ref and leg.state.value in ("ringing", "answered"):
            subject = next((o for o in call.live_legs if o.id != leg.id and o.party is not Party.APP), None)
            yield ProgramPlan(leg.app_ref, call.id, subject.id if subject else None, leg.id)


def make_plan(calls: Iterable[Call]) -> Plan:
    """The plan of one session: all its live calls together.

    Two legs may share one peer (a transferor consulting without an SDP of its own): the leg that does
    not hold has it; if neither holds, the newer call's.
    """
    peers: dict[str, PeerPlan] = {}
    programs: list[ProgramPlan] = []
    for call in calls:
        if not call.live:
            continue
        programs.extend(program_plans(call))
        for leg in call.legs:
            peer = leg_peer(call, leg)
            if peer is not None and (peer.peer_id not in peers or not leg.held):
                peers[peer.peer_id] = peer
            if leg.state.value in ("created", "ringing"):
                for attempt in leg.attempts:
                    if attempt.live and attempt.kind != "phone":
                        peers.setdefault(attempt.id, attempt_peer(call, leg, attempt))
    return Plan(tuple(peers.values()), tuple(programs))
