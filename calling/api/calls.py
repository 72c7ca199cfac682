"""`/api/calls`: dial, list and read calls, with their events and quality."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling import models
from calling.api import filters, schema
from calling.api.erasure import asker_of
from calling.api.view import SwitchboardView, call_json, listed_json, wait_for_answer, with_legs
from calling.calls import event_log
from calling.commands import dial, leg_selection
from calling.retention import erasure
from rest import links, pagination
from rest.json_bodies import rfc3339
from rest.known_names import query_of
from subscribers import replicas
from tokens.subjects import Subject, TokenHolder


def visible_calls(subject: Subject) -> QuerySet[models.Call]:
    """All calls of the project, or those that the token's holder has or had a leg in."""
    rows = models.Call.objects.filter(project_id=subject.project_id)
    if not isinstance(subject, TokenHolder):
        return rows
    legs = models.Leg.objects.filter(leg_selection.legs_of(subject))
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
        call_id = dial.dial(subject, self.form(request), claim=getattr(request, "claim", None)).id
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
    @replicas.caught_up
    def get(self, request: Request) -> Response:
        query = filters.read_calls_query(query_of(request))
        rows = visible_calls(self.subject(request)).filter(query.where)
        if not isinstance(self.subject(request), TokenHolder):
            rows = rows.filter(supervises=None)  # they are shown as legs of the calls that they supervise
        return pagination.page(request, with_legs(rows), listed_json)


class CallView(SwitchboardView):
    @extend_schema(
        operation_id="calls_get",
        summary="One call",
        responses={200: schema.Call, **schema.ERRORS},
        tags=["calls"],
    )
    def get(self, request: Request, call_id: str) -> Response:
        return Response(call_json(self.subject(request), call_id))

    @extend_schema(
        operation_id="calls_delete",
        summary="Delete an ended call with its events, statistics and recordings",
        request=None,
        responses={204: None, **schema.ERRORS},
        tags=["calls"],
    )
    def delete(self, request: Request, call_id: str) -> Response:
        erasure.erase_call(asker_of(self, request), leg_selection.uuid_or_404(call_id))
        return Response(status=204)


class CallEventsView(SwitchboardView):
    @extend_schema(
        operation_id="calls_events",
        summary="List the events of a call",
        parameters=[schema.query("after", "a sequence", int), schema.PAGE_SIZE],
        responses={200: schema.Events, **schema.ERRORS},
        tags=["calls"],
    )
    def get(self, request: Request, call_id: str) -> Response:
        row, _ = leg_selection.locate(self.subject(request), call_id)
        after = filters.read_count(query_of(request), "after", 0, 0, 2**31 - 1)
        size = filters.read_count(query_of(request), "page_size", 200, 1, 200)
        events = event_log.of_call(row.id).filter(sequence__gt=after)
        if isinstance(self.subject(request), TokenHolder):
            # No party is told who supervises it, nor in words what the other said while it was on hold.
            for hidden in ("leg.supervising", "transcribe.", "detect.", "relay."):
                events = events.exclude(type__startswith=hidden)
        found = list(events.order_by("sequence").values_list("sequence", "body")[: size + 1])
        more, found = len(found) > size, found[:size]

        def link(sequence: int) -> str:
            query = urlencode({"after": sequence, "page_size": size})
            return links.absolute(f"{request.path}?{query}")

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
    return {**sample, "at": rfc3339(datetime.fromtimestamp(at, UTC))}


class CallStatsView(SwitchboardView):
    @extend_schema(
        operation_id="calls_stats",
        summary="Quality of a call per leg, over time",
        responses={200: schema.Stats, **schema.ERRORS},
        tags=["calls"],
    )
    def get(self, request: Request, call_id: str) -> Response:
        row, _ = leg_selection.locate(self.subject(request), call_id)
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
