"""Listening to a live call from its page, whispering to a party, speaking to everybody.

Lives here: what the page's script asks, as JSON. The rules, and the audit log's entries, are those of
`calling.commands.supervision`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string

from calling.api.supervision import supervisor_leg
from calling.api.view import wait_for_leg
from calling.commands import errors as command_errors
from calling.commands import supervision
from calling.commands.params import InvalidParams, Params
from calling.dashboard.access import Staff, as_uuid, page, words_of
from calling.machine.inputs import Refused
from rest.errors import ApiError

Answer = Callable[..., dict[str, Any]]


def as_json(view: Answer) -> Callable[..., HttpResponse]:
    """The view's answer, or its refusal, for a script."""

    @wraps(view)
    def answered(request: HttpRequest, staff: Staff, *args: object, **kwargs: object) -> HttpResponse:
        try:
            return JsonResponse(view(request, staff, *args, **kwargs))
        except Refused as refusal:
            error: ApiError = command_errors.refused(refusal)
        except InvalidParams as wrong:
            error = command_errors.invalid(wrong)
        except ApiError as other:
            error = other
        words = words_of(error)
        return JsonResponse({"error": words, "code": error.code}, status=error.status)

    return answered


def form(request: HttpRequest) -> Params:
    try:
        return Params(json.loads(request.body or b"{}"), strict=True)
    except ValueError as error:
        raise NotJson from error


class NotJson(ApiError):
    status, type, code, words = 400, "invalid_request", "bad_request", "The body is not JSON."


@page("operator", "GET", "POST")
@as_json
def listen(request: HttpRequest, staff: Staff, call_id: str) -> dict[str, Any]:
    """GET: the ICE servers for an offer. POST `{sdp, mode?, leg?}`: the supervisor's leg, with its answer."""
    if request.method == "GET":
        servers = import_string(settings.CALLWRIGHT_ICE_SERVERS_FOR)
        return {"ice_servers": servers(f"staff-{staff.user.pk}")}
    made = supervision.listen(staff.subject, str(as_uuid(call_id)), form(request), staff.user.get_username())
    wait_for_leg(made.supervising_call_id, made.leg_id)
    return supervisor_leg(staff.subject, made.call_id, made.leg_id)


@page("operator", "GET", "POST")
@as_json
def supervisor(request: HttpRequest, staff: Staff, call_id: str, leg_id: str) -> dict[str, Any]:
    """GET: how the supervisor's leg stands. POST `{mode, leg?}`: another mode."""
    found = str(as_uuid(call_id))
    if request.method == "POST":
        name = staff.user.get_username()
        found = supervision.change(staff.subject, found, leg_id, form(request), name)
    return supervisor_leg(staff.subject, found, leg_id)


@page("operator", "POST")
@as_json
def stop(request: HttpRequest, staff: Staff, call_id: str, leg_id: str) -> dict[str, Any]:
    """The supervisor leaves; the call goes on."""
    supervision.end(staff.subject, str(as_uuid(call_id)), leg_id)
    return {}
