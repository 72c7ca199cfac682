"""SIP endpoints: below a subscriber (flat, as SignalWire shows them there) and as a resource of their own.

An endpoint always belongs to a subscriber. One made as a resource without `subscriber_id` gets a
subscriber whose reference is its user name, so it can be dialled like anyone.
"""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from rest import errors, pagination
from rest.json_bodies import rfc3339
from rest.permissions import ManagesProject, principal_of
from rest.views import RestView
from subscribers import assignment, provisioning
from subscribers.api import answers
from subscribers.api.fields import Ciphers, Codecs, Flag, Id, Pattern, Text, judge_encryption
from subscribers.api.numbers import NotAssigned
from subscribers.api.shapes import Resource, clean
from subscribers.models import Address, SipEndpoint, Subscriber
from subscribers.unique_constraints import unique

_COLUMNS = (
    "username",
    "caller_id",
    "send_as",
    "codecs",
    "ciphers",
    "encryption",
    "call_handler",
    "calling_handler_resource_id",
    "nat",
)


class EndpointFields(serializers.Serializer[Any]):
    username = Pattern(
        r"[A-Za-z0-9_.+~!-]+", "A user name has letters, digits and _.+~!-", max_length=64, required=True
    )
    password = Text(72)
    caller_id = Text(200)
    send_as = Pattern(r"random|\+?[0-9]{2,15}", "Must be a number or 'random'.", max_length=32)
    codecs = Codecs()
    ciphers = Ciphers()
    encryption = serializers.ChoiceField(SipEndpoint.Encryption.choices, required=False)
    call_handler = serializers.ChoiceField(("default", "block-pstn", "resource"), required=False)
    calling_handler_resource_id = Id()
    nat = Flag()
    subscriber_id = Id()

    def validate_password(self, value: str) -> str:
        if value and len(value) < 8:
            raise serializers.ValidationError("A password has 8 to 72 characters.")
        return value


def flat(row: SipEndpoint) -> dict[str, Any]:
    """The endpoint's own object; the password is never shown again."""
    return {
        "id": str(row.pk),
        "username": row.username,
        "caller_id": row.caller_id,
        "send_as": row.send_as,
        "ciphers": row.ciphers,
        "codecs": row.codecs,
        "encryption": row.encryption,
        "call_handler": row.call_handler,
        "calling_handler_resource_id": (
            str(row.calling_handler_resource_id) if row.calling_handler_resource_id else None
        ),
        "nat": row.nat,
        "subscriber_id": str(row.subscriber_id),
    }


def create(subscriber: Subscriber, data: dict[str, Any], password: str) -> SipEndpoint:
    row = SipEndpoint(project_id=subscriber.project_id, subscriber=subscriber)
    return save(row, data, password)


def save(row: SipEndpoint, data: dict[str, Any], password: str) -> SipEndpoint:
    """Writes the fields; a new user name needs the password too, because HA1 holds both."""
    if "username" in data and row.username not in ("", data["username"]) and not password:
        words = "A new user name needs the password again."
        raise errors.Invalid([errors.field("password", words, "missing_required_parameter")])
    sent_as = data.get("send_as") or ""
    shows = sent_as not in ("", "random", row.send_as)
    if shows and not assignment.may_show(row.project_id, sent_as):
        raise NotAssigned("send_as")
    for name in _COLUMNS:
        if name in data:
            setattr(row, name, data[name])
    if {"encryption", "ciphers"} & data.keys():
        judge_encryption(row.encryption, row.ciphers)
    if {"call_handler", "calling_handler_resource_id"} & data.keys():
        _judge_handler(row)
    if password:
        row.set_password(password)
    with unique():
        row.save()
    return row


def _judge_handler(row: SipEndpoint) -> None:
    """422 unless the handler `resource`, and no other, has a resource of the project that can be dialled."""
    chosen, field = row.calling_handler_resource_id, "calling_handler_resource_id"
    if row.call_handler != "resource":
        if chosen is not None:
            raise errors.Unprocessable("invalid_parameter", "Only call_handler 'resource' has one.", field)
        return
    rows = Address.objects.filter(project_id=row.project_id)
    if chosen is None or not rows.filter(resource_id=chosen).exists():
        raise errors.Unprocessable("must_belong_to_project", "There is no such resource.", field)


