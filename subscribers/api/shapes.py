"""What every resource looks like on the wire: times, the envelope, and what a Resource must offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from rest import errors, known_names
from rest.json_bodies import rfc3339
from subscribers.models import Address
from subscribers.models.owned import Owned

Row = TypeVar("Row", bound=Owned)


class Resource(ABC, Generic[Row]):
    """One kind of resource: its rows, its fields, how it is shown and changed.

    `type_name` is the type on the wire, `body_key` the name of the inner object, `collection` the path
    segment.
    """

    model: type[Row]
    type_name: str
    body_key: str
    collection: str
    fields: type[serializers.Serializer[Any]]
    filters: tuple[str, ...] = ()

    def rows(self, project_id: UUID) -> QuerySet[Row]:
        return self.model._default_manager.filter(project_id=project_id)

    def find(self, project_id: UUID, id: UUID) -> Row:
        """The row; 404 also where another project has it."""
        row = self.rows(project_id).filter(pk=id).first()
        if row is None:
            raise errors.NotFound
        return row

    def render(self, row: Row) -> dict[str, Any]:
        """SignalWire's envelope around the resource's own object."""
        return {
            "id": str(row.pk),
            "project_id": str(row.project_id),
            "display_name": self.title(row),
            "type": self.type_name,
            "created_at": rfc3339(row.created_at),
            "updated_at": rfc3339(row.updated_at),
            self.body_key: self.body(row),
        }

    def title(self, row: Row) -> str:
        return str(row)

    def body(self, row: Row) -> dict[str, Any]:
        """The resource's own object; a shape that has none renders all of itself."""
        return {}

    @abstractmethod
    def create(self, project_id: UUID, data: dict[str, Any]) -> Row:
        """A new row of these checked fields."""

    def created(self, row: Row) -> dict[str, Any]:
        """What the 201 shows; secrets shown once are added here."""
        return self.render(row)

    @abstractmethod
    def change(self, row: Row, data: dict[str, Any]) -> Row:
        """The row with those checked fields changed."""

    def remove(self, row: Row) -> None:
        row.delete()

    def addresses(self, row: Row) -> QuerySet[Address]:
        return Address.objects.filter(project_id=row.project_id, resource_id=row.pk)


def clean(
    fields: type[serializers.Serializer[Any]], body: object, partial: bool = False, *, strict: bool = False
) -> dict[str, Any]:
    """The checked fields of a JSON object; 422 naming each wrong one, and where `strict` each unknown one."""
    if not isinstance(body, dict):
        raise errors.Unprocessable("invalid_parameter", "The body must be a JSON object.")
    serializer = fields(data=body, partial=partial)
    problems = known_names.unknown(body, serializer.fields) if strict else []
    try:
        serializer.is_valid(raise_exception=True)
    except serializers.ValidationError as error:
        problems += errors.from_validation(error).problems
    if problems:
        raise errors.Invalid(problems)
    return dict(serializer.validated_data)
