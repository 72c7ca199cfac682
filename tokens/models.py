"""Credentials as rows: API tokens (hashed), what was signed and may be revoked, embed tokens."""

from __future__ import annotations

import secrets
import uuid

from django.db import models

from tokens.key_scopes import EVERYTHING


class ApiToken(models.Model):
    """A back end's password for one project. Only the SHA-256 is kept: the token has 256 random bits."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=200, blank=True)
    digest = models.CharField(max_length=64, editable=False)
    hint = models.CharField(max_length=12, editable=False, help_text="the token's first characters")
    scopes = models.JSONField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "digest"], name="api_token_digest")]

    def __str__(self) -> str:
        return f"{self.hint}…"

    @property
    def granted(self) -> frozenset[str]:
        """Its scopes; a key from before scopes existed may do everything."""
        return EVERYTHING if self.scopes is None else frozenset(self.scopes)


class IssuedToken(models.Model):
    """One signed token, kept until it expires: no row, or `revoked_at` set, means refused.

    `family` ties an access token to its refresh token, to all that came from refreshing it and to the invites
    that these made; and the tokens that were given for an embed token to that one.
    """

    jti = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    subscriber = models.ForeignKey(
        "subscribers.Subscriber", null=True, on_delete=models.CASCADE, related_name="issued_tokens"
    )
    family = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=10)
    typ = models.CharField(max_length=8)
    issued_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


def new_embed_token() -> str:
    return "c2c_" + secrets.token_hex(16)


class EmbedToken(models.Model):
    """A public string in a web page that anyone may trade for a token to call one address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey("subscribers.Project", on_delete=models.CASCADE, related_name="+")
    token = models.CharField(max_length=36, unique=True, default=new_embed_token, editable=False)
    address = models.ForeignKey("subscribers.Address", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["project", "-created_at", "-id"], name="embed_listed")]

    def __str__(self) -> str:
        return self.name or self.token
