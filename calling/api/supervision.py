"""`POST /api/calls/{id}/listen` and `/api/calls/{id}/legs/{leg_id}`: a call's supervisors, and its legs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling.api import schema
from calling.api.view import SwitchboardView, supervisor_json, wait_for_leg
from calling.calls import payloads, queries
from calling.commands import leg_selection, supervision
from tokens.subjects import ApiKey

BY = "API key"


def supervisor_leg(key: ApiKey, call_id: str, leg_id: str) -> dict[str, Any]:
    return supervisor_json(supervision.supervision_of(key, call_id, leg_id), answer=True)


class ListenView(SwitchboardView):
    @extend_schema(
        operation_id="calls_listen",
        summary="Let a supervisor listen to a call, whisper to one party, or barge in",
        request=schema.Listen,
        responses={201: schema.Leg, 402: schema.Errors, **schema.ERRORS},
        tags=["calls"],
    )
    def post(self, request: Request, call_id: str) -> Response:
        made = supervision.listen(self.key(request), call_id, self.form(request), BY)
        wait_for_leg(made.supervising_call_id, made.leg_id)
        place = f"/api/calls/{made.call_id}/legs/{made.leg_id}"
        leg = supervisor_leg(self.key(request), made.call_id, made.leg_id)
        return Response(leg, status=201, headers={"Location": place})


class LegView(SwitchboardView):
    @extend_schema(
        operation_id="calls_leg",
        summary="Read a leg; a supervisor's leg includes its SDP answer",
        responses={200: schema.Leg, **schema.ERRORS},
        tags=["calls"],
    )
    def get(self, request: Request, call_id: str, leg_id: str) -> Response:
        key = self.key(request)
        row, _ = leg_selection.locate(key, call_id)
        call = queries.values([row])[0]
        leg = next((each for each in call.legs if each.id == leg_id), None)
        if leg is not None:
            return Response(payloads.leg_payload(call, leg, (row.codecs or {}).get(leg.id, {})))
        return Response(supervisor_leg(key, call_id, leg_id))

    @extend_schema(
        operation_id="calls_leg_change",
        summary="Change what a supervisor does: listen, whisper or barge",
        request=schema.Supervise,
        responses={200: schema.Leg, **schema.ERRORS},
        tags=["calls"],
    )
    def patch(self, request: Request, call_id: str, leg_id: str) -> Response:
        found = supervision.change(self.key(request), call_id, leg_id, self.form(request), BY)
        return Response(supervisor_leg(self.key(request), found, leg_id))
