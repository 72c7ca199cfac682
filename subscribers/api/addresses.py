"""The directory as clients see it: addresses, and who the bearer of a token is.

The browser SDK asks for `addresses?name=` before each call and for `subscriber/info` before it opens its
socket, so both are one or two indexed queries.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from subscribers import addressing
from subscribers.api.address_shape import TYPES, address_payload
from subscribers.api.subscribers import profile
from subscribers.http import pages, problems
from subscribers.http.gate import BearsToken
from subscribers.models import Address, Subscriber

_KINDS = {word: kind for kind, word in TYPES.items()}


class Addresses(APIView):
    @extend_schema(operation_id="list_addresses", tags=["directory"], responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Addresses the asker may find; `name` is a name or `/context/name`."""
        rows = visible(request.auth)
        query = request.query_params
        if (name := query.get("name")) is not None:
            rows = _named(rows, name)
        if (word := query.get("type")) is not None:
            rows = rows.filter(kind=_KINDS.get(word, word[:10].replace("\x00", "")))
        return pages.page(request, rows, address_payload, _order(request))


class OneAddress(APIView):
    @extend_schema(operation_id="get_address", tags=["directory"], responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, id: UUID) -> Response:
        address = visible(request.auth).filter(pk=id).first()
        if address is None:
            raise problems.NotFound()
        return Response(address_payload(address))


class Info(APIView):
    """Who the bearer is, in the browser SDK's words (`sat_claims` is left out: it would ask for more)."""

    permission_classes = [BearsToken]

    @extend_schema(operation_id="subscriber_info", tags=["directory"], responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(info(request.auth))


def info(holder: Any) -> dict[str, Any]:
    """`GET /api/fabric/subscriber/info` and the `subscriber` of a device's `auth.ok`."""
    if holder.subscriber_id is None:
        return {
            "id": str(holder.jti),
            "email": "",
            "display_name": holder.display_name,
            "push_notification_key": "",
            "fabric_addresses": [],
        }
    row = Subscriber.objects.filter(project_id=holder.project_id, pk=holder.subscriber_id).first()
    if row is None:
        raise problems.Unauthorized("token_revoked", "The token was revoked.")
    own = Address.objects.filter(project_id=row.project_id, resource_id=row.pk)
    return {
        "id": str(row.pk),
        **profile(row, "time_zone"),
        "display_name": row.shown_name,
        "extension": row.extension,
        "push_notification_key": "",
        "fabric_addresses": [address_payload(address) for address in own],
    }


def visible(subject: Any) -> QuerySet[Address]:
    """The addresses a subject may find: all for a key, the allowed and the own ones for a token."""
    rows = Address.objects.filter(project_id=subject.project_id)
    if subject.manages:
        return rows
    contexts, ids = subject.visible
    mine = Q(context__in=contexts) | Q(pk__in=ids)
    if subject.subscriber_id is not None:
        mine |= Q(resource_id=subject.subscriber_id)
    return rows.filter(mine)


def _named(rows: QuerySet[Address], name: str) -> QuerySet[Address]:
    if not name.startswith("/"):
        return rows.filter(name=name.replace("\x00", ""))
    try:
        wanted = addressing.parse_destination(name)
    except addressing.MalformedDestination:
        return rows.none()
    return rows.filter(context=wanted.context, name=wanted.name)


def _order(request: Request) -> pages.Order:
    by = request.query_params.get("sort_by", "created_at")
    way = request.query_params.get("sort_order")
    if by not in ("name", "created_at"):
        raise problems.Unprocessable("invalid_parameter", "sort_by is name or created_at.", "sort_by")
    if way not in (None, "asc", "desc"):
        raise problems.Unprocessable("invalid_parameter", "sort_order is asc or desc.", "sort_order")
    default = "asc" if by == "name" else "desc"
    return pages.Order(by, ascending=(way or default) == "asc", textual=by == "name")
