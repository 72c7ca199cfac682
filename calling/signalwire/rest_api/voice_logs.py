"""`client.logs.voice`: the project's calls and their events, in SignalWire's shape."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling import models
from calling.api import filters, schema
from calling.api.view import SwitchboardView
from calling.calls import event_log
from calling.commands import leg_selection
from calling.commands.params import Params
from calling.signalwire.calling_api.call_leg import call_leg, call_legs
from calling.signalwire.rest_api import event_pages, shapes
from rest import pagination
from rest.json_bodies import rfc3339
from rest.openapi import listed
from subscribers import replicas

# How SignalWire's log says that a call ended, by our reason.
ENDED = {
    "hangup": "completed",
    "cancelled": "canceled",
    "busy": "busy",
    "no-answer": "no-answer",
    "rejected": "busy",
    "failed": "failed",
    "transferred": "completed",
}
STATES = {"answered": "in-progress", "created": "created", "ringing": "ringing"}


def logged(row: models.Call, leg: dict[str, Any]) -> dict[str, Any]:
    """A call of the log: its status says how it ended."""
    status = ENDED.get(row.end_reason or "", "completed") if row.state == "ended" else STATES[row.state]
    return {**leg, "status": status}


def read_filter(request: Request) -> Q:
    """`created_after`, `created_before` and `created_on` (a day in UTC)."""
    form = Params(request.query_params.dict())
    where = Q()
    if after := filters.read_time(form, "created_after"):
        where &= Q(created_at__gt=after)
    if before := filters.read_time(form, "created_before"):
        where &= Q(created_at__lt=before)
    if day := filters.read_time(form, "created_on"):
        start = day.replace(hour=0, minute=0, second=0, microsecond=0)
        where &= Q(created_at__gte=start, created_at__lt=start + timedelta(days=1))
    form.check()
    return where


class VoiceLogs(SwitchboardView):
    @extend_schema(
        operation_id="voice_logs_list",
        summary="SignalWire: the log of voice calls, newest first",
        parameters=[
            schema.query("created_after", "RFC 3339"),
            schema.query("created_before", "RFC 3339"),
            schema.query("created_on", "a day, in UTC"),
            *schema.PAGING,
        ],
        responses={200: listed("VoiceLogs", shapes.VoiceLog)},
        tags=["SignalWire"],
    )
    @replicas.caught_up
    def get(self, request: Request) -> Response:
        rows = models.Call.objects.filter(read_filter(request), project_id=self.key(request).project_id)
        page = pagination.page(request, rows, lambda row: row)
        found: list[models.Call] = page.data["data"]
        page.data["data"] = [logged(row, leg) for row, leg in zip(found, call_legs(found), strict=True)]
        return page


class VoiceLog(SwitchboardView):
    @extend_schema(
        operation_id="voice_logs_get",
        summary="SignalWire: one call of the log",
        responses={200: shapes.VoiceLog},
        tags=["SignalWire"],
    )
    def get(self, request: Request, id: UUID) -> Response:
        row, _ = leg_selection.locate(self.key(request), str(id))
        return Response(logged(row, call_leg(row.pk)))


class VoiceLogEvents(SwitchboardView):
    @extend_schema(
        operation_id="voice_logs_events",
        summary="SignalWire: what happened in a call, oldest first",
        parameters=schema.PAGING,
        responses={200: listed("VoiceLogEvents", shapes.LogEvent)},
        tags=["SignalWire"],
    )
    def get(self, request: Request, id: UUID) -> Response:
        row, _ = leg_selection.locate(self.key(request), str(id))
        events = event_log.of_call(row.pk)
        return event_pages.page(request, events, lambda event: log_event(event, str(row.pk)))


def log_event(row: models.Event, log_id: str) -> dict[str, Any]:
    body = json.loads(row.body)
    failed = row.type == "call.ended" and body["data"].get("end_reason") == "failed"
    return {
        "event_at": rfc3339(row.created_at),
        "level": "error" if failed else "info",
        "name": row.type,
        "details": body["data"],
        "project_id": str(row.project_id),
        "log_id": log_id,
    }
