"""Guest tokens: they name one to ten destinations and can only call out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from rest.permissions import ManagesProject, principal_of
from rest.views import RestView
from subscribers.api.fields import Text
from subscribers.api.shapes import clean
from tokens.allowed_addresses import MOST_FOR_GUESTS, parse_allowed_addresses
from tokens.api import answers
from tokens.api.fields import Ends, Listed
from tokens.claims import Grant
from tokens.issue import issue_pair


class GuestFields(serializers.Serializer[Any]):
    allowed_addresses = Listed(required=True)
    expire_at = Ends()
    display_name = Text(200)


class GuestTokens(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(
        operation_id="create_guest_token",
        tags=["tokens"],
        request=GuestFields,
        responses={201: answers.TokenPair},
    )
    def post(self, request: Request) -> Response:
        data = clean(GuestFields, request.data)
        project_id = principal_of(request).project_id
        allowed = parse_allowed_addresses(
            project_id, data["allowed_addresses"], least=1, most=MOST_FOR_GUESTS
        )
        grant = Grant(project_id, "guest", allowed=allowed, display_name=data.get("display_name") or "Guest")
        pair = issue_pair(grant, data.get("expire_at"))
        return Response({"token": pair.token, "refresh_token": pair.refresh_token}, status=201)
