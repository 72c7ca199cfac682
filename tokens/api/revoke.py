"""`POST /api/tokens/revoke`: by id, by the token itself, or all of a subscriber."""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from rest import errors
from rest.permissions import ManagesProject, principal_of
from rest.views import RestView
from subscribers.api.fields import Id, Text
from subscribers.api.shapes import clean
from subscribers.models import Subscriber
from tokens.api import answers
from tokens.models import EmbedToken
from tokens.revocation import revoke_embed, revoke_family, revoke_subscriber, revoke_token
from tokens.signing import InvalidToken, Typ, verify


class RevokeFields(serializers.Serializer[Any]):
    jti = Id()
    token = Text(16 * 1024)
    subscriber_id = Id()


class Revoke(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(
        operation_id="revoke_token",
        tags=["tokens"],
        request=RevokeFields,
        responses={200: answers.Revoked},
    )
    def post(self, request: Request) -> Response:
        """Everywhere refused within two seconds, with sockets closed. 404 for another project's token."""
        given = clean(RevokeFields, request.data, strict=True)
        data = {name: value for name, value in given.items() if value}
        if len(data) != 1:
            words = "Give exactly one of jti, token and subscriber_id."
            code = "invalid_parameter" if data else "missing_required_parameter"
            raise errors.Unprocessable(code, words, None if data else "jti")
        project_id = principal_of(request).project_id
        if "subscriber_id" in data:
            _subscriber(project_id, data["subscriber_id"])
        elif "jti" in data:
            _jti(project_id, data["jti"])
        else:
            _text(project_id, data["token"])
        return Response({"revoked": True})


def _subscriber(project_id: UUID, id: UUID) -> None:
    if not Subscriber.objects.filter(project_id=project_id, pk=id).exists():
        raise errors.NotFound
    revoke_subscriber(project_id, id)


def _jti(project_id: UUID, jti: UUID) -> None:
    if not revoke_token(project_id, jti):
        raise errors.NotFound


def _text(project_id: UUID, text: str) -> None:
    if text.startswith("c2c_"):
        row = EmbedToken.objects.filter(project_id=project_id, token=text).first()
        if row is None:
            raise errors.NotFound
        revoke_embed(row)
        return
    claims = _claims(text)
    if claims.get("prj") != str(project_id):
        raise errors.NotFound
    if not revoke_token(project_id, UUID(claims["jti"])) and "fam" in claims:
        # Its row is forgotten, but it may have been refreshed until now.
        revoke_family(project_id, UUID(claims["fam"]))


def _claims(text: str) -> dict[str, Any]:
    """The claims of either kind of token, even of one that has expired."""
    kinds: tuple[Typ, ...] = ("SAT", "Refresh")
    for typ in kinds:
        with contextlib.suppress(InvalidToken):
            return verify(text, typ, expired=True)
    raise errors.Unprocessable("token_invalid", "This is not a token of this platform.", "token")
