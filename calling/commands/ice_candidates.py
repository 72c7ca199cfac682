"""Keeping trickled ICE candidates for the media worker, and forgetting them.

They are nobody's state: a worker reads those of its peers on a nudge, or at its next look.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import clock
from calling import models
from calling.commands.params import Candidate, invalid
from calling.machine.inputs import Refused
from calling.machine.states import Leg
from calling.runtime import nudge

MAX_PER_PEER = 200
KEEP = timedelta(hours=1)


def trickle(call_id: UUID | str, leg: Leg, candidate: Candidate | None) -> None:
    """Keep one candidate of a leg's device; None (or an empty one) says that no more come.

    One that comes after the end is passed over: it was on its way. Raises Refused where the leg has no
    media of a device, InvalidParams beyond 200 candidates.
    """
    if not leg.live:
        return
    if leg.peer_id is None:
        raise Refused("The leg has no media session that accepts candidates.", leg.state.value)
    if models.IceCandidate.objects.filter(peer_id=leg.peer_id).count() >= MAX_PER_PEER:
        raise invalid("candidate", f"At most {MAX_PER_PEER} candidates.", "too_many_candidates")
    done = candidate is None or not candidate.candidate
    content = (
        {}
        if candidate is None or done
        else {
            "candidate": candidate.candidate,
            "sdp_mid": candidate.sdp_mid,
            "sdp_m_line_index": candidate.sdp_m_line_index,
        }
    )
    models.IceCandidate.objects.create(peer_id=leg.peer_id, serial=leg.serial, candidate=content, done=done)
    session = models.Call.objects.values_list("session_id", flat=True).get(pk=call_id)
    if session is not None:
        nudge.send(nudge.MEDIA, {"session": str(session), "peer": leg.peer_id})


def forget_old() -> int:
    """Delete candidates nobody can need any more. Called by the sweep."""
    return models.IceCandidate.objects.filter(created_at__lt=clock.now() - KEEP).delete()[0]
