"""The envelope `{command, id, params}`: find the command, then its call, then let it be carried out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response

from calling import store
from calling.api import schema
from calling.api.calling import whole_calls
from calling.api.calling.call_leg import call_leg
from calling.api.calling.commands import COMMANDS, NOT_SUPPORTED
from calling.api.calling.envelope import Request, not_supported
from calling.api.view import SwitchboardView
from calling.fields import Form
from subscribers.http import problems
from tokens.subjects import ApiKey

Envelope = schema.shape(
    "CallingCommand",
    command=schema.text(help_text="dial, update, calling.end, calling.play, …"),
    id=serializers.UUIDField(required=False, help_text="the call; in params for update, absent for dial"),
    params=serializers.DictField(required=False),
)
CallLeg = schema.shape(
    "CallLeg",
    id=serializers.UUIDField(),
    to=schema.text(),
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
)


class CallingView(SwitchboardView):
    @extend_schema(
        operation_id="calling_command",
        summary="A calling command of SignalWire's API",
        request=Envelope,
        responses={200: CallLeg, **schema.ERRORS},
        tags=["SignalWire"],
    )
    def post(self, request: HttpRequest) -> Response:
        key = self.key(request)
        form = Form(request.data)
        command = form.text("command", 100, required=True)
        params = form.value("params")
        if params is not None and not isinstance(params, dict):
            form.wrong("params", "params must be an object.")
        form.check()
        return Response(self.carry_out(key, command or "", form, Form(params or {})))

    def carry_out(self, key: ApiKey, command: str, form: Form, params: Form) -> dict[str, Any]:
        if command == "dial":
            return call_leg(whole_calls.dial(key, params))
        if command in NOT_SUPPORTED:
            raise not_supported(command, "command")
        do = whole_calls.update if command == "update" else COMMANDS.get(command)
        if do is None:
            raise problems.Unprocessable(
                "invalid_command_attempted", f"There is no command {command[:60]}.", "command"
            )
        named = params if command == "update" and params.has("id") else form
        call_id = named.text("id", 45, required=True)
        named.check()
        row, _ = store.locate(key, call_id or "")
        extra = do(Request(key, command, row, params))
        return call_leg(row.id, extra)
