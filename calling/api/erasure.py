"""`POST /api/fabric/resources/subscribers/{id}/erase`: a subscriber and every trace of its calls."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from calling.api import schema
from calling.api.view import SwitchboardView
from calling.retention import erasure
from rest.openapi import shape

Erasure = shape("Erasure", subscriber_id=s.UUIDField(), state=s.ChoiceField(["erasing"]))


def asker_of(view: SwitchboardView, request: Request) -> erasure.Asker:
    """The API key of the request, as the audit log names it; 403 for a token."""
    source = str(request.META.get("REMOTE_ADDR", ""))
    return erasure.Asker(view.key(request).project_id, "API key", source)


class EraseView(SwitchboardView):
    @extend_schema(
        operation_id="erase_subscriber",
        summary="Erase a subscriber and all its calls, with events and recordings",
        request=None,
        responses={202: Erasure, **schema.ERRORS},
        tags=["directory"],
    )
    def post(self, request: Request, id: UUID) -> Response:
        erasure.erase_subscriber(asker_of(self, request), id)
        return Response({"subscriber_id": str(id), "state": "erasing"}, status=202)
