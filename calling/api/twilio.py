"""The one route of Twilio's REST API that voice bots use: hang up the call their media stream belongs to.

pipecat's `TwilioFrameSerializer` posts `Status=completed` to
`{base_url}/2010-04-01/Accounts/{AccountSid}/Calls/{CallSid}.json` with Basic auth; here an account is a
project, its token an API token, a CallSid the call's id. A call that is over already is Twilio's 404 with
code 20404, which those clients take for done.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response

from calling.api.view import SwitchboardView
from calling.calls import control
from calling.commands import leg_selection
from calling.machine import inputs
from rest import errors

GONE = {"code": 20404, "message": "The requested resource was not found", "status": 404}


class BotHangupView(SwitchboardView):
    parser_classes = [FormParser]  # what Twilio's clients send

    @extend_schema(exclude=True)
    def post(self, request: Request, account: str, call_id: str) -> Response:
        key = self.key(request)
        if account != str(key.project_id):
            return Response(GONE, status=404)
        sent = request.data
        status = sent.get("Status") if isinstance(sent, dict) else None
        if status not in ("completed", "canceled"):
            raise errors.Unprocessable("invalid_parameter", "Status must be completed.", "Status")
        try:
            row, _ = leg_selection.locate(key, call_id)
        except errors.NotFound:
            return Response(GONE, status=404)
        if row.state == "ended":
            return Response(GONE, status=404)
        control.apply(row.id, inputs.Hangup())
        return Response(shape(str(row.id), account))


def shape(call_id: str, account: str) -> dict[str, Any]:
    """The part of Twilio's call resource that clients read."""
    return {"sid": call_id, "account_sid": account, "status": "completed"}
