"""The envelope `{command, id, params}`: find the command, then its call, then let it be carried out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response

from calling.api import schema
from calling.api.view import SwitchboardView
from calling.commands import leg_selection
from calling.commands.params import Params
from calling.signalwire.calling_api import calls
from calling.signalwire.calling_api.call_leg import call_leg
from calling.signalwire.calling_api.commands import COMMANDS, NOT_SUPPORTED
from calling.signalwire.calling_api.envelope import Request, not_supported
from rest import errors
from rest.openapi import shape
from tokens.subjects import ApiKey

Envelope = shape(
    "CallingCommand",
    command=schema.text(help_text="dial, update, calling.end, calling.play, …"),
    id=serializers.UUIDField(required=False, help_text="the call; in params for update, absent for dial"),
    params=serializers.DictField(required=False),
)
CallLeg = shape(
    "CallLeg",
    id=serializers.UUIDField(),
    to=schema.text(),
    charge=serializers.FloatField(),
    charge_details=serializers.ListField(child=serializers.DictField(child=serializers.JSONField())),
    direction=serializers.ChoiceField(["inbound", "outbound-api"]),
    status=schema.text(),
    duration=serializers.IntegerField(),
    duration_ms=serializers.IntegerField(),
    billing_ms=serializers.IntegerField(),
    url=schema.text(allow_null=True),
    source=schema.text(),
    type=schema.text(),
    parent_id=serializers.UUIDField(allow_null=True),
    created_at=serializers.DateTimeField(),
    control_id=schema.maybe(),
    **{"from": schema.text()},
)


class CallingView(SwitchboardView):
    @extend_schema(
        operation_id="calling_command",
        summary="Run a command of SignalWire's calling API",
        request=Envelope,
        responses={200: CallLeg, **schema.ERRORS},
        tags=["SignalWire"],
    )
    def post(self, request: HttpRequest) -> Response:
        key = self.key(request)
        form = Params(request.data)
        command = form.text("command", 100, required=True)
        params = form.value("params")
        if params is not None and not isinstance(params, dict):
            form.fail("params", "params must be an object.")
        form.check()
        return Response(self.carry_out(key, command or "", form, Params(params or {})))

    def carry_out(self, key: ApiKey, command: str, form: Params, params: Params) -> dict[str, Any]:
        if command == "dial":
            return call_leg(calls.dial(key, params))
        if command in NOT_SUPPORTED:
            raise not_supported(command, "command")
        do = calls.update if command == "update" else COMMANDS.get(command)
        if do is None:
            raise errors.Unprocessable(
                "invalid_command_attempted", f"There is no command {command[:60]}.", "command"
            )
        named = params if command == "update" and params.given("id") else form
        call_id = named.text("id", 45, required=True)
        named.check()
        row, _ = leg_selection.locate(key, call_id or "")
        extra = do(Request(key, command, row, params))
        return call_leg(row.id, extra)
