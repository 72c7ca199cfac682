"""Embed tokens: made by the project, put into web pages, traded by anyone for a token to call one address."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from subscribers.api.fields import Id, Text
from subscribers.api.shapes import clean, moment
from subscribers.http import pages, problems
from subscribers.http.gate import ManagesProject, asker
from subscribers.models import Address
from tokens.binding import bind
from tokens.claims import Grant
from tokens.issue import issue_access
from tokens.limits import take
from tokens.models import EmbedToken
from tokens.subjects import Entry

_FORM = re.compile(r"c2c_[0-9a-f]{32}")
# Anyone may ask: trades per second and burst for one embed token.
RATE, BURST = 20, 100


class TradeFields(serializers.Serializer[Any]):
    token = Text(200, required=True)


class EmbedTokens(APIView):
    """Open to all: the embed token is the credential, whatever else the client sends."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(
        operation_id="trade_embed_token",
        tags=["tokens"],
        request=TradeFields,
        responses={201: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> Response:
        text = clean(TradeFields, request.data)["token"]
        if not _FORM.fullmatch(text):
            raise problems.Unprocessable("token_invalid", "This is no embed token.", "token")
        row = EmbedToken.objects.filter(token=text, revoked_at=None).first()
        if row is None:
            raise problems.Forbidden("token_invalid", "This embed token is not valid.", "token")
        wait = take(f"embed:{row.pk}", RATE, BURST)
        if wait is not None:
            raise problems.TooManyRequests(wait)
        allowed = (Entry("address", str(row.address_id)),)
        grant = Grant(row.project_id, "embed", allowed=allowed, display_name=row.name or "Guest")
        return Response({"token": issue_access(grant)}, status=201)


class EmbedFields(serializers.Serializer[Any]):
    address_id = Id()
    address = Text(300)
    name = Text(200)


class Embeds(APIView):
    permission_classes = [ManagesProject]

    @extend_schema(operation_id="list_embeds", tags=["tokens"], responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return pages.page(request, _rows(request), _render)

    @extend_schema(
        operation_id="create_embed",
        tags=["tokens"],
        request=EmbedFields,
        responses={201: OpenApiTypes.OBJECT},
    )
    def post(self, request: Request) -> Response:
        project_id = asker(request).project_id
        data = clean(EmbedFields, request.data)
        row = EmbedToken.objects.create(
            project_id=project_id, address=_address(project_id, data), name=data.get("name", "")
        )
        return Response(_render(row), status=201, headers={"Location": f"{request.path}/{row.pk}"})


class Embed(APIView):
    permission_classes = [ManagesProject]

    @extend_schema(operation_id="get_embed", tags=["tokens"], responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, id: UUID) -> Response:
        return Response(_render(_find(request, id)))

    @extend_schema(operation_id="delete_embed", tags=["tokens"], responses={204: None})
    def delete(self, request: Request, id: UUID) -> Response:
        _find(request, id).delete()
        return Response(status=204)


def _rows(request: Request) -> Any:
    return EmbedToken.objects.filter(project_id=asker(request).project_id).select_related("address")


def _find(request: Request, id: UUID) -> EmbedToken:
    row: EmbedToken | None = _rows(request).filter(pk=id).first()
    if row is None:
        raise problems.NotFound()
    return row


def _address(project_id: UUID, data: dict[str, Any]) -> Address:
    wanted = str(data.get("address_id") or data.get("address") or "")
    if not wanted:
        missing = problems.field("address_id", "This field is required.", "missing_required_parameter")
        raise problems.Invalid([missing])
    (entry,) = bind(project_id, [wanted])
    if entry.kind != "address":
        raise problems.Unprocessable("invalid_parameter", "Must be one address.", "address_id")
    return Address.objects.get(project_id=project_id, pk=entry.value)


def _render(row: EmbedToken) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "token": row.token,
        "name": row.name,
        "address_id": str(row.address_id),
        "address": row.address.text,
        "created_at": moment(row.created_at),
    }
