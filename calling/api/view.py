"""What every view of the switchboard shares: who asks, what came in, and waiting for a worker's answer."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Prefetch, QuerySet
from rest_framework.request import Request
from rest_framework.views import APIView

from calling import models, payloads, snapshots, store
from calling.machine.states import Call
from subscribers.http import problems
from tokens.subjects import ApiKey, Subject, TokenHolder

ANSWER_SECONDS = 2.0


class SwitchboardView(APIView):
    """A view whose `subject` is an API key or the bearer of a token."""

    @staticmethod
    def subject(request: Request) -> Subject:
        asker: Subject = request.auth  # type: ignore[assignment]  # set by the classes of `tokens`
        return asker

    @staticmethod
    def key(request: Request) -> ApiKey:
        """The API key that asks; 403 for a token: it may never do this (contract 2)."""
        if not isinstance(request.auth, ApiKey):
            raise problems.Forbidden()
        return request.auth


def codecs_of(calls: list[Call]) -> dict[str, dict[str, Any]]:
    ids = [leg.id for call in calls for leg in call.legs]
    pairs = models.Leg.objects.filter(pk__in=ids).values_list("id", "codec")
    return {str(leg_id): codec for leg_id, codec in pairs}


def with_legs(rows: QuerySet[models.Call]) -> QuerySet[models.Call]:
    """Calls with their legs and attempts read along, for lists: three queries a page."""
    legs = models.Leg.objects.order_by("position", "id").prefetch_related(
        Prefetch("attempts", models.Attempt.objects.order_by("id"))
    )
    return rows.prefetch_related(Prefetch("legs", legs))


def listed_json(row: models.Call) -> dict[str, Any]:
    """One call of a list; SDP answers are left to the single call."""
    legs = list(row.legs.all())
    values = tuple(snapshots.leg_value(leg, list(leg.attempts.all())) for leg in legs)
    codecs = {str(leg.id): leg.codec for leg in legs}
    return payloads.call_payload(snapshots.call_value(row, values), row, None, codecs)


def call_json(subject: Subject, call_id: UUID | str) -> dict[str, Any]:
    """One call as the subject sees it: with the SDP answer of a token's own leg."""
    row, own = store.locate(subject, call_id)
    call = store.values([row])[0]
    return payloads.call_payload(call, row, own.id if own else None, codecs_of([call]))


def wait_for_answer(subject: Subject, call_id: UUID | str) -> None:
    """Give a worker up to two seconds to answer the offer of the token's leg in a call (contract 5).

    No connection of the pool is held while it sleeps.
    """
    if not isinstance(subject, TokenHolder):
        return
    deadline = time.monotonic() + getattr(settings, "CALLWRIGHT_ANSWER_SECONDS", ANSWER_SECONDS)
    pause = 0.01
    while True:
        _, leg = store.locate(subject, call_id)
        if leg is None or leg.answer is not None or not leg.live or leg.offer is None:
            return
        if time.monotonic() + pause > deadline:
            return
        if not connection.in_atomic_block:
            connection.close()
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
