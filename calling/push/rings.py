"""Which legs have begun to ring at subscribers with push subscriptions, and which of them ring no more.

Reads legs as they stand, not events: after any pause a call that is over is not rung for, and whoever was
told of one is told its end. Each leg is taken once, whatever runs beside. A process that dies between taking
and sending has told nobody of those legs. Nothing here sends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet, Window
from django.db.models.functions import RowNumber

import clock
from calling import models
from calling.calls import history, queries
from calling.machine.reasons import Cause, EndReason
from calling.machine.states import Call, Leg, Role, TimerKind
from calling.runtime import fair_slots
from tokens.models import IssuedToken

NOBODY: Final[Mapping[str, int]] = {}
CANCEL_SECONDS: Final = 60  # how long a push service keeps the end for a browser that is away


@dataclass(frozen=True)
class Notice:
    """One message for the browsers of one subscriber; `ttl` in seconds from `at`."""

    project_id: UUID
    leg_id: UUID
    call_id: UUID
    body: dict[str, str]
    ttl: int
    at: datetime
    browsers: tuple[models.PushSubscription, ...]


@dataclass(frozen=True)
class News:
    begun: tuple[Notice, ...] = ()
    over: tuple[Notice, ...] = ()


def take(most: int, busy: Mapping[str, int] = NOBODY) -> News:
    """What is to be told now: of at most `most` legs that ring and as many that ring no more, each project in
    its turn. `busy`: of how many legs a project's messages are on their way already."""
    now = clock.now()
    return News(tuple(_take_begun(now, most, busy)), tuple(_take_over(now, most, busy)))


def drop_revoked() -> int:
    """Forget the subscriptions whose tokens were revoked."""
    return models.PushSubscription.objects.filter(_revoked()).delete()[0]


def _revoked() -> Exists:
    # An invite of that family may be revoked alone.
    own = IssuedToken.objects.filter(family=OuterRef("family"), kind="subscriber")
    return Exists(own.filter(revoked_at__isnull=False))


def oldest(rows: QuerySet[Any], project: str, most: int) -> list[tuple[str, Any]]:
    """(project, id) of the oldest rows; of no project more than `most`, whose field that is."""
    place = Window(RowNumber(), partition_by=[F(project)], order_by=["pk"])
    first = rows.annotate(place=place).filter(place__lte=most).order_by("place", "pk")
    return [(str(whose), key) for whose, key in first.values_list(project, "pk")[: most * 10]]


def _take_begun(now: datetime, most: int, busy: Mapping[str, int]) -> list[Notice]:
    woken = models.PushSubscription.objects.filter(
        subscriber_id=OuterRef("subscriber_id"), project_id=OuterRef("call__project_id")
    )
    told = models.PushRing.objects.filter(leg_id=OuterRef("pk"))
    waiting = ringing().filter(Exists(woken)).exclude(Exists(told))
    mine = fair_slots.chosen(oldest(waiting, "call__project_id", most), busy, most)
    found = []
    for leg in models.Leg.objects.filter(pk__in=mine).select_related("call").order_by("id"):
        facts = {
            "project_id": leg.call.project_id,
            "call_id": leg.call_id,
            "subscriber_id": leg.subscriber_id,
        }
        _, taken = models.PushRing.objects.get_or_create(leg_id=leg.pk, defaults=facts)
        notice = _begun(leg, now) if taken else None
        if notice is not None:
            found.append(notice)
    return found


def _take_over(now: datetime, most: int, busy: Mapping[str, int]) -> list[Notice]:
    still = ringing().filter(pk=OuterRef("leg_id"))
    rings = models.PushRing.objects.exclude(Exists(still))
    mine = fair_slots.chosen(oldest(rings, "project_id", most), busy, most)
    found = []
    for ring in models.PushRing.objects.filter(pk__in=mine).order_by("created_at"):
        if models.PushRing.objects.filter(pk=ring.pk).delete()[0]:
            body = _over(ring)
            browsers = browsers_of(ring.project_id, ring.subscriber_id)
            told = (ring.project_id, ring.leg_id, ring.call_id)
            found.append(Notice(*told, body, CANCEL_SECONDS, now, browsers))
    return found


def ringing() -> QuerySet[models.Leg]:
    """Legs that ring at a subscriber, with a device online or not."""
    rung = (Role.CALLEE.value, Role.TARGET.value)
    return models.Leg.objects.filter(
        state="ringing", party="device", role__in=rung, subscriber_id__isnull=False
    )


def browsers_of(project_id: UUID, subscriber_id: UUID | None) -> tuple[models.PushSubscription, ...]:
    if subscriber_id is None:
        return ()
    rows = models.PushSubscription.objects.filter(project_id=project_id, subscriber_id=subscriber_id)
    return tuple(rows.exclude(_revoked()).order_by("id"))


def _begun(row: models.Leg, now: datetime) -> Notice | None:
    """None where it does not ring any more, or its time to ring is up."""
    call = queries.snapshot(row.call_id)
    leg = call.leg(str(row.pk))
    left = seconds_left(call, str(row.pk), now)
    if leg is None or leg.state.value != "ringing" or left <= 0:
        return None
    body = {"type": "call.incoming", "call_id": str(row.call_id), **_from(row.call, call, leg)}
    browsers = browsers_of(row.call.project_id, row.subscriber_id)
    return Notice(row.call.project_id, row.pk, row.call_id, body, math.ceil(left), now, browsers)


def _over(ring: models.PushRing) -> dict[str, str]:
    """How the ringing ended, and of whom: a browser must show something for each message (`userVisibleOnly`),
    and may not have fetched the beginning. Of an erased call nothing is told."""
    body = {"type": "call.cancelled", "call_id": str(ring.call_id)}
    row = models.Leg.objects.filter(pk=ring.leg_id).select_related("call").first()
    if row is None:
        return {**body, "reason": "ended", "from": "", "from_name": ""}
    call = queries.snapshot(row.call_id)
    leg = call.leg(str(row.pk))
    shown = {"from": row.call.from_address, "from_name": row.call.from_name}
    return {**body, "reason": _reason(row), **(_from(row.call, call, leg) if leg is not None else shown)}


def _reason(row: models.Leg) -> str:
    if history.missed([row]):
        return "missed"
    if row.state == "answered" or row.peer_id is not None or row.end_cause == Cause.ANSWERED_ELSEWHERE:
        return "answered"
    return "rejected" if row.end_reason == EndReason.REJECTED else "ended"


def _from(row: models.Call, call: Call, leg: Leg) -> dict[str, str]:
    """Who rings: the caller, or whoever waits for the target of a transfer."""
    caller = call.rung_for(leg)
    if caller is not None and caller.role is not Role.CALLER:
        return {"from": caller.address, "from_name": caller.name}
    return {"from": row.from_address, "from_name": row.from_name}


def seconds_left(call: Call, leg_id: str, now: datetime) -> float:
    """How long the leg may ring yet."""
    ends = [timer.at for timer in call.timers if timer.kind is TimerKind.RING and timer.leg_id == leg_id]
    return (min(ends) - now).total_seconds() if ends else float(call.ring_seconds)
