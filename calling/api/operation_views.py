"""`play say record collect stream` on a call, and what their owner wants of them later. API keys only."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling import operating, operation_fields, payloads, store, verbs
from calling.api import schema
from calling.api.view import SwitchboardView
from calling.fields import Form
from subscribers.http import problems

SUMMARIES = {
    "play": "Play files, speech, silence or ringing to a leg",
    "say": "Speak a text to a leg",
    "record": "Record a leg, or the whole call",
    "collect": "Collect a leg's digits",
    "stream": "Stream a leg's sound to a WebSocket",
}


def operation_view(verb: str) -> Any:
    class OperationView(SwitchboardView):
        @extend_schema(
            operation_id=f"calls_{verb}",
            summary=SUMMARIES[verb],
            request=schema.OperationBody,
            responses={200: schema.Operation, **schema.ERRORS},
            tags=["operations"],
        )
        def post(self, request: Request, call_id: str) -> Response:
            key = self.key(request)
            control_id, params = operation_fields.read(verb, request.data)
            form = Form(request.data)
            if verb == "record" and not form.has("leg"):
                found, leg_id = str(store.locate(key, call_id)[0].id), None
            else:
                found, leg = verbs.which_leg(key, call_id, form, acting=False)
                leg_id = leg.id
            operation = operating.operate(found, leg_id, verb, control_id, params)
            return Response(payloads.operation_payload(operation))

    return OperationView.as_view()


class WishView(SwitchboardView):
    """What the owner of a long operation wants of it now."""

    @extend_schema(
        operation_id="calls_operation_control",
        summary="Stop, pause, resume a long operation, or change its volume",
        request=schema.Wish,
        responses={200: schema.Operation, **schema.ERRORS},
        tags=["operations"],
    )
    def post(self, request: Request, call_id: str, verb: str, control_id: str, wish: str) -> Response:
        key = self.key(request)
        if wish not in operation_fields.WISHES.get(verb, ()):
            raise problems.NotFound()
        params = operation_fields.read_wish(verb, wish, request.data)
        row, _ = store.locate(key, call_id)
        return Response(payloads.operation_payload(operating.wish(row.id, verb, control_id, wish, params)))


VIEWS = {verb: operation_view(verb) for verb in operation_fields.VERBS}
