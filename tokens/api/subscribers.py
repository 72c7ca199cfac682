"""Subscriber tokens and their refresh."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

import clock
from rest import errors
from rest.permissions import ManagesProject, principal_of
from rest.views import RestView
from subscribers import provisioning
from subscribers.api.fields import Id, Pattern, Reference, Text
from subscribers.api.shapes import clean
from subscribers.api.subscribers import ProfileFields, columns
from tokens.allowed_addresses import parse_allowed_addresses
from tokens.api import answers
from tokens.api.fields import Ends, Listed
from tokens.claims import Grant
from tokens.issue import Pair, issue_pair, refresh
from tokens.signing import InvalidToken, verify

# SignalWire: a token that may refresh itself but is bound to no key lives a minute at most.
UNBOUND_LIFE = timedelta(seconds=60)


class TokenFields(ProfileFields):
    reference = Reference(255, required=True)
    expire_at = Ends()
    allowed_addresses = Listed(required=False)
    application_id = Id()
    fingerprint = Pattern(r"[A-Za-z0-9_-]{43}", "Must be 43 characters of base64url.", max_length=43)
    scope = Pattern(r"sat:refresh", "The only scope is sat:refresh.", max_length=20)


class SubscriberTokens(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(
        operation_id="create_subscriber_token",
        tags=["tokens"],
        request=TokenFields,
        responses={200: answers.SubscriberToken},
    )
    def post(self, request: Request) -> Response:
        """A token for the subscriber with this reference, who is created if unknown."""
        data = clean(TokenFields, request.data)
        project_id = principal_of(request).project_id
        with transaction.atomic():
            allowed = None
            if data.get("allowed_addresses") is not None:
                allowed = parse_allowed_addresses(project_id, data["allowed_addresses"])
            row = provisioning.provision_subscriber(project_id, data["reference"], columns(data))
            grant = Grant(project_id, "subscriber", row.pk, row.address, allowed, row.shown_name)
            pair = issue_pair(grant, _ends(data))
        return Response(
            {"subscriber_id": str(row.pk), "token": pair.token, "refresh_token": pair.refresh_token}
        )


class RefreshFields(serializers.Serializer[Any]):
    refresh_token = Text(16 * 1024, required=True)


class RefreshedTokens(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(
        operation_id="refresh_token",
        tags=["tokens"],
        request=RefreshFields,
        responses={201: answers.TokenPair},
    )
    def post(self, request: Request) -> Response:
        """A new pair for a refresh token, which can be used only once."""
        text = clean(RefreshFields, request.data)["refresh_token"]
        pair = _refreshed(principal_of(request).project_id, text)
        return Response({"token": pair.token, "refresh_token": pair.refresh_token}, status=201)


def _refreshed(project_id: UUID, text: str) -> Pair:
    try:
        return refresh(project_id, text)
    except InvalidToken as error:
        code, message = error.code, error.message
    if code == "token_invalid" and _is_access_token(text):
        code, message = "not_a_refresh_token", "This is an access token."
    raise errors.Unprocessable(code, message, "refresh_token")


def _is_access_token(text: str) -> bool:
    try:
        verify(text, "SAT")
    except InvalidToken:
        return False
    return True


def _ends(data: dict[str, Any]) -> datetime | None:
    ends: datetime | None = data.get("expire_at")
    if data.get("scope") and not data.get("fingerprint"):
        cap = clock.now() + UNBOUND_LIFE
        return min(ends, cap) if ends else cap
    return ends
