"""`client.recordings`: SignalWire's shape of a recording, onto the project's own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling import models
from calling.api import recordings, schema
from calling.api.view import SwitchboardView
from calling.signalwire.rest_api import shapes
from rest import pagination
from rest.json_bodies import rfc3339
from rest.openapi import listed
from subscribers import replicas

STATES = {"recording": "processing", "finished": "completed", "partial": "completed", "failed": "failed"}
LEG = {"pstn": "relay_pstn_leg_id", "sip": "relay_sip_leg_id"}


def payload(row: models.Recording, request: Request) -> dict[str, Any]:
    kind = models.Call.objects.filter(pk=row.call_id).values_list("kind", flat=True).first()
    return {
        "id": str(row.pk),
        "project_id": str(row.project_id),
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.created_at),
        "duration_in_seconds": row.duration_ms // 1000,
        "error_code": None if row.state != "failed" else "recording_failed",
        "price": 0.0,
        "price_unit": "USD",
        "status": STATES[row.state],
        "url": recordings.payload(row, request)["url"],
        "stereo": row.channels == 2,
        "byte_size": row.size,
        "track": "both" if row.leg_id is None or row.channels == 2 else "inbound",
        LEG.get(kind or "", "relay_webrtc_leg_id"): str(row.leg_id or row.call_id),
    }


class Recordings(SwitchboardView):
    @extend_schema(
        operation_id="relay_recordings_list",
        summary="SignalWire: the project's recordings",
        responses={200: listed("RelayRecordings", shapes.Recording)},
        tags=["SignalWire"],
    )
    @replicas.caught_up
    def get(self, request: Request) -> Response:
        rows = models.Recording.objects.filter(project_id=self.key(request).project_id)
        return pagination.page(request, rows, lambda row: payload(row, request))


class RecordingItem(SwitchboardView):
    @extend_schema(
        operation_id="relay_recordings_get",
        summary="SignalWire: one recording",
        responses={200: shapes.Recording},
        tags=["SignalWire"],
    )
    def get(self, request: Request, id: UUID) -> Response:
        return Response(payload(recordings.recording(self.key(request), str(id)), request))

    @extend_schema(
        operation_id="relay_recordings_delete",
        summary="SignalWire: delete a recording and its file",
        request=None,
        responses={204: None, **schema.ERRORS},
        tags=["SignalWire"],
    )
    def delete(self, request: Request, id: UUID) -> Response:
        return recordings.RecordingView().delete(request, str(id))
