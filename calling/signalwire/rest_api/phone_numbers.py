"""`client.phone_numbers`: SignalWire's shape of a number, onto the project's own numbers.

A number leads to a room (`video_room`), a subscriber (by one of its SIP endpoints, `relay_sip_endpoint`) or a
SWML document at a URL (`relay_script`). The last is kept as a script of one step that goes to the URL.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import phonenumbers as numbering
from django.db import transaction
from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from calling.signalwire.rest_api import shapes
from calling.signalwire.rest_api.unsupported import not_supported, refuse_given
from rest import errors, pagination
from rest.json_bodies import rfc3339
from rest.openapi import listed
from rest.permissions import ManagesProject, principal_of
from rest.views import RestView
from subscribers import provisioning
from subscribers.api.fields import Id, Text, WebAddress
from subscribers.api.numbers import NumberFields, NumberShape
from subscribers.api.shapes import clean
from subscribers.models import Address, PhoneNumber, Room, Script, SipEndpoint

HANDLERS = {
    "relay_script": "call_relay_script_url",
    "video_room": "call_video_room_id",
    "relay_sip_endpoint": "call_sip_endpoint_id",
}
ONLY_ASKED = ("call_ai_agent_id", "call_flow_id", "call_flow_version", "message_relay_application")
SHAPE = NumberShape()


class HandlerFields(serializers.Serializer[Any]):
    name = Text(200)
    call_handler = Text(40)
    call_receive_mode = Text(20)
    call_relay_script_url = WebAddress()
    call_video_room_id = Id()
    call_sip_endpoint_id = Id()


def script_of_url(url: str) -> str:
    """The SWML document of a number that is answered by the document at a URL."""
    return json.dumps({"version": "1.0.0", "sections": {"main": [{"transfer": {"dest": url}}]}})


def url_of_script(contents: str) -> str | None:
    """The URL of such a document, None for any other."""
    try:
        url = json.loads(contents)["sections"]["main"][0]["transfer"]["dest"]
    except (ValueError, TypeError, LookupError):
        return None
    return url if isinstance(url, str) and contents == script_of_url(url) else None


def own_script(row: PhoneNumber) -> Script | None:
    """The script that was made for this number alone."""
    if row.address is None or row.address.kind != Address.Kind.SCRIPT:
        return None
    script = Script.objects.filter(pk=row.address.resource_id, name=row.number).first()
    return script if script is not None and url_of_script(script.contents) else None


def nature(number: str) -> tuple[str | None, bool]:
    """A number's country (ISO 3166, None where it has none) and whether calling it is free."""
    try:
        parsed = numbering.parse(number)
    except numbering.NumberParseException:
        return None, False
    free = numbering.number_type(parsed) == numbering.PhoneNumberType.TOLL_FREE
    return numbering.region_code_for_number(parsed), free


def payload(row: PhoneNumber) -> dict[str, Any]:
    region, free = nature(row.number)
    return {
        "id": str(row.pk),
        "number": row.number,
        "name": row.name or None,
        "capabilities": ["voice"],
        "number_type": "toll-free" if free else "longcode",
        "country_code": region,
        "created_at": rfc3339(row.created_at),
        "updated_at": rfc3339(row.updated_at),
        "next_billed_at": None,
        "call_receive_mode": "voice",
        **handler_payload(row),
        **dict.fromkeys(shapes.ABSENT),
    }


def handler_payload(row: PhoneNumber) -> dict[str, Any]:
    """Where inbound calls go, in SignalWire's words."""
    found: dict[str, Any] = {
        "call_handler": None,
        "calling_handler_resource_id": None,
        "call_relay_script_url": None,
        "call_video_room_id": None,
        "call_sip_endpoint_id": None,
    }
    address = row.address
    if address is None:
        return found
    found["calling_handler_resource_id"] = str(address.resource_id)
    if address.kind == Address.Kind.ROOM:
        found |= {"call_handler": "video_room", "call_video_room_id": str(address.resource_id)}
    elif address.kind == Address.Kind.SUBSCRIBER:
        found["call_handler"] = "fabric_subscriber"
    else:
        script = Script.objects.filter(pk=address.resource_id).first()
        url = url_of_script(script.contents) if script else None
        found |= {"call_handler": "relay_script", "call_relay_script_url": url}
    return found


