"""Phone numbers: where inbound calls go, and who may show a number as caller."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from rest_framework import serializers

from rest import errors
from rest.json_bodies import rfc3339
from subscribers import addressing, assignment
from subscribers.api.fields import Id, Number, Text
from subscribers.api.shapes import Resource
from subscribers.models import Address, PhoneNumber, Subscriber
from subscribers.unique_constraints import unique


class NumberFields(serializers.Serializer[Any]):
    number = Number(required=True)
    name = Text(200)
    address = Text(300, allow_null=True)
    address_id = Id()
    subscriber_id = Id()


class NumberShape(Resource[PhoneNumber]):
    model = PhoneNumber
    type_name = body_key = "phone_number"
    collection = "phone_numbers"
    fields = NumberFields
    filters = ("number",)

    def rows(self, project_id: UUID) -> QuerySet[Any]:
        return super().rows(project_id).filter(in_use=True).select_related("address")

    def render(self, row: PhoneNumber) -> dict[str, Any]:
        return {
            "id": str(row.pk),
            "project_id": str(row.project_id),
            "number": row.number,
            "name": row.name,
            "address": row.address.text if row.address else None,
            "address_id": str(row.address_id) if row.address_id else None,
            "subscriber_id": str(row.subscriber_id) if row.subscriber_id else None,
            "created_at": rfc3339(row.created_at),
            "updated_at": rfc3339(row.updated_at),
        }

    @transaction.atomic
    def create(self, project_id: UUID, data: dict[str, Any]) -> PhoneNumber:
        """Take a number in use that is assigned to the project; a trusted project assigns it by this."""
        row = assigned(project_id, data["number"]) or PhoneNumber(project_id=project_id)
        if row.number and row.in_use:
            raise errors.Unprocessable("already_taken", "This number is in use already.", "number")
        row.in_use = True
        return self.change(row, data)

    @transaction.atomic
    def change(self, row: PhoneNumber, data: dict[str, Any]) -> PhoneNumber:
        wanted = data.get("number", row.number)
        if wanted != row.number and assigned(row.project_id, wanted) is not None:
            raise errors.Unprocessable("already_taken", "This is another number of the project.", "number")
        row.number, row.name = wanted, data.get("name", row.name)
        if "address" in data or "address_id" in data:
            row.address = _address(row.project_id, data)
        if "subscriber_id" in data:
            row.subscriber = _subscriber(row.project_id, data["subscriber_id"])
        try:
            with unique():
                row.save()
        except errors.Unprocessable as error:  # another project's: the same words as for nobody's
            raise NotAssigned from error
        return row

    def remove(self, row: PhoneNumber) -> None:
        """Out of use. It stays assigned where only staff could assign it again, for the project to take."""
        if assignment.trusted(row.project_id):
            row.delete()
        else:
            row.in_use, row.name, row.address, row.subscriber = False, "", None, None
            row.save()

    def addresses(self, row: PhoneNumber) -> QuerySet[Address]:
        return Address.objects.filter(project_id=row.project_id, numbers=row)


class NotAssigned(errors.Forbidden):
    """The number is another project's or nobody's; which of them is not said."""

    def __init__(self, attribute: str = "number") -> None:
        words = "This number is not assigned to the project. Platform staff assigns numbers."
        super().__init__("number_not_assigned", words, attribute)


def assigned(project_id: UUID, number: str) -> PhoneNumber | None:
    """The project's row of a number; None where a trusted project may make one. 403 `number_not_assigned`."""
    if number == addressing.ANNOUNCEMENT_NUMBER:
        raise errors.Unprocessable("already_taken", "This number is a test destination.", "number")
    row = PhoneNumber.objects.select_for_update().filter(project_id=project_id, number=number).first()
    if row is None and not assignment.trusted(project_id):
        raise NotAssigned
    return row


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
        raise errors.Unprocessable(
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
        raise errors.Unprocessable("invalid_parameter", str(error), "address") from error
    if wanted.test is not None:
        words = "A number leads to an address of the project: make a script that connects to this one."
        raise errors.Unprocessable("unrecognized_fabric_addresses", words, "address")
    return rows.filter(context=wanted.context, name=wanted.name).first()


def _subscriber(project_id: UUID, id: UUID | None) -> Subscriber | None:
    if id is None:
        return None
    found = Subscriber.objects.filter(project_id=project_id, pk=id).first()
    if found is None:
        raise errors.Unprocessable("must_belong_to_project", "There is no such subscriber.", "subscriber_id")
    return found
