"""`/api/history`: the calls of a token's holder, from that party's view (docs/contract.md#history)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

import clock
from calling import models
from calling.api import schema
from calling.api.filters import read_words
from calling.api.view import SwitchboardView
from calling.calls import history
from calling.commands import leg_selection
from calling.commands.params import Params
from calling.machine.reasons import Cause
from rest import errors, pagination
from rest.json_bodies import rfc3339
from rest.known_names import query_of
from rest.openapi import listed, shape
from subscribers import replicas
from subscribers.models import Subscriber
from tokens.subjects import TokenHolder

Entry = shape(
    "HistoryEntry",
    id=s.UUIDField(),
    direction=s.ChoiceField(["inbound", "outbound"]),
    missed=s.BooleanField(help_text="the call rang here and was not answered"),
    seen=s.BooleanField(help_text="false for a missed call until POST /api/history/seen"),
    state=s.CharField(),
    kind=s.CharField(),
    **{"from": s.CharField(allow_null=True)},
    from_name=s.CharField(allow_null=True),
    to=s.CharField(),
    to_name=s.CharField(allow_null=True),
    created_at=s.DateTimeField(),
    answered_at=s.DateTimeField(allow_null=True),
    ended_at=s.DateTimeField(allow_null=True),
    duration_ms=s.IntegerField(),
    end_reason=s.CharField(allow_null=True),
    end_cause=s.CharField(allow_null=True),
)
History = listed("History", Entry)
Seen = shape("HistorySeen", seen_at=s.DateTimeField())


class HistoryView(SwitchboardView):
    @extend_schema(
        operation_id="history_list",
        summary="The holder's own calls, newest first",
        parameters=[
            schema.query("direction", "inbound, outbound"),
            schema.query("missed", "true: only missed calls; false: only the others"),
            *schema.PAGING,
        ],
        responses={200: History, **schema.ERRORS},
        tags=["history"],
    )
    @replicas.caught_up
    def get(self, request: Request) -> Response:
        query = query_of(request)
        form = Params(query)
        directions = read_words(form, "direction", ("inbound", "outbound"))
        missed = read_words(form, "missed", ("true", "false"))
        form.check()
        query.know("page_size", "page_token")
        query.check()
        holder = bearer(self, request)
        own = models.Leg.objects.filter(leg_selection.legs_of(holder), part="")  # no shared screens
        mine = own.filter(call_id=OuterRef("pk"))
        rows = models.Call.objects.filter(project_id=holder.project_id).filter(Exists(mine))
        made = Exists(mine.filter(role=history.CALLER))
        if len(set(directions)) == 1:
            rows = rows.filter(made if directions[0] == "outbound" else ~made)
        if len(set(missed)) == 1:
            rows = rows.filter(_missed(mine) if missed[0] == "true" else ~_missed(mine))
        rows = rows.prefetch_related(
            Prefetch("legs", models.Leg.objects.order_by("position", "id")),
            Prefetch("legs", own.order_by("position", "id"), to_attr="own_legs"),
        )
        seen_at = _seen_at(holder)

        def render(call: models.Call) -> dict[str, Any]:
            return history.entry(call, call.own_legs, seen_at)  # type: ignore[attr-defined]  # the prefetch's

        return pagination.page(request, rows, render)


class SeenView(SwitchboardView):
    @extend_schema(
        operation_id="history_seen",
        summary="Mark missed calls as seen",
        request=None,
        responses={200: Seen, **schema.ERRORS},
        tags=["history"],
    )
    def post(self, request: Request) -> Response:
        self.form(request).check()
        holder = bearer(self, request)
        if holder.subscriber_id is None:
            raise errors.Forbidden("not_permitted", "Only a subscriber's missed calls can be marked as seen.")
        now = clock.now()
        Subscriber.objects.filter(pk=holder.subscriber_id).update(history_seen_at=now)
        return Response({"seen_at": rfc3339(now)})


def bearer(view: SwitchboardView, request: Request) -> TokenHolder:
    """The holder of the token that asks; 403 for an API key, which has no calls of its own."""
    subject = view.subject(request)
    if not isinstance(subject, TokenHolder):
        raise errors.Forbidden("not_permitted", "This needs a token; with an API key, use /api/calls.")
    return subject


def _seen_at(holder: TokenHolder) -> datetime | None:
    if holder.subscriber_id is None:
        return None
    return (
        Subscriber.objects.filter(pk=holder.subscriber_id).values_list("history_seen_at", flat=True).first()
    )


def _missed(mine: QuerySet[models.Leg]) -> Q:
    """The rule of `calling.calls.history.missed`, for the database: filters must agree with what is shown."""
    vain = mine.filter(end_reason__in=[str(reason) for reason in history.IN_VAIN])
    return (
        ~Q(Exists(mine.filter(role=history.CALLER)))
        & ~Q(Exists(mine.filter(Q(peer_id__isnull=False) | ~Q(state="ended"))))
        & Q(Exists(vain.exclude(end_cause=Cause.ANSWERED_ELSEWHERE)))
    )
