"""The directory in Django's admin: to look things up and to mend by hand; programs use the REST API."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from subscribers import provisioning
from subscribers.models import (
    Address,
    PhoneNumber,
    Project,
    Room,
    Script,
    SipEndpoint,
    SipGateway,
    Subscriber,
)


class Looked(ModelAdmin):
    """What can be changed is; what must be made with its address or its digests is made over REST."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class WithAddress(Looked):
    """Deleting one takes its address along."""

    def delete_model(self, request: HttpRequest, obj: Subscriber | Room | Script) -> None:
        provisioning.remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Subscriber | Room | Script]) -> None:
        for row in queryset:
            provisioning.remove(row)


@admin.register(Project)
class ProjectAdmin(Looked):
    list_display = ("name", "id", "suspended_at", "created_at")
    search_fields = ("name", "id")
    exclude = ("signing_key",)


@admin.register(Subscriber)
class SubscriberAdmin(WithAddress):
    list_display = ("reference", "shown_name", "address", "extension", "do_not_disturb", "project")
    search_fields = ("reference", "display_name", "email", "extension")
    readonly_fields = ("project", "reference", "slug")
    exclude = ("extension",)


@admin.register(Address)
class AddressAdmin(Looked):
    list_display = ("text", "kind", "display_name", "locked", "project")
    list_filter = ("kind", "context")
    search_fields = ("name", "display_name")
    readonly_fields = ("project", "context", "name", "kind", "resource_id")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Room)
class RoomAdmin(WithAddress):
    list_display = ("name", "display_name", "max_members", "locked", "project")
    search_fields = ("name", "display_name")
    readonly_fields = ("project", "name", "kept")


@admin.register(Script)
class ScriptAdmin(WithAddress):
    list_display = ("name", "project", "updated_at")
    search_fields = ("name",)
    # Contents are checked where they come in over REST; here they are only read.
    readonly_fields = ("project", "contents")


@admin.register(SipEndpoint)
class SipEndpointAdmin(Looked):
    list_display = ("username", "subscriber", "caller_id", "project")
    search_fields = ("username",)
    readonly_fields = ("project", "subscriber", "username")


@admin.register(SipGateway)
class SipGatewayAdmin(Looked):
    list_display = ("name", "uri", "registration_shown", "enabled", "priority", "project")
    search_fields = ("name", "host")
    readonly_fields = ("project", "registration_shown")

    @admin.display(description="registration")
    def registration_shown(self, row: SipGateway) -> str:
        found = row.registration()
        if found is None:
            return "off"
        return f"failed ({found['code']})" if found["state"] == "failed" else str(found["state"])


@admin.register(PhoneNumber)
class PhoneNumberAdmin(Looked):
    """Adding one assigns it to its project."""

    list_display = ("number", "name", "address", "subscriber", "in_use", "project")
    search_fields = ("number", "name")
    readonly_fields = ("address", "subscriber", "in_use")

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(admin.ModelAdmin.has_add_permission(self, request))

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> tuple[str, ...]:
        return self.readonly_fields if obj is None else ("project", "number", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: PhoneNumber, form: object, change: bool) -> None:
        obj.in_use = obj.in_use and change
        super().save_model(request, obj, form, change)
