"""`/api/keys`: the project's API keys with their scopes. A key itself is shown once, when it is made."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from rest import errors, pagination
from rest.json_bodies import rfc3339
from rest.openapi import listed
from rest.permissions import ManagesProject, principal_of
from rest.views import RestView
from subscribers.api.fields import Text
from subscribers.api.shapes import clean
from subscribers.models import Project
from tokens import authentication, issue, revocation
from tokens.key_scopes import SCOPES
from tokens.models import ApiToken

MOST = 100


class KeyFields(serializers.Serializer[Any]):
    name = Text(200, required=True)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(SCOPES), min_length=1, max_length=len(SCOPES), required=True
    )


_SHOWN: dict[str, Any] = {
    "id": serializers.UUIDField(),
    "name": serializers.CharField(),
    "scopes": serializers.ListField(child=serializers.ChoiceField(SCOPES)),
    "hint": serializers.CharField(help_text="the key's first characters"),
    "created_at": serializers.DateTimeField(),
    "last_used_at": serializers.DateTimeField(allow_null=True, help_text="to the minute"),
}
Key = inline_serializer("Key", dict(_SHOWN))
NewKey = inline_serializer(
    "NewKey", {**_SHOWN, "key": serializers.CharField(help_text="the password of HTTP Basic; shown once")}
)
Keys = listed("Keys", Key)


class KeysView(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(
        operation_id="keys_list", summary="The project's API keys", tags=["keys"], responses={200: Keys}
    )
    def get(self, request: Request) -> Response:
        return pagination.page(request, _rows(principal_of(request).project_id), _render)

    @extend_schema(
        operation_id="keys_create",
        summary="Create an API key, shown only once",
        tags=["keys"],
        request=KeyFields,
        responses={201: NewKey},
    )
    def post(self, request: Request) -> Response:
        row, text = create_key(principal_of(request).project_id, request.data)
        headers = {"Location": f"{request.path}/{row.pk}"}
        return Response({**_render(row), "key": text}, status=201, headers=headers)


class KeyView(RestView):
    permission_classes = [ManagesProject]

    @extend_schema(
        operation_id="keys_delete",
        summary="Revoke an API key: refused everywhere within 2 s",
        tags=["keys"],
        responses={204: None},
    )
    def delete(self, request: Request, key_id: UUID) -> Response:
        revoke_key(principal_of(request).project_id, key_id)
        return Response(status=204)


def create_key(project_id: UUID, body: object) -> tuple[ApiToken, str]:
    """A new key and its text, which is shown once. 409 422."""
    data = clean(KeyFields, body, strict=True)
    if _rows(project_id).count() >= MOST:
        raise errors.Conflict("too_many_keys", f"A project has at most {MOST} API keys.")
    project = Project.objects.get(pk=project_id)
    scopes = [scope for scope in SCOPES if scope in data["scopes"]]
    text = issue.issue_api_token(project, name=data["name"], scopes=scopes)
    return ApiToken.objects.get(project=project, digest=issue.digest(text)), text


def revoke_key(project_id: UUID, key_id: UUID) -> None:
    """The key is refused everywhere within 2 s. 404."""
    rows = _rows(project_id).filter(pk=key_id)
    if not rows.exists():
        raise errors.NotFound
    revocation.revoke_api_tokens(rows)
    authentication.forget_keys()


def _rows(project_id: UUID) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(project_id=project_id, revoked_at=None)


def _render(row: ApiToken) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "name": row.name,
        "scopes": sorted(row.granted, key=SCOPES.index),
        "hint": row.hint,
        "created_at": rfc3339(row.created_at),
        "last_used_at": rfc3339(row.last_used_at),
    }
