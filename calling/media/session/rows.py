"""What a media session reads and writes besides the door: its calls, candidates, operations, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists

import clock
from calling import models
from calling.calls import store
from calling.calls.control import Fence
from calling.commands import operations as operating
from calling.machine.plan import Plan, make_plan
from calling.machine.states import Call, Leg
from calling.models.ids import uuid7
from calling.runtime import nudge

MAX_CANDIDATES = 400

Candidate = tuple[int, str, int, dict[str, Any], bool]  # row id, peer id, serial, words, done


@dataclass(frozen=True)
class OperationRow:
    """A live operation as its row says."""

    id: str
    call_id: str
    leg_id: str | None
    verb: str
    control_id: str
    params: dict[str, Any]
    state: str
    control: str
    control_serial: int
    result: dict[str, Any] = field(default_factory=dict)  # what was reported of it so far
    created_at: datetime | None = None


@dataclass(frozen=True)
class SessionSnapshot:
    """What one look at the rows found."""

    calls: list[Call]
    plan: Plan
    operations: tuple[OperationRow, ...]
    candidates: tuple[Candidate, ...]
    members: dict[str, Membership]
    leaving: frozenset[str]  # known peers whose leg another session of this worker carries now
    sip_sides: dict[str, SipSide]  # by peer id


@dataclass(frozen=True)
class Membership:
    """A leg's stay in a room, as its row and the room's settings say. `volume` in dB."""

    deaf: bool
    volume: float
    entry_tone: bool
    video: bool


@dataclass(frozen=True)
class SipSide:
    """What the SIP edge knows of a leg's far end.

    media_source: the address its sound may be learned from (NAT). takes_info: its Allow has INFO.
    """

    call_id: str
    leg_id: str
    media_source: str | None
    takes_info: bool


def read(session_id: str, worker_id: UUID, known: frozenset[str], waiting: frozenset[str]) -> SessionSnapshot:
    """Everything a session acts on. `waiting`: known peers that may still need candidates."""
    with store.repeatable_read():
        calls = store.session_calls(session_id)
        plan = make_plan(calls, read_browsers(calls), read_pictured(calls))
        peers = [peer.peer_id for peer in plan.peers if peer.peer_id not in known or peer.peer_id in waiting]
        candidates = read_candidates(peers) if peers else ()
        gone = known - {peer.peer_id for peer in plan.peers}
        leaving = read_leaving(session_id, worker_id, gone) if gone else frozenset()
        return SessionSnapshot(
            calls,
            plan,
            read_operations(calls),
            candidates,
            read_members(calls),
            leaving,
            read_sip_sides(calls),
        )


def read_leaving(session_id: str, worker_id: UUID, gone: frozenset[str]) -> frozenset[str]:
    """The peers among those that this session no longer plans whose leg lives on in another session of the
    worker: two calls were joined."""
    legs = models.Leg.objects.filter(peer_id__in=gone, call__session__worker=worker_id)
    found = (
        legs.exclude(state="ended").exclude(call__session_id=UUID(session_id)).exclude(call__state="ended")
    )
    return frozenset(str(each) for each in found.values_list("peer_id", flat=True))


def read_browsers(calls: Sequence[Call]) -> frozenset[str]:
    """The devices among those of SIP legs that are browsers: who registered over a WebSocket."""
    ids = {
        device_id
        for call in calls
        for leg in call.live_legs
        for device_id in (
            leg.device_id if leg.kind == "sip" else None,
            *(each.device_id for each in leg.attempts if each.kind == "sip"),
        )
        if device_id is not None
    }
    if not ids:
        return frozenset()
    found = models.Device.objects.filter(pk__in=ids, kind="sip", contact__hop__0__in=["WS", "WSS"])
    return frozenset(str(each) for each in found.values_list("id", flat=True))


def read_pictured(calls: Sequence[Call]) -> frozenset[str]:
    """The ringing devices whose client cannot answer a description without pictures (see
    `calling.signalwire.browser.session_auth`)."""
    legs = [leg for call in calls for leg in call.live_legs if not leg.answered]
    ids = {each.device_id for leg in legs for each in leg.attempts if each.kind == "fabric"}
    if not ids:
        return frozenset()
    found = models.Device.objects.filter(pk__in=ids, contact__pictured=True)
    return frozenset(str(each) for each in found.values_list("id", flat=True))


def read_sip_sides(calls: Sequence[Call]) -> dict[str, SipSide]:
    """peer id -> what the edge that carries its dialog says, of the SIP legs."""
    names: dict[str, tuple[Call, Leg]] = {}  # of a dialog's row: an attempt's id, or an incoming leg's
    for call in calls:
        for leg in call.live_legs:
            if leg.kind == "sip" and leg.peer_id is not None:
                names |= dict.fromkeys([leg.id, *(each.id for each in leg.attempts)], (call, leg))
    if not names:
        return {}
    found = models.SipDialog.objects.filter(pk__in=list(names)).exclude(state="ended")
    sides = {}
    for row_id, source, info in found.values_list("id", "media_source", "takes_info"):
        call, leg = names[str(row_id)]
        sides[leg.peer_id or ""] = SipSide(call.id, leg.id, source, bool(info))
    return sides


def signal_digits(call_id: str, leg_id: str, digits: str) -> None:
    """Have the edge that carries the leg's dialog send these digits as INFO."""
    models.Operation.objects.create(
        call_id=call_id,
        leg_id=leg_id,
        verb=operating.SIGNALLED,
        control_id=str(uuid7()),
        params={"digits": digits},
        created_at=clock.now(),
    )
    nudge.send(nudge.EDGE, {"calls": [call_id]})