class EndpointShape(Resource[SipEndpoint]):
    model = SipEndpoint
    type_name = body_key = "sip_endpoint"
    collection = "sip_endpoints"
    fields = EndpointFields
    filters = ("username",)

    def body(self, row: SipEndpoint) -> dict[str, Any]:
        return flat(row)

    def create(self, project_id: UUID, data: dict[str, Any]) -> SipEndpoint:
        # SignalWire's call has no password here: one is made and shown in the 201.
        password = data.get("password") or secrets.token_urlsafe(18)
        with unique():
            row = create(self._owner(project_id, data), data, password)
        row.shown_once = password  # type: ignore[attr-defined]
        return row

    def created(self, row: SipEndpoint) -> dict[str, Any]:
        answer = self.render(row)
        answer[self.body_key]["password"] = row.shown_once  # type: ignore[attr-defined]
        return answer

    def change(self, row: SipEndpoint, data: dict[str, Any]) -> SipEndpoint:
        return save(row, data, data.get("password", ""))

    def addresses(self, row: SipEndpoint) -> QuerySet[Address]:
        return Address.objects.filter(project_id=row.project_id, resource_id=row.subscriber_id)

    def _owner(self, project_id: UUID, data: dict[str, Any]) -> Subscriber:
        if data.get("subscriber_id") is None:
            return provisioning.provision_subscriber(project_id, data["username"], {})
        owner = Subscriber.objects.filter(project_id=project_id, pk=data["subscriber_id"]).first()
        if owner is None:
            raise errors.Unprocessable(
                "must_belong_to_project", "There is no such subscriber.", "subscriber_id"
            )
        return owner


class SubscriberEndpoints(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(
        operation_id="list_subscriber_sip_endpoints", tags=["directory"], responses=answers.NestedEndpoints
    )
    def get(self, request: Request, id: UUID) -> Response:
        return pagination.page(request, _owner(request, id).sip_endpoints.all(), _dated)

    @extend_schema(
        operation_id="create_subscriber_sip_endpoint",
        tags=["directory"],
        request=EndpointFields,
        responses={201: answers.NestedEndpoint},
    )
    def post(self, request: Request, id: UUID) -> Response:
        owner = _owner(request, id)
        data = clean(EndpointFields, request.data)
        if not data.get("password"):
            missing = errors.field("password", "This field is required.", "missing_required_parameter")
            raise errors.Invalid([missing])
        row = create(owner, data, data["password"])
        return Response(_dated(row), status=201, headers={"Location": f"{request.path}/{row.pk}"})


class SubscriberEndpoint(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(
        operation_id="get_subscriber_sip_endpoint", tags=["directory"], responses=answers.NestedEndpoint
    )
    def get(self, request: Request, id: UUID, endpoint_id: UUID) -> Response:
        return Response(_dated(_endpoint(request, id, endpoint_id)))

    @extend_schema(
        operation_id="change_subscriber_sip_endpoint",
        tags=["directory"],
        request=EndpointFields,
        responses=answers.NestedEndpoint,
    )
    def patch(self, request: Request, id: UUID, endpoint_id: UUID) -> Response:
        row = _endpoint(request, id, endpoint_id)
        data = clean(EndpointFields, request.data, partial=True)
        with transaction.atomic():
            row.hold()
            changed = save(row, data, data.get("password", ""))
        return Response(_dated(changed))

    @extend_schema(
        operation_id="replace_subscriber_sip_endpoint",
        tags=["directory"],
        request=EndpointFields(partial=True),
        responses=answers.NestedEndpoint,
    )
    def put(self, request: Request, id: UUID, endpoint_id: UUID) -> Response:
        return self.patch(request, id, endpoint_id)

    @extend_schema(operation_id="delete_subscriber_sip_endpoint", tags=["directory"], responses={204: None})
    def delete(self, request: Request, id: UUID, endpoint_id: UUID) -> Response:
        _endpoint(request, id, endpoint_id).delete()
        return Response(status=204)


def _owner(request: Request, id: UUID) -> Subscriber:
    owner = Subscriber.objects.filter(project_id=principal_of(request).project_id, pk=id).first()
    if owner is None:
        raise errors.NotFound
    return owner


def _endpoint(request: Request, id: UUID, endpoint_id: UUID) -> SipEndpoint:
    row = SipEndpoint.objects.filter(subscriber=_owner(request, id), pk=endpoint_id).first()
    if row is None:
        raise errors.NotFound
    return row


def _dated(row: SipEndpoint) -> dict[str, Any]:
    return {**flat(row), "created_at": rfc3339(row.created_at), "updated_at": rfc3339(row.updated_at)}


def nested_routes(prefix: str) -> list[Any]:
    return [
        path(f"{prefix}/<uuid:id>/sip_endpoints", SubscriberEndpoints.as_view()),
        path(f"{prefix}/<uuid:id>/sip_endpoints/<uuid:endpoint_id>", SubscriberEndpoint.as_view()),
    ]
