"""Trickled ICE candidates (RFC 8838): reading them, storing them for the media worker, deleting old ones.

They are not part of a call's state: a worker reads those of its peers on a nudge, or at its next look.
"""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import clock
from calling import models
from calling.commands.params import Params, invalid
from calling.machine.inputs import Refused
from calling.machine.states import Leg
from calling.runtime import nudge
from rest.json_bodies import Json

MAX_PER_PEER = 200
KEEP = timedelta(hours=1)
MAX_LENGTH = 1024
END = ("end-of-candidates", "a=end-of-candidates")  # as in a description (RFC 8840)
LINE = re.compile(r"(a=)?candidate:[!-~]+( [!-~]+){5,}", re.ASCII)


def read(form: Params) -> dict[str, Json]:
    """`{candidate, sdp_mid, sdp_m_line_index}`; empty where no more candidates come. Raises InvalidParams."""
    text = form.value("candidate")
    if text is None and "candidate" not in form.data:
        form.fail("candidate", "candidate is required.", "missing_required_parameter")
    text = "" if text is None or text in END else text
    if not isinstance(text, str) or len(text) > MAX_LENGTH or (text and not LINE.fullmatch(text)):
        form.fail("candidate", "candidate must be an ICE candidate line (RFC 8839).")
    mid = form.text("sdp_mid", 64) if form.data.get("sdp_mid") != "" else ""
    index = form.integer("sdp_m_line_index", 0, 63)
    form.check()
    return {"candidate": text, "sdp_mid": mid, "sdp_m_line_index": index} if text else {}


def trickle(call_id: UUID | str, leg: Leg, candidate: dict[str, Json]) -> None:
    """Store one candidate of a leg's device; an empty one says that no more come.

    A candidate of a leg that has ended is ignored. Raises Refused where the leg has no media of a device,
    InvalidParams beyond 200 candidates.
    """
    if not leg.live:
        return
    if leg.peer_id is None:
        raise Refused("The leg has no media session that accepts candidates.", leg.state.value)
    if models.IceCandidate.objects.filter(peer_id=leg.peer_id).count() >= MAX_PER_PEER:
        raise invalid("candidate", f"A leg accepts at most {MAX_PER_PEER} candidates.", "too_many_candidates")
    models.IceCandidate.objects.create(
        peer_id=leg.peer_id, serial=leg.serial, candidate=candidate, done=not candidate
    )
    session = models.Call.objects.values_list("session_id", flat=True).get(pk=call_id)
    if session is not None:
        nudge.send(nudge.MEDIA, {"session": str(session), "peer": leg.peer_id})


def forget_old() -> int:
    """Delete candidates nobody can need any more. Called by the sweep."""
    return models.IceCandidate.objects.filter(created_at__lt=clock.now() - KEEP).delete()[0]
