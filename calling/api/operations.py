"""Operations on a call, and their control while they run. API keys only."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling.api import operation_schema, schema
from calling.api.view import SwitchboardView
from calling.calls import payloads
from calling.commands import leg_selection, operation_params, operations, speech_params
from calling.commands.params import invalid
from rest import errors

SUMMARIES = {
    "play": "Play files, speech, silence or a ringing tone to a leg",
    "say": "Speak a text to a leg",
    "record": "Record a leg, or the whole call",
    "collect": "Collect digits or words from a leg",
    "stream": "Stream the audio of a leg to a WebSocket",
    "transcribe": "Transcribe a leg, or the whole call",
    "detect": "Detect whether a person, a machine or a fax answered",
    "relay": "Let a program talk with a leg by text (conversation relay)",
    "denoise": "Remove background noise from the sound of a leg",
}
WHOLE_CALL = ("record", "transcribe")  # without a leg they are of every party


def operation_view(verb: str) -> Any:
    class OperationView(SwitchboardView):
        @extend_schema(
            operation_id=f"calls_{verb}",
            summary=SUMMARIES[verb],
            request=operation_schema.OPERATIONS[verb],
            responses={200: operation_schema.Operation, **schema.ERRORS},
            tags=["operations"],
        )
        def post(self, request: Request, call_id: str) -> Response:
            key = self.key(request)
            form = self.form(request)
            form.know("leg")
            if verb in operation_params.SPEECH:
                leg_selection.locate(key, call_id)
                speech_params.require_worker()
            control_id, params = operation_params.read(verb, form)
            if verb in WHOLE_CALL and not form.given("leg"):
                if verb == "record" and params["direction"] in ("speak", "listen"):
                    raise invalid("leg", "direction needs a leg.", "leg_required")
                found, leg_id = str(leg_selection.locate(key, call_id)[0].id), None
            else:
                found, leg = leg_selection.select_leg(key, call_id, form, acting=False)
                leg_id = leg.id
            operation = operations.operate(found, leg_id, verb, control_id, params)
            return Response(payloads.operation_payload(operation))

    return OperationView.as_view()


class WishView(SwitchboardView):
    """Stop, pause, resume or volume of a running operation."""

    @extend_schema(
        operation_id="calls_operation_control",
        summary="Stop, pause or resume an operation, or change its volume",
        request=operation_schema.Wish,
        parameters=[
            schema.word("verb", operation_params.WISHES, "the verb of the operation"),
            schema.word("wish", ("stop", "pause", "resume", "volume"), "what to do with it"),
        ],
        responses={200: operation_schema.Operation, **schema.ERRORS},
        tags=["operations"],
    )
    def post(self, request: Request, call_id: str, verb: str, control_id: str, wish: str) -> Response:
        key = self.key(request)
        if wish not in operation_params.WISHES.get(verb, ()):
            raise errors.NotFound
        params = operation_params.read_wish(verb, wish, self.form(request))
        row, _ = leg_selection.locate(key, call_id)
        return Response(
            payloads.operation_payload(operations.control_operation(row.id, verb, control_id, wish, params))
        )


VIEWS = {verb: operation_view(verb) for verb in operation_params.VERBS}
