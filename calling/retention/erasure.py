"""Permanent deletion of calls and subscribers: rows and files go, an audit entry stays.

A call goes at once. A subscriber goes at once too, and the calls it had part in follow as soon as each has
ended and its recordings are written: the audit log says what is still to be done, and the sweep does it.
What stays: the ledger and its charges (accounting), audit entries, answers kept for an `Idempotency-Key`
(encrypted, 24 h).
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet

import clock
from calling import models
from calling.calls import control
from calling.machine import inputs
from calling.media.recording import store as recording_store
from calling.webhooks.removal import remove_deliveries, remove_endpoints
from rest import errors
from subscribers import provisioning, row_security
from subscribers.models import Subscriber
from tokens import revocation

log = logging.getLogger(__name__)

AFTER = timedelta(hours=1)  # so long after its end a room may speak of a call
SETTLED = timedelta(seconds=5)  # so long after it was asked for a process may have let its tokens dial
BATCH = 50  # calls of one subscriber, and subscribers of one project, in one round of the sweep
ASKED, DONE = "subscriber.erase", "subscriber.erased"


@dataclass(frozen=True)
class Asker:
    """Who asked, for the audit log."""

    project_id: UUID
    name: str
    source: str = ""

    def note(self, action: str, subject: object, **detail: object) -> models.StaffAction:
        return models.StaffAction.objects.create(
            project_id=self.project_id,
            name=self.name[:150],
            action=action,
            subject=str(subject)[:300],
            detail=detail,
            source=self.source[:64],
        )


def erase_call(asker: Asker, call_id: UUID) -> None:
    """Remove an ended call. 404 where the project has none; 409 while it lives or is still being recorded."""
    with row_security.lifted(), transaction.atomic():
        row = models.Call.objects.select_for_update().filter(pk=call_id, project_id=asker.project_id).first()
        if row is None:
            raise errors.NotFound
        if row.state != "ended":
            raise errors.Conflict("not_allowed", f"Only an ended call is deleted (state: {row.state}).")
        if recordings_of(row).filter(state="recording").exists():
            raise errors.Conflict("not_allowed", "Its recording is still being written (state: recording).")
        recordings = remove(row)
        asker.note("call.delete", call_id, recordings=recordings)


def erase_subscriber(asker: Asker, subscriber_id: UUID) -> None:
    """Remove a subscriber and what it can be reached by, hang up, and leave its calls to the sweep.

    Asked for again while it goes on, it is gone on with: who broke off after the first step comes back.
    """
    with row_security.lifted():
        with transaction.atomic():
            row = Subscriber.objects.filter(pk=subscriber_id, project_id=asker.project_id).first()
            if row is not None:
                asker.note(ASKED, row.pk, address=row.address)
                revocation.revoke_subscriber(asker.project_id, row.pk)
                models.Device.objects.filter(project_id=asker.project_id, subscriber_id=row.pk).delete()
                provisioning.remove(row)
        entry = unfinished().filter(project_id=asker.project_id, subject=str(subscriber_id)).first()
        if entry is None or (row is None and not calls_of(entry).exists()):
            raise errors.NotFound
        hang_up(asker.project_id, subscriber_id)
        attempt(entry)  # a first round at once


def hang_up(project_id: UUID, subscriber_id: UUID) -> None:
    """End its live legs; what is left of those calls goes on without it."""
    live = models.Leg.objects.filter(subscriber_id=subscriber_id, call__project_id=project_id)
    for leg_id, call_id in list(live.exclude(state="ended").values_list("id", "call_id")):
        control.apply(call_id, inputs.Hangup(str(leg_id)))


def unfinished() -> QuerySet[models.StaffAction]:
    """Erasures that were requested and are not finished."""
    later = models.StaffAction.objects.filter(
        action=DONE, subject=OuterRef("subject"), project=OuterRef("project")
    )
    return models.StaffAction.objects.filter(action=ASKED, project__isnull=False).exclude(Exists(later))


def sweep() -> int:
    """Go on with the erasures that were asked for, the oldest of each project. How many calls went."""
    taken: Counter[UUID | None] = Counter()
    done = 0
    for entry in unfinished().order_by("id"):
        taken[entry.project_id] += 1
        if taken[entry.project_id] <= BATCH:
            done += attempt(entry)
    return done


def attempt(entry: models.StaffAction) -> int:
    """`go_on`. One that fails (a store of recordings is unavailable) does not keep the others waiting."""
    try:
        return go_on(entry)
    except Exception as error:
        log.warning("An erasure goes on later", extra={"error": type(error).__name__})
        return 0


def go_on(entry: models.StaffAction) -> int:
    """Remove the ended calls of one erased subscriber; note the end once none is left, and none can come."""
    assert entry.project_id is not None
    subscriber_id, found = UUID(entry.subject), calls_of(entry)
    hang_up(entry.project_id, subscriber_id)
    writing = models.Recording.objects.filter(state="recording").values("call_id")
    ready = found.filter(state="ended").exclude(pk__in=writing).values_list("id", flat=True)
    done = 0
    for call_id in list(ready[:BATCH]):
        with transaction.atomic():
            row = models.Call.objects.select_for_update(skip_locked=True).filter(pk=call_id).first()
            if row is not None:
                remove(row)
                done += 1
    if clock.now() - entry.at > SETTLED and not found.exists():
        Asker(entry.project_id, entry.name, entry.source).note(DONE, subscriber_id)
    return done


def calls_of(entry: models.StaffAction) -> QuerySet[models.Call]:
    """The calls that an erased subscriber had part in, or that named its address while it had that."""
    assert entry.project_id is not None
    address = str(entry.detail.get("address", ""))
    legs = models.Leg.objects.filter(subscriber_id=UUID(entry.subject)).values("call_id")
    named = (Q(from_address=address) | Q(to_address=address)) & Q(created_at__lte=entry.at)
    return models.Call.objects.filter(Q(pk__in=legs) | named, project_id=entry.project_id)


def recordings_of(row: models.Call) -> QuerySet[models.Recording]:
    return models.Recording.objects.filter(call_id=row.pk, project_id=row.project_id)


def remove(row: models.Call) -> int:
    """Delete an ended call, which the caller has locked, with all that tells of it. How many recordings."""
    for supervising in models.Call.objects.filter(supervises=row.pk):
        remove(supervising)
    recordings = list(recordings_of(row))
    for each in recordings:
        try:
            recording_store.erase(each)
        except Exception as error:  # botocore's many kinds, OSError: the rows stay until the files are gone
            raise errors.Unavailable("The store of recordings is unavailable.", retry_after=5) from error
    recordings_of(row).delete()
    forget_events(row)
    remove_endpoints(models.WebhookEndpoint.objects.filter(call_id=row.pk))
    models.Member.objects.filter(call_id=row.pk).delete()
    models.SipDialog.objects.filter(call_id=row.pk).delete()
    models.SipMessage.objects.filter(call_id=row.pk).delete()
    peers = [peer_id for peer_id in row.legs.values_list("peer_id", flat=True) if peer_id is not None]
    models.IceCandidate.objects.filter(peer_id__in=peers).delete()
    row.delete()
    return len(recordings)


def forget_events(row: models.Call) -> None:
    """Delete a call's events, and those of rooms that name it, with their deliveries.

    The project's oldest and newest event stay as empty shells where they are among them: positions count on
    from the newest, and a cursor is judged by the oldest (`calling.calls.event_log`, `calling.retention`).
    """
    ours = Q(call_id=row.pk) | Q(
        project_id=row.project_id,
        stream__startswith="room:",
        created_at__range=(row.created_at, (row.ended_at or clock.now()) + AFTER),
        body__contains=str(row.pk),
    )
    of_project = models.Event.objects.filter(project_id=row.project_id, position__isnull=False)
    ends = set(of_project.aggregate(Min("position"), Max("position")).values()) - {None}
    events = models.Event.objects.filter(ours)
    remove_deliveries(models.Delivery.objects.filter(event__in=events))
    for event in events.filter(position__in=ends):
        shell = {**json.loads(event.body), "data": {"sequence": event.sequence}}
        models.Event.objects.filter(pk=event.pk).update(
            body=json.dumps(shell, separators=(",", ":")), data={}, call_id=None, leg_id=None
        )
    events.exclude(position__isnull=False, position__in=ends).delete()
