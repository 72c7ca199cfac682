"""What a media session reads and writes besides the door: its calls, candidates, operations, figures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists

import clock
from calling import models
from calling.calls import mapping
from calling.calls.control import Fence
from calling.commands import operations as operating
from calling.machine.plan import Plan, make_plan
from calling.machine.states import Call, Leg
from calling.models.ids import uuid7
from calling.runtime import nudge
from subscribers.postgresql import prepared

MAX_CANDIDATES = 400

Samples = Mapping[str, list[dict[str, Any]]]
"""The quality samples of some peers."""
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
    browsers: frozenset[str] = frozenset()  # devices, see `make_plan`
    pictured: frozenset[str] = frozenset()
    newer: frozenset[str] = frozenset()


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


LEAVING = """
    SELECT json_agg(l.peer_id)::text FROM calling_leg l JOIN calling_call o ON o.id = l.call_id
    JOIN calling_mediasession s ON s.id = o.session_id
    WHERE l.peer_id = ANY(%(known)s::uuid[]) AND l.state <> 'ended' AND o.state <> 'ended'
        AND s.id <> %(session)s::uuid AND s.worker_id = %(worker)s::uuid
"""
"""The peers of a session whose leg lives on in another session of the worker: two calls were joined."""

LOOK = f"""
SELECT g.leaving, {mapping.CALL_COLUMNS}, {mapping.LEGS},
    (SELECT json_agg(json_build_array(o.id, o.call_id, o.leg_id, o.verb, o.control_id, o.params, o.state,
                                      o.wish, o.wish_serial, o.result, o.created_at))::text
     FROM calling_operation o
     WHERE o.call_id = c.id AND o.state IN ('wanted', 'running') AND o.verb <> '{operating.SIGNALLED}'),
    (SELECT json_agg(json_build_array(i.id, i.peer_id, i.serial, i.candidate, i.done))::text FROM (
        SELECT * FROM calling_icecandidate t WHERE t.peer_id <> ALL(%(up)s::uuid[]) AND t.peer_id IN (
            SELECT l.peer_id FROM calling_leg l WHERE l.call_id = c.id AND l.state <> 'ended'
            UNION ALL
            SELECT a.id FROM calling_attempt a JOIN calling_leg l ON l.id = a.leg_id
            WHERE l.call_id = c.id AND l.state <> 'ended')
        ORDER BY t.id LIMIT {MAX_CANDIDATES}) i)
FROM (SELECT ({LEAVING}) AS leaving) g
LEFT JOIN calling_call c ON c.session_id = %(session)s::uuid AND c.state <> 'ended'
ORDER BY c.created_at, c.id
"""
"""The live calls of a session in one statement, and so of one moment; one row without a call where there is
none. Read one by one while a device answers, its leg was not answered yet and its attempt not live any more,
and the session closed the peer that had made the offer."""


def read(session_id: str, worker_id: UUID, known: frozenset[str], waiting: frozenset[str]) -> SessionSnapshot:
    """Everything a session acts on. `waiting`: known peers that may still need candidates.

    What stands beside the calls (devices, dialogs, memberships) is read after them: it may be newer, and
    whoever changed it has nudged.
    """
    return snapshot(prepared.rows(LOOK, look_words(session_id, worker_id, known, waiting)), known)


def look_words(
    session_id: UUID | str,
    worker_id: UUID,
    known: frozenset[str] = frozenset(),
    waiting: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """What `LOOK` is asked for."""
    return {
        "session": session_id,
        "worker": worker_id,
        "known": [UUID(each) for each in known],
        "up": [UUID(each) for each in known - waiting],
    }


def snapshot(found: Sequence[Sequence[Any]], known: frozenset[str] = frozenset()) -> SessionSnapshot:
    """What the rows of `LOOK` say, and what stands beside them."""
    calls: list[Call] = []
    operations: list[OperationRow] = []
    candidates: dict[int, Candidate] = {}  # a peer may carry legs of two calls
    elsewhere = frozenset(json.loads(found[0][0] or "[]"))
    for _, *columns, legs, asked, trickled in found:
        if columns[0] is None:
            continue
        calls.append(mapping.whole_call(mapping.call_row(columns), legs))
        operations += [operation_row(each) for each in json.loads(asked or "[]")]
        candidates |= {each[0]: tuple(each) for each in json.loads(trickled or "[]")}
    (browsers, newer), pictured = read_sip_devices(calls), read_pictured(calls)
    plan = make_plan(calls, browsers, pictured, newer)
    peers = {peer.peer_id for peer in plan.peers}
    return SessionSnapshot(
        calls,
        plan,
        tuple(sorted(operations, key=lambda each: (each.created_at or clock.now(), each.id))),
        tuple(candidates[each] for each in sorted(candidates) if candidates[each][1] in peers),
        read_members(calls),
        elsewhere & (known - peers),
        read_sip_sides(calls),
        browsers,
        pictured,
        newer,
    )


def operation_row(columns: Sequence[Any]) -> OperationRow:
    *others, created_at = columns
    return replace(OperationRow(*others), created_at=datetime.fromisoformat(created_at))


def read_sip_devices(calls: Sequence[Call]) -> tuple[frozenset[str], frozenset[str]]:
    """The devices among those of SIP legs that are browsers, who registered over a WebSocket, and those that
    say an IPv6 address of themselves: a proxy has the address that a REGISTER comes from."""
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
        return frozenset(), frozenset()
    rows = models.Device.objects.filter(pk__in=ids, kind="sip").values_list(
        "id", "contact__hop__0", "contact__uri"
    )
    browsers = frozenset(str(each) for each, transport, _ in rows if transport in ("WS", "WSS"))
    # With or without a user: sip:bob@[::1], sip:[::1].
    newer = frozenset(str(each) for each, _, uri in rows if re.match(r"sips?:([^@]*@)?\[", uri or "", re.I))
    return browsers, newer


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


def write_agreed(leg_ids: Sequence[str], agreed: dict[str, Any], fence: Fence) -> None:
    """What was negotiated, for the call's payload: {audio, video, codec}. Nothing under a lost epoch."""
    models.Leg.objects.filter(held(fence), pk__in=list(leg_ids)).update(codec=agreed)


WRITE_SAMPLES = """
UPDATE calling_leg l SET stats = v.samples::jsonb
FROM unnest(%(peers)s::uuid[], %(samples)s::text[]) AS v(peer_id, samples)
WHERE l.peer_id = v.peer_id
    AND EXISTS (SELECT 1 FROM calling_mediasession s WHERE s.id = %(session)s AND s.epoch = %(epoch)s)
"""


def write_samples(samples: Samples, fence: Fence) -> None:
    """How the media of some peers were, for their calls' statistics. Nothing under a lost epoch."""
    with connection.cursor() as cursor:
        prepared.send(cursor, (WRITE_SAMPLES, sample_words(samples, fence)))


def sample_words(samples: Samples, fence: Fence) -> dict[str, Any]:
    """What `WRITE_SAMPLES` is told."""
    texts = [json.dumps(each) for each in samples.values()]
    return {"peers": list(samples), "samples": texts, "session": fence[0], "epoch": fence[1]}


def held(fence: Fence) -> Exists:
    """That the session still has this epoch: a takeover raises it before another worker writes."""
    session_id, epoch = fence
    return Exists(models.MediaSession.objects.filter(pk=session_id, epoch=epoch))
