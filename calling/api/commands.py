"""`POST /api/calls/{id}/<verb>`: one view per verb; what a verb is stands in
`calling.commands.call_commands`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calling.api import schema
from calling.api.view import SwitchboardView, call_json, wait_for_answer
from calling.commands import call_commands
from tokens.subjects import Subject

Verb = Callable[[Subject, str, Any], str]


def verb_view(name: str, verb: Verb, summary: str, body: object, *, waits: bool = False) -> Any:
    """The view of one verb. `waits`: the answer may carry the SDP that a worker makes within 2 s."""

    class VerbView(SwitchboardView):
        @extend_schema(
            operation_id=f"calls_{name.replace('/', '_')}",
            summary=summary,
            request=body,
            responses={200: schema.Call, **schema.ERRORS},
            tags=["calls"],
        )
        def post(self, request: Request, call_id: str) -> Response:
            subject = self.subject(request)
            found = verb(subject, call_id, self.form(request))
            if waits:
                wait_for_answer(subject, found)
            return Response(call_json(subject, found))

    return VerbView.as_view()


class ConsultView(SwitchboardView):
    @extend_schema(
        operation_id="calls_consult",
        summary="Consult a third party before a transfer (attended transfer)",
        request=schema.Consult,
        responses={201: schema.Call, **schema.ERRORS},
        tags=["calls"],
    )
    def post(self, request: Request, call_id: str) -> Response:
        subject = self.subject(request)
        claim = getattr(request, "claim", None)
        found = call_commands.consult(subject, call_id, self.form(request), claim=claim)
        wait_for_answer(subject, found)
        return Response(call_json(subject, found), status=201, headers={"Location": f"/api/calls/{found}"})


VIEWS = {
    "answer": verb_view(
        "answer",
        call_commands.answer,
        "Answer a ringing leg with an SDP or a script",
        schema.Answer,
        waits=True,
    ),
    "reject": verb_view("reject", call_commands.reject, "Reject a ringing leg", schema.Reject),
    "hold": verb_view("hold", call_commands.hold, "Hold a call; the other party hears music", schema.OfLeg),
    "resume": verb_view("resume", call_commands.resume, "Resume a held call", schema.OfLeg),
    "mute": verb_view("mute", call_commands.mute, "Mute a leg", schema.Channels),
    "unmute": verb_view("unmute", call_commands.unmute, "Unmute a leg", schema.Channels),
    "dtmf": verb_view("dtmf", call_commands.dtmf, "Send digits to the other party", schema.Digits),
    "transfer": verb_view(
        "transfer",
        call_commands.transfer,
        "Transfer the other party to a destination (blind transfer)",
        schema.Transfer,
    ),
    "transfer/complete": verb_view(
        "transfer/complete", call_commands.complete_transfer, "Complete an attended transfer", schema.OfLeg
    ),
    "transfer/cancel": verb_view(
        "transfer/cancel", call_commands.cancel_transfer, "Cancel an attended transfer", schema.OfLeg
    ),
    "hangup": verb_view("hangup", call_commands.hangup, "Hang up a leg, or the call", schema.OfLeg),
    "consult": ConsultView.as_view(),
}
