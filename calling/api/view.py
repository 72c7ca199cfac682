"""What all views of calls share: the subject, the body, and waiting for a worker's answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from rest_framework.request import Request

import clock
from calling import models
from calling.calls import mapping, payloads, queries
from calling.commands import leg_selection
from calling.commands.params import Params
from calling.runtime import db_threads
from calling.runtime.call_news import call_news
from rest.views import RestView
from tokens.authentication import key_of
from tokens.subjects import ApiKey, Subject, TokenHolder

ANSWER_SECONDS = 2.0
UNHEARD_SECONDS = 0.25  # until the next look without a nudge


class SwitchboardView(RestView):
    """A view whose `subject` is an API key or the bearer of a token."""

    @staticmethod
    def form(request: Request) -> Params:
        """The fields of the body; unknown ones are refused."""
        return Params(request.data, strict=True)

    @staticmethod
    def subject(request: Request) -> Subject:
        asker: Subject = request.auth  # type: ignore[assignment]  # set by the classes of `tokens`
        return asker

    key = staticmethod(key_of)


def with_legs(rows: QuerySet[models.Call]) -> QuerySet[models.Call]:
    """Calls with their legs and attempts read along, for lists: three queries a page."""
    legs = models.Leg.objects.order_by("position", "id").prefetch_related(
        Prefetch("attempts", models.Attempt.objects.order_by("id"))
    )
    return rows.prefetch_related(Prefetch("legs", legs))


def listed_json(row: models.Call) -> dict[str, Any]:
    """One call of a list; SDP answers are left to the single call."""
    legs = list(row.legs.all())
    values = tuple(mapping.leg_value(leg, list(leg.attempts.all())) for leg in legs)
    codecs = {str(leg.id): leg.codec for leg in legs}
    return payloads.call_payload(mapping.call_value(row, values), row, None, codecs)


def call_json(subject: Subject, call_id: UUID | str) -> dict[str, Any]:
    """One call as the subject sees it: with the SDP answer of a token's own leg."""
    row, own = leg_selection.locate(subject, call_id)
    call = queries.values([row])[0]
    found = payloads.call_payload(call, row, own.id if own else None, row.codecs)
    if isinstance(subject, ApiKey):
        supervising = models.Call.objects.filter(supervises=row.id).order_by("created_at", "id")
        found["legs"] += [supervisor_json(each) for each in supervising]
    return found


def supervisor_json(row: models.Call, *, answer: bool = False) -> dict[str, Any]:
    """The supervisor of a supervisor's call, as a leg of the supervised one."""
    call = queries.values([row])[0]
    leg = call.supervisor
    assert leg is not None
    found = payloads.supervisor_payload(call, leg, (row.codecs or {}).get(leg.id, {}))
    return {**found, "answer": leg.answer} if answer else found


def wait_for_leg(call_id: str, leg_id: str) -> None:
    """Give a worker up to two seconds to answer the offer of that leg of a call."""
    unanswered = models.Leg.objects.filter(pk=leg_id, offer__isnull=False, answer=None).exclude(state="ended")
    with call_news.of(call_id) as heard:
        wait_while(unanswered.exists, heard)


def wait_for_answer(subject: Subject, call_id: UUID | str) -> None:
    """Give a worker up to two seconds to answer the offer of the token's leg in a call.

    No connection of the pool is held while it sleeps.
    """
    if isinstance(subject, TokenHolder):
        row, leg = leg_selection.locate(subject, call_id)
        if leg is not None and leg.answer is None and leg.live and leg.offer is not None:
            wait_for_leg(str(row.id), leg.id)


def wait_while(waits: Callable[[], bool], heard: threading.Event) -> None:
    """Check until the wait is over: at each nudge, and periodically (rarely where nudges are heard)."""
    deadline = clock.monotonic() + ANSWER_SECONDS
    pause = 0.01
    while True:
        heard.clear()
        if not waits():
            return
        left = deadline - clock.monotonic()
        if left < pause:
            return
        db_threads.give_back()
        if call_news.hears:
            heard.wait(min(left, UNHEARD_SECONDS))
        else:
            clock.sleep(pause)
            pause = min(pause * 1.5, 0.1)
