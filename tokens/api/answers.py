"""The answers of the token endpoints in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers as s

from rest.openapi import listed

TOKEN_HELP = "a Bearer token for REST, sockets and the browser SDKs"
_EMBED: dict[str, Any] = {
    "id": s.UUIDField(),
    "token": s.CharField(help_text="public; whoever opens the page exchanges it for a guest token"),
    "name": s.CharField(),
    "address_id": s.UUIDField(),
    "address": s.CharField(),
    "created_at": s.DateTimeField(),
}
Token = inline_serializer("Token", {"token": s.CharField(help_text=TOKEN_HELP)})
TokenPair = inline_serializer(
    "TokenPair",
    {
        "token": s.CharField(help_text=TOKEN_HELP),
        "refresh_token": s.CharField(
            help_text="gives a new pair of tokens once, until shortly after the token expires"
        ),
    },
)
SubscriberToken = inline_serializer(
    "SubscriberToken",
    {
        "subscriber_id": s.UUIDField(),
        "token": s.CharField(help_text=TOKEN_HELP),
        "refresh_token": s.CharField(
            help_text="gives a new pair of tokens once, until shortly after the token expires"
        ),
    },
)
Embed = inline_serializer("Embed", dict(_EMBED))
Embeds = listed("Embeds", Embed)
Revoked = inline_serializer("Revoked", {"revoked": s.BooleanField()})
