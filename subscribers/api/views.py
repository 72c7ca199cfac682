"""The generic pair of views every Resource gets: the collection and the item, and the item's addresses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.urls import path
from django.urls.resolvers import URLPattern
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from rest import pagination
from rest.known_names import is_native, query_of
from rest.permissions import ManagesProject, principal_of
from rest.views import RestView
from subscribers.api import answers
from subscribers.api.address_shape import address_payload
from subscribers.api.shapes import Resource, clean


class ShapeView(RestView):
    """Everything under a Resource is the project's own business: 403 for tokens."""

    permission_classes = [ManagesProject]
    shape: Resource[Any]


class Collection(ShapeView):
    def get(self, request: Request) -> Response:
        rows = self.shape.rows(principal_of(request).project_id)
        query_of(request).know(*self.shape.filters)
        for name in self.shape.filters:
            if (value := request.query_params.get(name)) is not None:
                rows = rows.filter(**{name: value.replace("\x00", "")})
        return pagination.page(request, rows, self.shape.render)

    def post(self, request: Request) -> Response:
        data = clean(self.shape.fields, request.data, strict=is_native(request.path))
        row = self.shape.create(principal_of(request).project_id, data)
        return Response(self.shape.created(row), status=201, headers={"Location": f"{request.path}/{row.pk}"})


class Item(ShapeView):
    def get(self, request: Request, id: UUID) -> Response:
        return Response(self.shape.render(self.shape.find(principal_of(request).project_id, id)))

    def put(self, request: Request, id: UUID) -> Response:
        """SignalWire's clients send only what changes, with PUT as with PATCH."""
        row = self.shape.find(principal_of(request).project_id, id)
        data = clean(self.shape.fields, request.data, partial=True, strict=is_native(request.path))
        with transaction.atomic():
            row.hold()
            changed = self.shape.change(row, data)
        return Response(self.shape.render(changed))

    def patch(self, request: Request, id: UUID) -> Response:
        return self.put(request, id)

    def delete(self, request: Request, id: UUID) -> Response:
        self.shape.remove(self.shape.find(principal_of(request).project_id, id))
        return Response(status=204)


class ItemAddresses(ShapeView):
    def get(self, request: Request, id: UUID) -> Response:
        row = self.shape.find(principal_of(request).project_id, id)
        return pagination.page(request, self.shape.addresses(row), address_payload)


def routes(shape: Resource[Any], prefix: str, *, alias: bool = False) -> list[URLPattern]:
    """The paths of a Resource below `prefix` (no trailing slash); an alias is not in the schema again."""
    more: dict[str, Any] = {"schema": None} if alias else {}
    name = type(shape).__name__
    collection = _documented(type(f"{name}Collection", (Collection,), {"shape": shape}), shape)
    item = _documented(type(f"{name}Item", (Item,), {"shape": shape}), shape)
    addresses = _documented(type(f"{name}Addresses", (ItemAddresses,), {"shape": shape}), shape)
    return [
        path(prefix, collection.as_view(**more)),
        path(f"{prefix}/<uuid:id>", item.as_view(**more)),
        path(f"{prefix}/<uuid:id>/addresses", addresses.as_view(**more)),
    ]


def _documented(view: Any, shape: Resource[Any]) -> Any:
    """The view with its operations described for /api/schema."""
    word, tag = shape.body_key, "directory"
    one, many = answers.RESOURCES[word], answers.LISTS[word]
    if issubclass(view, Collection):
        filters = [OpenApiParameter(name, str, description="exactly this") for name in shape.filters]
        return extend_schema_view(
            get=extend_schema(
                operation_id=f"list_{word}",
                tags=[tag],
                parameters=[*filters, *pagination.PARAMETERS],
                responses={200: many},
            ),
            post=extend_schema(
                operation_id=f"create_{word}", tags=[tag], request=shape.fields, responses={201: one}
            ),
        )(view)
    if issubclass(view, ItemAddresses):
        return extend_schema_view(
            get=extend_schema(
                operation_id=f"list_{word}_addresses",
                tags=[tag],
                parameters=pagination.PARAMETERS,
                responses={200: answers.Addresses},
            )
        )(view)
    change: dict[str, Any] = {
        "tags": [tag],
        "request": shape.fields(partial=True),
        "responses": {200: one},
    }
    return extend_schema_view(
        get=extend_schema(operation_id=f"get_{word}", tags=[tag], responses={200: one}),
        put=extend_schema(operation_id=f"replace_{word}", **change),
        patch=extend_schema(operation_id=f"change_{word}", **change),
        delete=extend_schema(operation_id=f"delete_{word}", tags=[tag], responses={204: None}),
    )(view)