def change(row: PhoneNumber, body: Any) -> PhoneNumber:
    """Name and handler of a number. 422 `not_supported` for a handler or field that stands for nothing."""
    data = clean(HandlerFields, body, partial=True)
    refuse_given(body, (*shapes.ABSENT, *ONLY_ASKED))
    if data.get("call_receive_mode") not in (None, "", "voice"):
        raise not_supported("Receiving faxes", "call_receive_mode")
    handler = data.get("call_handler")
    if handler and handler not in HANDLERS:
        raise not_supported(f"call_handler {handler}", "call_handler")
    given = [handler] if handler else [kind for kind, name in HANDLERS.items() if data.get(name)]
    with transaction.atomic():
        changes: dict[str, Any] = {"name": data["name"]} if "name" in data else {}
        old = own_script(row)
        if given:
            changes["address_id"] = destination(row, given[0], data).pk
        row = SHAPE.change(row, changes)
        if old is not None and row.address is not None and row.address.resource_id != old.pk:
            provisioning.remove(old)
    return row


def destination(row: PhoneNumber, handler: str, data: dict[str, Any]) -> Address:
    """The address that a handler means; 422 where its field is missing or the project has no such thing."""
    name = HANDLERS[handler]
    value = data.get(name)
    if not value:
        raise errors.Unprocessable(
            "missing_required_parameter", f"call_handler {handler} needs {name}.", name
        )
    addresses = Address.objects.filter(project_id=row.project_id)
    if handler == "relay_script":
        script = own_script(row)
        if script is None:
            fields = {"name": row.number, "contents": script_of_url(value)}
            script = provisioning.create_script(row.project_id, fields, "private")
        else:
            provisioning.change_script(script, {"contents": script_of_url(value)})
        return addresses.get(resource_id=script.pk)
    resource_id = value
    if handler == "relay_sip_endpoint":
        endpoint = SipEndpoint.objects.filter(project_id=row.project_id, pk=value).first()
        resource_id = endpoint.subscriber_id if endpoint else None
    elif not Room.objects.filter(project_id=row.project_id, pk=value).exists():
        resource_id = None
    found = addresses.filter(resource_id=resource_id).first() if resource_id else None
    if found is None:
        raise errors.Unprocessable("must_belong_to_project", f"The project has no such {name}.", name)
    return found


class PhoneNumbers(RestView):
    permission_classes = (ManagesProject,)

    @extend_schema(
        operation_id="relay_phone_numbers_list",
        summary="SignalWire: the project's phone numbers",
        responses={200: listed("RelayPhoneNumbers", shapes.PhoneNumber)},
        tags=["SignalWire"],
    )
    def get(self, request: Request) -> Response:
        rows = SHAPE.rows(principal_of(request).project_id)
        if number := request.query_params.get("filter_number"):
            rows = rows.filter(number__contains=number.replace("\x00", ""))
        if name := request.query_params.get("filter_name"):
            rows = rows.filter(Q(name__icontains=name.replace("\x00", "")))
        return pagination.page(request, rows, payload)

    @extend_schema(
        operation_id="relay_phone_numbers_create",
        summary="SignalWire: add a number to the project",
        request=shapes.NewNumber,
        responses={201: shapes.PhoneNumber},
        tags=["SignalWire"],
    )
    def post(self, request: Request) -> Response:
        wanted = request.data if isinstance(request.data, dict) else {}
        data = clean(NumberFields, {"number": wanted.get("number")})
        row = SHAPE.create(principal_of(request).project_id, data)
        return Response(payload(row), status=201, headers={"Location": f"{request.path}/{row.pk}"})


class PhoneNumberItem(RestView):
    permission_classes = (ManagesProject,)

    @staticmethod
    def row(request: Request, id: UUID) -> PhoneNumber:
        row: PhoneNumber = SHAPE.find(principal_of(request).project_id, id)
        return row

    @extend_schema(
        operation_id="relay_phone_numbers_get",
        summary="SignalWire: one phone number",
        responses={200: shapes.PhoneNumber},
        tags=["SignalWire"],
    )
    def get(self, request: Request, id: UUID) -> Response:
        return Response(payload(self.row(request, id)))

    @extend_schema(
        operation_id="relay_phone_numbers_update",
        summary="SignalWire: change where calls to a number go",
        request=HandlerFields,
        responses={200: shapes.PhoneNumber},
        tags=["SignalWire"],
    )
    def put(self, request: Request, id: UUID) -> Response:
        row = self.row(request, id)
        if not isinstance(request.data, dict):
            raise errors.Unprocessable("invalid_parameter", "The body must be a JSON object.")
        return Response(payload(change(row, request.data)))

    @extend_schema(
        operation_id="relay_phone_numbers_delete",
        summary="SignalWire: release a number",
        request=None,
        responses={204: None},
        tags=["SignalWire"],
    )
    def delete(self, request: Request, id: UUID) -> Response:
        row = self.row(request, id)
        with transaction.atomic():
            script = own_script(row)
            SHAPE.remove(row)
            if script is not None:
                provisioning.remove(script)
        return Response(status=204)
