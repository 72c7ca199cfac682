"""The directory as clients see it: addresses, and who the bearer of a token is.

The browser SDK asks for `addresses?name=` before each call and for `subscriber/info` before it opens its
socket, so both are one or two indexed queries.
"""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from rest import errors, pagination
from rest.permissions import BearsToken, Principal
from rest.views import RestView
from subscribers import addressing, presence_words
from subscribers.api import answers
from subscribers.api.address_shape import TYPES, address_payload
from subscribers.api.subscribers import profile
from subscribers.models import Address, Subscriber

_KINDS = {word: kind for kind, word in TYPES.items()}


class Addresses(RestView):
    @extend_schema(operation_id="list_addresses", tags=["directory"], responses=answers.Addresses)
    def get(self, request: Request) -> Response:
        """The addresses that the requester may see; `name` is a name or `/context/name`."""
        rows = visible(holder_of(request))
        query = request.query_params
        if (name := query.get("name")) is not None:
            rows = _named(rows, name)
        if (word := query.get("type")) is not None:
            rows = rows.filter(kind=_KINDS.get(word, word[:10].replace("\x00", "")))
        return with_presence(pagination.page(request, rows, address_payload, _order(request)))


class OneAddress(RestView):
    @extend_schema(operation_id="get_address", tags=["directory"], responses=answers.Address)
    def get(self, request: Request, id: UUID) -> Response:
        address = visible(holder_of(request)).filter(pk=id).first()
        if address is None:
            raise errors.NotFound
        return with_presence(Response(address_payload(address)))


class Info(RestView):
    """Who the bearer is, in the browser SDK's words (`sat_claims` is left out: it would ask for more)."""

    permission_classes = [BearsToken]

    @extend_schema(operation_id="subscriber_info", tags=["directory"], responses=answers.SubscriberInfo)
    def get(self, request: Request) -> Response:
        return Response(info(holder_of(request)))


class Holder(Principal, Protocol):
    """The bearer of a token, as far as the directory must know who that is."""

    @property
    def subscriber_id(self) -> UUID | None: ...
    @property
    def jti(self) -> UUID: ...
    @property
    def display_name(self) -> str: ...
    @property
    def visible(self) -> tuple[frozenset[str], frozenset[str]]:
        """(contexts, ids) of the addresses that it may find."""


def holder_of(request: Request) -> Holder:
    return request.auth  # type: ignore[return-value]


def info(holder: Holder) -> dict[str, Any]:
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
        raise errors.Unauthorized("token_revoked", "The token was revoked.")
    own = Address.objects.filter(project_id=row.project_id, resource_id=row.pk)
    return {
        "id": str(row.pk),
        **profile(row, "time_zone"),
        "display_name": row.shown_name,
        "extension": row.extension,
        "push_notification_key": "",
        "fabric_addresses": [address_payload(address) for address in own],
    }


def with_presence(answer: Response) -> Response:
    """Adds `presence` to the shown addresses: of a subscriber its word, null for what nobody sits behind."""
    shown = answer.data.get("data", [answer.data])
    of_people = [each["resource_id"] for each in shown if each["type"] == TYPES["subscriber"]]
    words = presence_words.of(of_people)
    for each in shown:
        each["presence"] = words.get(each["resource_id"])
    return answer


def visible(subject: Holder) -> QuerySet[Address]:
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


def _order(request: Request) -> pagination.Order:
    by = request.query_params.get("sort_by", "created_at")
    way = request.query_params.get("sort_order")
    if by not in ("name", "created_at"):
        raise errors.Unprocessable("invalid_parameter", "sort_by must be name or created_at.", "sort_by")
    if way not in (None, "asc", "desc"):
        raise errors.Unprocessable("invalid_parameter", "sort_order must be asc or desc.", "sort_order")
    default = "asc" if by == "name" else "desc"
    return pagination.Order(by, ascending=(way or default) == "asc", textual=by == "name")
