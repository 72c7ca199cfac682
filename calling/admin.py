"""The records in Django's admin. Calls, legs, events and the audit log are history: they are only read.

Signing in goes by the dashboard's door, so that a second factor cannot be walked around.
"""

from __future__ import annotations

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin, TabularInline

from calling import models


def by_the_door(request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
    return redirect(f"/dashboard/login?next={request.GET.get('next', '/admin/')}")


# What allauth registers would let administrators add ways into other people's accounts.
for kind in (EmailAddress, EmailConfirmation, Authenticator, SocialAccount, SocialApp, SocialToken):
    if admin.site.is_registered(kind):
        admin.site.unregister(kind)

admin.site.login = by_the_door  # type: ignore[method-assign]


class ReadOnly:
    """Rows to look at: nothing is added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LegInline(ReadOnly, TabularInline):
    model = models.Leg
    extra = 0
    fields = ("role", "address", "state", "media_state", "end_reason", "end_cause")


class OwnWayIn(ModelAdmin):
    """Made by its person alone; taken away from here where it was lost or stolen."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Authenticator)
class PasskeyAdmin(OwnWayIn):
    list_display = ("user", "shown_name", "created_at", "last_used_at")
    fields = ("user", "shown_name", "created_at", "last_used_at")
    readonly_fields = ("shown_name",)

    @admin.display(description="passkey")
    def shown_name(self, row: Authenticator) -> str:
        return str(row)


@admin.register(SocialAccount)
class IdentityAdmin(OwnWayIn):
    list_display = ("user", "shown_name", "date_joined")
    fields = ("user", "shown_name", "date_joined")
    readonly_fields = ("shown_name",)

    @admin.display(description="identity")
    def shown_name(self, row: SocialAccount) -> str:
        return str(next(iter(row.extra_data.values()), row.uid[:8]))


@admin.register(models.Call)
class CallAdmin(ReadOnly, ModelAdmin):
    list_display = (
        "created_at",
        "from_address",
        "to_address",
        "state",
        "end_reason",
        "end_cause",
        "project",
    )
    list_filter = ("state", "kind", "end_reason", "project")
    search_fields = ("id", "from_address", "to_address")
    ordering = ("-id",)
    inlines = [LegInline]
    show_full_result_count = False


@admin.register(models.Event)
class EventAdmin(ReadOnly, ModelAdmin):
    list_display = ("created_at", "type", "call_id", "sequence", "position", "project")
    list_filter = ("type", "project")
    search_fields = ("event_id", "call_id")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(models.Recording)
class RecordingAdmin(ReadOnly, ModelAdmin):
    list_display = ("created_at", "call_id", "state", "format", "duration_ms", "size", "project")
    list_filter = ("state", "project")
    search_fields = ("id", "call_id")


@admin.register(models.MediaWorker)
class MediaWorkerAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "legs", "budget", "cpu", "loop_lag_ms", "draining", "heartbeat_at")


@admin.register(models.WebhookEndpoint)
class WebhookEndpointAdmin(ModelAdmin):
    """The secret is shown nowhere; a new endpoint comes from the API, which tells it once."""

    list_display = ("url", "project", "disabled_at", "failing_since", "created_at")
    list_filter = ("project",)
    search_fields = ("id", "url")
    fields = ("project", "url", "events", "description", "disabled_at", "disabled_reason", "failing_since")
    readonly_fields = ("project", "disabled_at", "disabled_reason", "failing_since")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(models.StaffRole)
class StaffRoleAdmin(ModelAdmin):
    list_display = ("user", "project", "role", "created_at")
    list_filter = ("role", "project")


@admin.register(models.StaffAction)
class StaffActionAdmin(ReadOnly, ModelAdmin):
    list_display = ("at", "name", "action", "subject", "source", "project")
    list_filter = ("action", "project")
    search_fields = ("name", "subject")
    ordering = ("-id",)