def read_members(calls: Sequence[Call]) -> dict[str, Membership]:
    """leg id -> membership, of the legs that are in a room now."""
    inside = [call.id for call in calls if any(leg.app == "room" and leg.answered for leg in call.legs)]
    if not inside:
        return {}
    rows = models.Member.objects.filter(call_id__in=inside, left_at=None).select_related("meeting__room")
    return {
        str(row.leg_id): Membership(row.deaf, row.volume, row.meeting.room.entry_tone, row.meeting.room.video)
        for row in rows
    }


def read_operations(calls: Sequence[Call]) -> tuple[OperationRow, ...]:
    live = models.Operation.objects.filter(
        call_id__in=[call.id for call in calls], state__in=("wanted", "running")
    ).exclude(verb=operating.SIGNALLED)
    return tuple(
        OperationRow(
            str(row.id),
            str(row.call_id),
            str(row.leg_id) if row.leg_id else None,
            row.verb,
            row.control_id,
            row.params,
            row.state,
            row.wish,
            row.wish_serial,
            row.result,
            row.created_at,
        )
        for row in live.order_by("created_at", "id")
    )


def read_candidates(peer_ids: Sequence[str]) -> tuple[Candidate, ...]:
    found = models.IceCandidate.objects.filter(peer_id__in=list(peer_ids)).order_by("id")[:MAX_CANDIDATES]
    return tuple((row.id, str(row.peer_id), row.serial, row.candidate, row.done) for row in found)


def write_agreed(leg_ids: Sequence[str], agreed: dict[str, Any], fence: Fence) -> None:
    """What was negotiated, for the call's payload: {audio, video, codec}. Nothing under a lost epoch."""
    models.Leg.objects.filter(held(fence), pk__in=list(leg_ids)).update(codec=agreed)


def write_samples(peer_id: str, samples: list[dict[str, Any]], fence: Fence) -> None:
    """How a peer's media were, for the call's statistics. Nothing under a lost epoch."""
    models.Leg.objects.filter(held(fence), peer_id=peer_id).update(stats=samples)


def held(fence: Fence) -> Exists:
    """That the session still has this epoch: a takeover raises it before another worker writes."""
    session_id, epoch = fence
    return Exists(models.MediaSession.objects.filter(pk=session_id, epoch=epoch))
