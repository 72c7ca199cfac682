"""Subscribers as a resource."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from rest_framework import serializers

from rest import errors
from subscribers import provisioning
from subscribers.api.fields import Flag, Pattern, Reference, Text, TimeZone, Whole
from subscribers.api.shapes import Resource
from subscribers.models import Subscriber

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
# Wire name (either spelling, on any surface) to column.
PROFILE = {
    "first_name": "first_name",
    "last_name": "last_name",
    "display_name": "display_name",
    "job_title": "job_title",
    "timezone": "time_zone",
    "time_zone": "time_zone",
    "country": "country",
    "region": "region",
    "company_name": "company_name",
}


class ProfileFields(serializers.Serializer[Any]):
    """What the token endpoint and the resource both set."""

    password = Text(max_length=72)
    first_name = Text(100)
    last_name = Text(100)
    display_name = Text(200)
    job_title = Text(200)
    timezone = TimeZone(max_length=64)
    time_zone = TimeZone(max_length=64)
    country = Text(100)
    region = Text(100)
    company_name = Text(200)

    def validate_password(self, value: str) -> str:
        if value and not 8 <= len(value) <= 72:
            raise serializers.ValidationError("A password has 8 to 72 characters.")
        return value


class SubscriberFields(ProfileFields):
    email = Text(255)
    reference = Reference(255)
    extension = Pattern(r"[0-9]{2,10}", "An extension is 2 to 10 digits.")
    max_calls = Whole(0, 10_000, allow_null=True)
    do_not_disturb = Flag()

    def validate_email(self, value: str) -> str:
        if value and not _EMAIL.fullmatch(value):
            raise serializers.ValidationError("Must be an email address.")
        return value


def columns(data: dict[str, Any]) -> dict[str, Any]:
    """The model's fields of checked data; `extension` "" means none."""
    found = {column: data[name] for name, column in PROFILE.items() if name in data}
    for name in ("password", "email", "max_calls", "do_not_disturb"):
        if name in data:
            found[name] = data[name]
    if "extension" in data:
        found["extension"] = data["extension"] or None
    return found


def profile(row: Subscriber, time_zone: str) -> dict[str, Any]:
    """The personal fields; `time_zone` is how this surface spells that one."""
    return {
        "email": row.email,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "display_name": row.display_name,
        "job_title": row.job_title,
        time_zone: row.time_zone,
        "country": row.country,
        "region": row.region,
        "company_name": row.company_name,
    }


class SubscriberShape(Resource[Subscriber]):
    model = Subscriber
    type_name = body_key = "subscriber"
    collection = "subscribers"
    fields = SubscriberFields
    filters = ("reference", "email", "extension")

    def title(self, row: Subscriber) -> str:
        return row.shown_name

    def body(self, row: Subscriber) -> dict[str, Any]:
        return {
            "id": str(row.pk),
            **profile(row, "timezone"),
            "reference": row.reference,
            "address": row.address,
            "extension": row.extension,
            "max_calls": row.max_calls,
            "do_not_disturb": row.do_not_disturb,
        }

    def create(self, project_id: UUID, data: dict[str, Any]) -> Subscriber:
        reference = data.get("reference") or data.get("email")
        if not reference:
            missing = errors.field("email", "This field is required.", "missing_required_parameter")
            raise errors.Invalid([missing])
        return provisioning.create_subscriber(project_id, reference, columns(data))

    def change(self, row: Subscriber, data: dict[str, Any]) -> Subscriber:
        if data.get("reference"):
            row.reference = data["reference"]
        return provisioning.change_subscriber(row, {"reference": row.reference, **columns(data)})

    def remove(self, row: Subscriber) -> None:
        provisioning.remove(row)
