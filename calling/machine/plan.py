"""Who should hear and see whom: derived from calls, never stored. Pure.

A media worker reads the calls of its session, makes a Plan, and moves from the old plan to the new one.
Sources are named `peer:<id>`, or what the platform itself plays: `music` (the other party holds),
`ringback` (a transfer or connect is under way), `echo` (own sound back), `tone`, `announcement`,
`room:<ref>`, `mix:<id>,<id>` (several peers at once); None is silence. Operations and scripts are rows of
their own and go on top.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from calling.machine.states import (
    Attempt,
    Call,
    CallState,
    Leg,
    Media,
    MediaState,
    Party,
    Role,
    SupervisionMode,
)


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
    beside: tuple[str, ...] = ()  # what else it sees, where its device takes more pictures than one
    muted: frozenset[str] = frozenset()  # kinds that nobody gets from this peer
    digits_to: str | None = None  # the peer that gets this one's digits
    part: str = ""  # screen or device: a further picture of its owner
    owner: str | None = None  # the peer of the party whose picture it is
    output_volume: int = 100  # percent of what it hears in a room
    in_room: bool = False  # its pictures have several viewers, each with a link and tiles of its own
    webrtc: bool = False  # of SIP: a browser, which is offered WebRTC and nothing else
    newer: bool = False  # of SIP: it has an IPv6 address, and is offered one
    tells: tuple[str, ...] = ()  # of a supervisor: the peers that hear a tone when it begins


@dataclass(frozen=True)
class ScriptRunPlan:
    """A script run that should be going on, and the leg it talks with."""

    run_id: str
    call_id: str
    leg_id: str | None
    app_leg_id: str | None = None


@dataclass(frozen=True)
class Plan:
    peers: tuple[PeerPlan, ...] = ()
    script_runs: tuple[ScriptRunPlan, ...] = ()

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
        if leg.held or other.app in ("script", "busy", "no-answer", "share", "supervision"):
            return None
        return f"room:{other.app_ref}" if other.app == "room" else other.app
    others = call.company(leg.id)
    if all(each.held for each in others):
        return "music"
    if leg.held:
        return None
    if len(others) > 1:
        return sum_of(each.peer_id for each in others if each.peer_id and not each.held)
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


def leg_peer(call: Call, leg: Leg, browsers: Container[str], newer: Container[str]) -> PeerPlan | None:
    mode = leg_mode(leg)
    if not leg.live or leg.peer_id is None or mode is None:
        return None
    source = source_for(call, leg)
    seen = pictures_of(call, leg, source)
    other = call.counterpart(leg.id)
    far = call.legs[-1] if call.legs else leg
    return PeerPlan(
        peer_id=leg.peer_id,
        call_id=call.id,
        leg_id=leg.id,
        mode=mode,
        kind=leg.kind,
        webrtc=leg.webrtc or leg.device_id in browsers,
        newer=leg.device_id in newer or leg.ipv6,
        media=leg.media,
        serial=leg.serial,
        remote_sdp=leg.offer,
        answered=leg.answer is not None,
        prefer_pcmu=far.id != leg.id and far.party is Party.SIP,
        hears=source if not leg.settings.deaf or is_room(source) else None,
        sees=next(iter(seen), None),
        beside=tuple(seen[1:]),
        muted=leg.muted,
        digits_to=other.peer_id if other is not None and call.transfer is None else None,
        part=leg.part,
        in_room=any(each.app == "room" for each in call.live_legs),
        output_volume=leg.settings.output_volume,
    )


def pictures_of(call: Call, leg: Leg, source: str | None) -> list[str]:
    """What a leg that hears `source` sees, the first of it in its first line."""
    if source is None or source in ("music", "ringback", "announcement"):
        return []
    if not source.startswith("mix:"):
        return [source]
    return [f"peer:{each.peer_id}" for each in call.company(leg.id) if each.media.video and not each.held]


def is_room(source: str | None) -> bool:
    """In a room the membership says who is deaf."""
    return source is not None and source.startswith("room:")


def show_parts(calls: Iterable[Call], peers: dict[str, PeerPlan]) -> None:
    """Tell whose further picture a peer is, and let the other parties of a call outside of rooms see it.

    A screen goes before a further camera, the newer one before the older, and all before who talks: that is
    seen beside them, where the device has a line for it. Where another party sees something else than its
    company (music, a transfer), that stays.
    """
    homes = {leg.id: (call, leg) for call in calls for leg in call.live_legs}
    parts = [leg for _, leg in homes.values() if leg.part_of in homes and leg.answered]
    for part in sorted(parts, key=lambda leg: (leg.part == "screen", leg.id)):
        call, owner = homes[part.part_of or ""]
        if part.peer_id not in peers or owner.peer_id is None:
            continue
        peers[part.peer_id] = replace(peers[part.peer_id], owner=owner.peer_id)
        if not part.media.video:
            continue
        for other in call.company(owner.id):
            seer = peers.get(other.peer_id or "")
            shown = {f"peer:{leg.peer_id}" for leg in (*call.company(other.id), *parts)}
            if seer is None or not (seer.sees in shown or (seer.hears or "").startswith("mix:")):
                continue
            before = [name for name in (seer.sees, *seer.beside) if name is not None]
            pictured = (name for name in before if peers[name.removeprefix("peer:")].media.video)
            peers[seer.peer_id] = replace(seer, sees=f"peer:{part.peer_id}", beside=tuple(pictured))


def let_supervise(calls: Iterable[Call], peers: dict[str, PeerPlan]) -> None:
    """Let supervisors hear the parties of the calls that they supervise, and who is meant to hear them.

    Who holds is heard by a supervisor that it hears, and by no other. What the platform plays to a party
    (music, ringback) gives way to a supervisor; in a room the room's mixer does it all.
    """
    homes = {call.id: call for call in calls}
    said: dict[str, list[str]] = {}  # peer -> the supervisors that it hears
    for call in homes.values():
        wanted, own = call.supervision, call.supervisor
        first = homes.get(wanted.call_id) if wanted is not None else None
        plan = peers.get(own.peer_id or "") if own is not None and own.answered else None
        if wanted is None or own is None or first is None or plan is None:
            continue
        people = [leg for leg in first.legs if leg.answered and leg.party is not Party.APP]
        places = {leg.id: peers[leg.peer_id] for leg in people if leg.peer_id in peers}
        rooms = [place.hears for place in places.values() if is_room(place.hears)]
        heard = [
            places[leg.id].peer_id
            for leg in people
            if leg.id in places and (not leg.held or wanted.heard_by(leg.id))
        ]
        silent = wanted.mode is SupervisionMode.LISTEN or (rooms and wanted.mode is SupervisionMode.WHISPER)
        hears = None if own.held else rooms[0] if rooms else sum_of(heard)
        muted = frozenset({"audio", "video"}) if silent else plan.muted
        tells = tuple(place.peer_id for place in places.values()) if wanted.tone else ()
        peers[plan.peer_id] = replace(plan, hears=hears, sees=None, muted=muted, tells=tells)
        if not rooms and not silent and not own.held:
            for leg_id, place in places.items():
                if place.leg_id == leg_id and wanted.heard_by(leg_id):
                    said.setdefault(place.peer_id, []).append(plan.peer_id)
    for peer_id, voices in said.items():
        before = peers[peer_id].hears or ""
        other = peer_id if before == "echo" else before.removeprefix("peer:").removeprefix("mix:")
        kept = other.split(",") if before == "echo" or before.startswith(("peer:", "mix:")) else []
        peers[peer_id] = replace(peers[peer_id], hears=sum_of([*kept, *voices]))


def sum_of(peer_ids: Iterable[str]) -> str | None:
    """The name of the source that is all these peers together."""
    ids = sorted(set(peer_ids))
    if len(ids) < 2:
        return f"peer:{ids[0]}" if ids else None
    return "mix:" + ",".join(ids)


def attempt_peer(
    call: Call,
    leg: Leg,
    attempt: Attempt,
    browsers: Container[str],
    pictured: Container[str],
    newer: Container[str],
) -> PeerPlan:
    """Desk phones and trunks are offered sound only: few of them take a description with pictures. Some
    devices take none without."""
    media = leg.media
    if attempt.kind == "sip":
        media = replace(leg.media, video=False, receive_video=False)
    elif attempt.device_id in pictured:
        media = replace(leg.media, video=True, receive_video=True)
    return PeerPlan(
        peer_id=attempt.id,
        call_id=call.id,
        leg_id=leg.id,
        mode=PeerMode.OFFER,
        kind=attempt.kind,
        webrtc=attempt.device_id in browsers,
        newer=attempt.device_id in newer or leg.ipv6,
        media=media,
        answered=attempt.offer is not None,
    )


def script_run_plans(call: Call) -> Iterable[ScriptRunPlan]:
    if call.program and call.state is CallState.ANSWERED:
        subject = next((leg for leg in call.legs if leg.answered), None)
        if subject is not None:
            yield ScriptRunPlan(call.program, call.id, subject.id)
    for leg in call.live_legs:
        if leg.app == "script" and leg.app_ref and leg.state.value in ("ringing", "answered"):
            subject = next((o for o in call.live_legs if o.id != leg.id and o.party is not Party.APP), None)
            yield ScriptRunPlan(leg.app_ref, call.id, subject.id if subject else None, leg.id)


def make_plan(
    calls: Iterable[Call],
    browsers: Container[str] = (),
    pictured: Container[str] = (),
    newer: Container[str] = (),
) -> Plan:
    """The plan of one session: all its live calls together. browsers: the ids of SIP devices that are some.
    pictured: of devices that are offered pictures in every call. newer: of SIP devices at IPv6 addresses.

    Two legs may share one peer (a transferor consulting without an SDP of its own): the leg that does
    not hold has it; if neither holds, the newer call's.
    """
    calls = list(calls)
    peers: dict[str, PeerPlan] = {}
    programs: list[ScriptRunPlan] = []
    for call in calls:
        if not call.live:
            continue
        programs.extend(script_run_plans(call))
        for leg in call.legs:
            peer = leg_peer(call, leg, browsers, newer)
            if peer is not None and (peer.peer_id not in peers or not leg.held):
                peers[peer.peer_id] = peer
            if leg.state.value in ("created", "ringing"):
                for attempt in leg.attempts:
                    if attempt.live and attempt.kind != "phone":
                        made = attempt_peer(call, leg, attempt, browsers, pictured, newer)
                        peers.setdefault(attempt.id, made)
    show_parts(calls, peers)
    let_supervise(calls, peers)
    return Plan(tuple(peers.values()), tuple(programs))
