"""Embed tokens: for web pages; anyone may exchange one for a token that calls one address."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from rest import errors, pagination
from rest.json_bodies import rfc3339
from rest.permissions import ManagesProject, principal_of
from rest.views import RestView
from subscribers.api.fields import Id, Text
from subscribers.api.shapes import clean
from subscribers.models import Address
from tokens.allowed_addresses import parse_allowed_addresses
from tokens.api import answers
from tokens.authentication import counted_failure, tell_failures
from tokens.claims import Grant
from tokens.issue import issue_access
from tokens.models import EmbedToken
from tokens.rate_limits import take_told
from tokens.subjects import Entry

_FORM = re.compile(r"c2c_[0-9a-f]{32}")
# Anyone may ask: trades per second and burst for one embed token.
RATE, BURST = 20, 100


class TradeFields(serializers.Serializer[Any]):
    token = Text(200, required=True)


class EmbedTokens(RestView):
    """Needs no other credential than the embed token; all others are ignored."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(
        operation_id="trade_embed_token",
        tags=["tokens"],
        request=TradeFields,
        responses={201: answers.Token},
    )
    def post(self, request: Request) -> Response:
        text = clean(TradeFields, request.data)["token"]
        source = str(request.META.get("REMOTE_ADDR", ""))
        if not _FORM.fullmatch(text):
            tell_failures(source)
            raise errors.Unprocessable("token_invalid", "This is not an embed token.", "token")
        refused = errors.Forbidden("token_invalid", "This embed token is not valid.", "token")
        with counted_failure(source, refused):
            row = EmbedToken.objects.filter(token=text, revoked_at=None).first()
            if row is None:
                tell_failures(source)
                raise refused
        wait = take_told(f"embed:{row.pk}", RATE, BURST)
        if wait is not None:
            raise errors.TooManyRequests(wait)
        allowed = (Entry("address", str(row.address_id)),)
        grant = Grant(row.project_id, "embed", allowed=allowed, display_name=row.name or "Guest")
        return Response({"token": issue_access(grant, made_with=row.pk)}, status=201)


class EmbedFields(serializers.Serializer[Any]):
    address_id = Id()
    address = Text(300)
    name = Text(200)


class Embeds(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(operation_id="list_embeds", tags=["tokens"], responses=answers.Embeds)
    def get(self, request: Request) -> Response:
        return pagination.page(request, _rows(request), _render)

    @extend_schema(
        operation_id="create_embed",
        tags=["tokens"],
        request=EmbedFields,
        responses={201: answers.Embed},
    )
    def post(self, request: Request) -> Response:
        project_id = principal_of(request).project_id
        data = clean(EmbedFields, request.data)
        row = EmbedToken.objects.create(
            project_id=project_id, address=_address(project_id, data), name=data.get("name", "")
        )
        return Response(_render(row), status=201, headers={"Location": f"{request.path}/{row.pk}"})


class Embed(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(operation_id="get_embed", tags=["tokens"], responses=answers.Embed)
    def get(self, request: Request, id: UUID) -> Response:
        return Response(_render(_find(request, id)))

    @extend_schema(operation_id="delete_embed", tags=["tokens"], responses={204: None})
    def delete(self, request: Request, id: UUID) -> Response:
        _find(request, id).delete()
        return Response(status=204)


def _rows(request: Request) -> QuerySet[EmbedToken]:
    return EmbedToken.objects.filter(project_id=principal_of(request).project_id).select_related("address")


def _find(request: Request, id: UUID) -> EmbedToken:
    row = _rows(request).filter(pk=id).first()
    if row is None:
        raise errors.NotFound
    return row


def _address(project_id: UUID, data: dict[str, Any]) -> Address:
    name = "address_id" if data.get("address_id") else "address"
    wanted = str(data.get(name) or "")
    if not wanted:
        missing = errors.field("address_id", "This field is required.", "missing_required_parameter")
        raise errors.Invalid([missing])
    try:
        (entry,) = parse_allowed_addresses(project_id, [wanted])
    except errors.Unprocessable as error:
        wrong = error.problems[0]
        raise errors.Unprocessable(wrong.code, wrong.message, name) from None
    if entry.kind != "address":
        raise errors.Unprocessable("invalid_parameter", "Must be one address.", name)
    return Address.objects.get(project_id=project_id, pk=entry.value)


def _render(row: EmbedToken) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "token": row.token,
        "name": row.name,
        "address_id": str(row.address_id),
        "address": row.address.text,
        "created_at": rfc3339(row.created_at),
    }
