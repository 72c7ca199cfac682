"""The generic pair of views every Shape gets: the collection and the item, and the item's addresses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import path
from django.urls.resolvers import URLPattern
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from subscribers.api.address_shape import address_payload
from subscribers.api.shapes import Shape, clean
from subscribers.http import pages
from subscribers.http.gate import ManagesProject, asker


class ShapeView(APIView):
    """Everything under a Shape is the project's own business: 403 for tokens."""

    permission_classes = [ManagesProject]
    shape: Shape


class Collection(ShapeView):
    def get(self, request: Request) -> Response:
        rows = self.shape.rows(asker(request).project_id)
        for name in self.shape.filters:
            if (value := request.query_params.get(name)) is not None:
                rows = rows.filter(**{name: value.replace("\x00", "")})
        return pages.page(request, rows, self.shape.render)

    def post(self, request: Request) -> Response:
        data = clean(self.shape.fields, request.data)
        row = self.shape.create(asker(request).project_id, data)
        return Response(self.shape.created(row), status=201, headers={"Location": f"{request.path}/{row.pk}"})


class Item(ShapeView):
    def get(self, request: Request, id: UUID) -> Response:
        return Response(self.shape.render(self.shape.find(asker(request).project_id, id)))

    def put(self, request: Request, id: UUID) -> Response:
        """SignalWire's clients send only what changes, with PUT as with PATCH."""
        row = self.shape.find(asker(request).project_id, id)
        data = clean(self.shape.fields, request.data, partial=True)
        return Response(self.shape.render(self.shape.change(row, data)))

    def patch(self, request: Request, id: UUID) -> Response:
        return self.put(request, id)

    def delete(self, request: Request, id: UUID) -> Response:
        self.shape.remove(self.shape.find(asker(request).project_id, id))
        return Response(status=204)


class ItemAddresses(ShapeView):
    def get(self, request: Request, id: UUID) -> Response:
        row = self.shape.find(asker(request).project_id, id)
        return pages.page(request, self.shape.addresses(row), address_payload)


def routes(shape: Shape, prefix: str, *, alias: bool = False) -> list[URLPattern]:
    """The paths of a Shape below `prefix` (no trailing slash); an alias is not in the schema again."""
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


def _documented(view: Any, shape: Shape) -> Any:
    """The view with its operations described for /api/schema."""
    word, tag, anything = shape.part, "directory", OpenApiTypes.OBJECT
    if issubclass(view, Collection):
        return extend_schema_view(
            get=extend_schema(operation_id=f"list_{word}", tags=[tag], responses={200: anything}),
            post=extend_schema(
                operation_id=f"create_{word}", tags=[tag], request=shape.fields, responses={201: anything}
            ),
        )(view)
    if issubclass(view, ItemAddresses):
        return extend_schema_view(
            get=extend_schema(operation_id=f"list_{word}_addresses", tags=[tag], responses={200: anything})
        )(view)
    change: dict[str, Any] = {"tags": [tag], "request": shape.fields, "responses": {200: anything}}
    return extend_schema_view(
        get=extend_schema(operation_id=f"get_{word}", tags=[tag], responses={200: anything}),
        put=extend_schema(operation_id=f"replace_{word}", **change),
        patch=extend_schema(operation_id=f"change_{word}", **change),
        delete=extend_schema(operation_id=f"delete_{word}", tags=[tag], responses={204: None}),
    )(view)
