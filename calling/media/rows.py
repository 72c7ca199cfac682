"""What a media session reads and writes besides the door: its calls, candidates, operations, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from calling import models, store
from calling.machine.plan import Plan, make_plan
from calling.machine.states import Call

MAX_CANDIDATES = 400

Candidate = tuple[int, str, int, dict[str, Any], bool]  # row id, peer id, serial, words, done


@dataclass(frozen=True)
class Wanted:
    """A live operation as its row says."""

    id: str
    call_id: str
    leg_id: str | None
    verb: str
    control_id: str
    params: dict[str, Any]
    state: str
    wish: str
    wish_serial: int


@dataclass(frozen=True)
class Look:
    """What one look at the rows found."""

    calls: list[Call]
    plan: Plan
    operations: tuple[Wanted, ...]
    candidates: tuple[Candidate, ...]
    members: dict[str, Membership]


@dataclass(frozen=True)
class Membership:
    """A leg's stay in a room, as its row and the room's settings say. `volume` in dB."""

    deaf: bool
    volume: float
    entry_tone: bool
    video: bool


def read(session_id: str, known: frozenset[str], waiting: frozenset[str]) -> Look:
    """Everything a session acts on. `waiting`: known peers that may still need candidates."""
    with store.one_moment():
        calls = store.session_calls(session_id)
        plan = make_plan(calls)
        peers = [peer.peer_id for peer in plan.peers if peer.peer_id not in known or peer.peer_id in waiting]
        candidates = read_candidates(peers) if peers else ()
        return Look(calls, plan, read_operations(calls), candidates, read_members(calls))


def read_members(calls: Sequence[Call]) -> dict[str, Membership]:
    """leg id -> membership, of the legs that are in a room now."""
    inside = [call.id for call in calls if any(leg.app == "room" and leg.answered for leg in call.legs)]
    if not inside:
        return {}
    rows = models.Member.objects.filter(call_id__in=inside, left_at=None).select_related("meeting__room")
    return {
        str(row.leg_id): Membership(
            row.deaf, row.volume, row.meeting.room.entry_tone, row.meeting.room.video
        )
        for row in rows
    }


def read_operations(calls: Sequence[Call]) -> tuple[Wanted, ...]:
    live = models.Operation.objects.filter(
        call_id__in=[call.id for call in calls], state__in=("wanted", "running")
    )
    return tuple(
        Wanted(
            str(row.id),
            str(row.call_id),
            str(row.leg_id) if row.leg_id else None,
            row.verb,
            row.control_id,
            row.params,
            row.state,
            row.wish,
            row.wish_serial,
        )
        for row in live.order_by("created_at", "id")
    )


def read_candidates(peer_ids: Sequence[str]) -> tuple[Candidate, ...]:
    found = models.IceCandidate.objects.filter(peer_id__in=list(peer_ids)).order_by("id")[:MAX_CANDIDATES]
    return tuple((row.id, str(row.peer_id), row.serial, row.candidate, row.done) for row in found)


def write_agreed(leg_ids: Sequence[str], agreed: dict[str, Any]) -> None:
    """What was negotiated, for the call's payload: {audio, video, codec}."""
    models.Leg.objects.filter(pk__in=list(leg_ids)).update(codec=agreed)


def write_samples(peer_id: str, samples: list[dict[str, Any]]) -> None:
    models.Leg.objects.filter(peer_id=peer_id).update(stats=samples)
