"""Credentials in Django's admin: list and revoke them. No secret is shown or created here."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from tokens import revocation
from tokens.models import ApiToken, EmbedToken, IssuedToken


class Seen(ModelAdmin):
    """Read-only rows that can be revoked or deleted (a token without a row is refused too)."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(Seen):
    list_display = ("hint", "name", "project", "scopes", "created_at", "last_used_at", "revoked_at")
    list_filter = ("project",)
    fields = ("hint", "name", "project", "scopes", "created_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        if request.user.has_perm("tokens.change_apitoken"):
            revocation.revoke_api_tokens(queryset)


@admin.register(IssuedToken)
class IssuedTokenAdmin(Seen):
    list_display = ("jti", "kind", "typ", "subscriber", "project", "issued_at", "expires_at", "revoked_at")
    list_filter = ("kind", "typ")
    search_fields = ("jti",)
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[IssuedToken]) -> None:
        if request.user.has_perm("tokens.change_issuedtoken"):
            for row in queryset:
                revocation.revoke_token(row.project_id, row.jti)


@admin.register(EmbedToken)
class EmbedTokenAdmin(Seen):
    list_display = ("name", "address", "project", "created_at", "revoked_at")
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[EmbedToken]) -> None:
        if request.user.has_perm("tokens.change_embedtoken"):
            for row in queryset:
                revocation.revoke_embed(row)
