"""`/api/calls`: dial, list, one, its events and its figures."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling import models, payloads, store, verbs
from calling.api import filters, schema
from calling.api.view import SwitchboardView, call_json, listed_json, wait_for_answer, with_legs
from subscribers.http import pages
from tokens.subjects import Subject, TokenHolder


def visible_calls(subject: Subject) -> QuerySet[models.Call]:
    """All calls of the project, or those that the token's holder has or had a leg in (contract 2)."""
    rows = models.Call.objects.filter(project_id=subject.project_id)
    if not isinstance(subject, TokenHolder):
        return rows
    legs = models.Leg.objects.all()
    if subject.subscriber_id is not None:
        legs = legs.filter(subscriber_id=subject.subscriber_id)
    else:
        legs = legs.filter(subscriber_id=None, address=subject.address)
    return rows.filter(pk__in=legs.values("call_id"))


class CallsView(SwitchboardView):
    @extend_schema(
        operation_id="calls_dial",
        summary="Dial",
        request=schema.Dial,
        responses={201: schema.Call, 402: schema.Errors, **schema.ERRORS},
        tags=["calls"],
    )
    def post(self, request: Request) -> Response:
        subject = self.subject(request)
        call_id = verbs.dial(subject, request.data, claim=getattr(request, "claim", None))
        wait_for_answer(subject, call_id)
        return Response(
            call_json(subject, call_id), status=201, headers={"Location": f"/api/calls/{call_id}"}
        )

    @extend_schema(
        operation_id="calls_list",
        summary="Calls, newest first",
        parameters=schema.CALL_FILTERS,
        responses={200: schema.Calls, **schema.ERRORS},
        tags=["calls"],
    )
    def get(self, request: Request) -> Response:
        query = filters.read_calls_query(request.query_params.dict())
        rows = visible_calls(self.subject(request)).filter(query.where)
        return pages.page(request, with_legs(rows), listed_json)


class CallView(SwitchboardView):
    @extend_schema(
        operation_id="calls_get",
        summary="One call",
        responses={200: schema.Call, **schema.ERRORS},
        tags=["calls"],
    )
    def get(self, request: Request, call_id: str) -> Response:
        return Response(call_json(self.subject(request), call_id))


class CallEventsView(SwitchboardView):
    @extend_schema(
        operation_id="calls_events",
        summary="What happened in a call, by sequence",
        parameters=[schema.query("after", "a sequence"), schema.query("page_size", "at most 200")],
        responses={200: schema.Events, **schema.ERRORS},
        tags=["calls"],
    )
    def get(self, request: Request, call_id: str) -> Response:
        row, _ = store.locate(self.subject(request), call_id)
        after = filters.read_count(request.query_params, "after", 0, 0, 2**31 - 1)
        size = filters.read_count(request.query_params, "page_size", 200, 1, 200)
        found = list(
            models.Event.objects.filter(call_id=row.id, sequence__gt=after)
            .order_by("sequence")
            .values_list("sequence", "body")[: size + 1]
        )
        more, found = len(found) > size, found[:size]

        def link(sequence: int) -> str:
            query = urlencode({"after": sequence, "page_size": size})
            return request.build_absolute_uri(f"{request.path}?{query}")

        return Response(
            {
                "data": [json.loads(body) for _, body in found],
                "links": {
                    "self": link(after),
                    "first": link(0),
                    "next": link(found[-1][0] or 0) if more else None,
                    "prev": None,
                },
            }
        )


def told(sample: dict[str, Any]) -> dict[str, Any]:
    """A sample as clients see it: rows keep its time as seconds since the epoch."""
    at = sample.get("at")
    if not isinstance(at, float | int):
        return sample
    return {**sample, "at": payloads.rfc3339(datetime.fromtimestamp(at, UTC))}


class CallStatsView(SwitchboardView):
    @extend_schema(
        operation_id="calls_stats",
        summary="Quality of a call per leg, over time",
        responses={200: schema.Stats, **schema.ERRORS},
        tags=["calls"],
    )
    def get(self, request: Request, call_id: str) -> Response:
        row, _ = store.locate(self.subject(request), call_id)
        legs = models.Leg.objects.filter(call_id=row.id).order_by("position", "id")
        return Response(
            {
                "call_id": str(row.id),
                "legs": [
                    {
                        "leg_id": str(leg.id),
                        "role": leg.role,
                        "codec": leg.codec.get("codec"),
                        "samples": [told(sample) for sample in leg.stats],
                    }
                    for leg in legs
                ],
            }
        )
