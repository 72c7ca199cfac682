"""Phone numbers: where inbound calls go, and who may show a number as caller."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from subscribers import addressing
from subscribers.api.fields import Id, Number, Text
from subscribers.api.shapes import Shape, moment
from subscribers.http import problems
from subscribers.models import Address, PhoneNumber, Subscriber
from subscribers.uniqueness import unique


class NumberFields(serializers.Serializer[Any]):
    number = Number(required=True)
    name = Text(200)
    address = Text(300, allow_null=True)
    address_id = Id()
    subscriber_id = Id()


class NumberShape(Shape):
    model = PhoneNumber
    word = part = "phone_number"
    collection = "phone_numbers"
    fields = NumberFields
    filters = ("number",)

    def rows(self, project_id: UUID) -> QuerySet[Any]:
        return super().rows(project_id).select_related("address")

    def render(self, row: PhoneNumber) -> dict[str, Any]:
        return {
            "id": str(row.pk),
            "project_id": str(row.project_id),
            "number": row.number,
            "name": row.name,
            "address": row.address.text if row.address else None,
            "address_id": str(row.address_id) if row.address_id else None,
            "subscriber_id": str(row.subscriber_id) if row.subscriber_id else None,
            "created_at": moment(row.created_at),
            "updated_at": moment(row.updated_at),
        }

    def create(self, project_id: UUID, data: dict[str, Any]) -> PhoneNumber:
        if data["number"] == addressing.ANNOUNCEMENT_NUMBER:
            raise problems.Unprocessable("already_taken", "This number is a test destination.", "number")
        return self.change(PhoneNumber(project_id=project_id), data)

    def change(self, row: PhoneNumber, data: dict[str, Any]) -> PhoneNumber:
        for name in ("number", "name"):
            if name in data:
                setattr(row, name, data[name])
        if data.get("number") == addressing.ANNOUNCEMENT_NUMBER:
            raise problems.Unprocessable("already_taken", "This number is a test destination.", "number")
        if "address" in data or "address_id" in data:
            row.address = _address(row.project_id, data)
        if "subscriber_id" in data:
            row.subscriber = _subscriber(row.project_id, data["subscriber_id"])
        with unique():
            row.save()
        return row

    def addresses(self, row: PhoneNumber) -> QuerySet[Address]:
        return Address.objects.filter(project_id=row.project_id, numbers=row)


def _address(project_id: UUID, data: dict[str, Any]) -> Address | None:
    """The address by id or as `/context/name`; 422 where the project has none."""
    rows = Address.objects.filter(project_id=project_id)
    if data.get("address_id"):
        found = rows.filter(pk=data["address_id"]).first()
    elif data.get("address"):
        found = _by_text(rows, data["address"])
    else:
        return None
    if found is None:
        attribute = "address_id" if data.get("address_id") else "address"
        raise problems.Unprocessable(
            "unrecognized_fabric_addresses", "The project has no such address.", attribute
        )
    return found


def _by_text(rows: QuerySet[Address], text: str) -> Address | None:
    try:
        return rows.filter(pk=UUID(text)).first()
    except ValueError:
        pass
    try:
        wanted = addressing.parse_destination(text)
    except addressing.MalformedDestination as error:
        raise problems.Unprocessable("invalid_parameter", str(error), "address") from error
    return rows.filter(context=wanted.context, name=wanted.name).first()


def _subscriber(project_id: UUID, id: UUID | None) -> Subscriber | None:
    if id is None:
        return None
    found = Subscriber.objects.filter(project_id=project_id, pk=id).first()
    if found is None:
        raise problems.Unprocessable(
            "must_belong_to_project", "There is no such subscriber.", "subscriber_id"
        )
    return found
