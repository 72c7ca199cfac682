"""Which media session a new call joins, and how a session is offered to the workers.

A call gets a session of its own, or joins the room's while its worker has a place left.

A room is carried by one worker as long as that one takes its members; the next session of the same room
then goes to another worker, and a trunk joins the two (docs/architecture.md#rules).
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction

import clock
from calling import models
from calling.machine.states import Leg, Party
from calling.runtime import nudge
from calling.runtime.locks import lock_room
from rest import errors

FRESH_SECONDS = 5  # a worker whose heartbeat is older is not given anybody
MOST_BESIDE = 4


def session_for(project_id: UUID, room_id: str | None) -> models.MediaSession:
    """The session of a call that goes to that room (None: to no room). In the transaction of its dial, which
    writes one that is new."""
    if room_id is None:
        return models.MediaSession(project_id=project_id, wanted_at=clock.now())
    lock_room(room_id)
    live = models.MediaSession.objects.filter(project_id=project_id, room=room_id).exclude(state="ended")
    for session in live.select_related("worker").order_by("wanted_at", "id"):
        if has_place(session):
            return session
    return models.MediaSession(project_id=project_id, room=room_id, wanted_at=clock.now())


def session_beside(project_id: UUID, devices: Collection[str]) -> models.MediaSession | None:
    """The session of a live call of one of these devices, if it takes one more. In the transaction of a dial.

    Who calls, or is called, by SIP during a call may mean to join both calls; their media stay then. A device
    with more than `MOST_BESIDE` calls is an exchange, whose calls are spread.
    """
    if not devices:
        return None
    legs = models.Leg.objects.filter(device_id__in=devices, call__project_id=project_id)
    live = list(legs.exclude(state="ended").exclude(call__state="ended").order_by("id")[: MOST_BESIDE + 1])
    if not live or len(live) > MOST_BESIDE:
        return None
    found = models.MediaSession.objects.select_for_update(of=("self",)).filter(calls=live[0].call_id)
    session = found.first()
    return session if session is not None and session.state != "ended" and has_place(session) else None


def session_of_joined(
    first: models.Call, second: models.Call, waiting: Leg, target: Leg
) -> models.MediaSession | None:
    """Who carries two calls that become one: `waiting` of the first talks with `target` of the second.

    The party whose worker does not go on must be asked for its media afresh. Where only `waiting` can be, the
    second call's session carries both; else the first one's. None: neither party can be asked.
    """
    one, other = first.session, second.session
    together = one == other or (one and other and one.worker_id and one.worker_id == other.worker_id)
    if one is None or other is None or together or can_be_asked(target):
        return one
    return other if can_be_asked(waiting) else None


def can_be_asked(leg: Leg) -> bool:
    """Whether the leg's far end can be asked for a fresh offer, or be given one, in the middle of a call.

    SignalWire's clients have no message for it, and a party that came over REST has no device.
    """
    if leg.kind == "sip" or leg.party is Party.APP:
        return True
    return leg.device_id is not None and models.Device.objects.filter(pk=leg.device_id, kind="phone").exists()


def has_place(session: models.MediaSession) -> bool:
    """Whether who carries this session, or will, takes one more member."""
    legs = models.Leg.objects.exclude(state="ended").exclude(party="app")
    worker = session.worker
    if worker is None:
        return legs.filter(call__session=session).count() < settings.CALLWRIGHT_MEDIA_LEGS
    alive = worker.heartbeat_at > clock.now() - timedelta(seconds=FRESH_SECONDS)
    if worker.draining or not alive:
        return False
    return legs.filter(call__session__worker=worker).count() < worker.budget


log = logging.getLogger(__name__)

SESSION_TASK = "calling.tasks.run_session"
PROJECT = "callwright_project"
"""Header of the task: for whom the session is. A worker that weighs projects need not read the row first."""


def require_redis() -> None:
    """A new dial needs Redis to start its media session: 503 before anything is written."""
    if not nudge.available():
        raise errors.Unavailable("Calls cannot be started at the moment; try again.", retry_after=2)


def start_session(session: models.MediaSession) -> None:
    """Ask the workers to take a session, once it is committed; the sweep asks again if nobody did."""
    session_id, epoch, project = str(session.id), session.epoch, str(session.project_id)

    def send() -> None:
        try:
            current_app.send_task(
                SESSION_TASK,
                args=[session_id, epoch],
                headers={PROJECT: project},
                queue="media",
                expires=10,
                retry=False,
            )
        except Exception as error:  # the broker client raises many kinds; the sweep is the guarantee
            log.warning(
                "A media session could not be dispatched", extra={"session": session_id, "error": str(error)}
            )

    transaction.on_commit(send)
