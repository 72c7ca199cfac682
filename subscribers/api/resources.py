"""`/api/fabric/resources`: every kind of resource in one list, and what can be done to any of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from rest import errors, pagination
from rest.permissions import ManagesProject, principal_of
from rest.views import RestView
from subscribers.api import answers
from subscribers.api.address_shape import address_payload
from subscribers.api.endpoints import EndpointShape
from subscribers.api.fields import Id
from subscribers.api.gateways import GatewayShape
from subscribers.api.rooms import RoomShape
from subscribers.api.scripts import ScriptShape
from subscribers.api.shapes import Resource, clean
from subscribers.api.subscribers import SubscriberShape
from subscribers.models import PhoneNumber

SHAPES: tuple[Resource[Any], ...] = (
    SubscriberShape(),
    RoomShape(),
    ScriptShape(),
    EndpointShape(),
    GatewayShape(),
)


def find(project_id: UUID, id: UUID) -> tuple[Resource[Any], Any]:
    """The resource with this id, of whatever kind; 404."""
    for shape in SHAPES:
        row = shape.rows(project_id).filter(pk=id).first()
        if row is not None:
            return shape, row
    raise errors.NotFound


class Resources(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(operation_id="list_resources", tags=["directory"], responses=answers.AnyResources)
    def get(self, request: Request) -> Response:
        wanted = request.query_params.get("type")
        project_id = principal_of(request).project_id
        sources = [
            (shape.rows(project_id), shape.render)
            for shape in SHAPES
            if wanted in (None, shape.type_name, shape.body_key)
        ]
        return pagination.merged(request, sources)


class ResourceDetail(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(operation_id="get_resource", tags=["directory"], responses=answers.AnyResource)
    def get(self, request: Request, id: UUID) -> Response:
        shape, row = find(principal_of(request).project_id, id)
        return Response(shape.render(row))

    @extend_schema(operation_id="delete_resource", tags=["directory"], responses={204: None})
    def delete(self, request: Request, id: UUID) -> Response:
        shape, row = find(principal_of(request).project_id, id)
        shape.remove(row)
        return Response(status=204)


class ResourceAddresses(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(operation_id="list_resource_addresses", tags=["directory"], responses=answers.Addresses)
    def get(self, request: Request, id: UUID) -> Response:
        shape, row = find(principal_of(request).project_id, id)
        return pagination.page(request, shape.addresses(row), address_payload)


class RouteFields(serializers.Serializer[Any]):
    phone_route_id = Id(required=True)
    handler = serializers.ChoiceField(("calling", "messaging"))


class PhoneRoutes(RestView):
    """SignalWire's way of saying that a phone number's calls go to a resource."""

    permission_classes = [ManagesProject]

    @extend_schema(
        operation_id="assign_phone_route",
        tags=["directory"],
        request=RouteFields,
        responses=answers.Address,
    )
    def post(self, request: Request, id: UUID) -> Response:
        project_id = principal_of(request).project_id
        shape, row = find(project_id, id)
        data = clean(RouteFields, request.data)
        if data["handler"] != "calling":
            raise errors.Unprocessable("not_supported", "This instance has no messaging.", "handler")
        number = PhoneNumber.objects.filter(
            project_id=project_id, pk=data["phone_route_id"], in_use=True
        ).first()
        if number is None:
            words = "The project has no such phone number."
            raise errors.Unprocessable("must_belong_to_project", words, "phone_route_id")
        address = shape.addresses(row).first()
        if address is None:
            raise errors.Unprocessable("no_fabric_addresses", "This resource has no address.", None)
        number.address = address
        number.save(update_fields=["address", "updated_at"])
        return Response(address_payload(address))


class Unsupported(RestView):
    """Kinds of resource that SignalWire has and this platform has not: 422 that names them."""

    permission_classes = [ManagesProject]

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        kind = kwargs.get("kind", "domain_applications")
        raise errors.Unprocessable("not_supported", f"There are no {kind} here.", None)

    @extend_schema(exclude=True)
    def get(self, request: Request, **kwargs: object) -> Response:
        raise AssertionError("initial() has answered")

    post = put = patch = delete = get
