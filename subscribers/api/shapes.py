"""What every resource looks like on the wire: times, the envelope, and the contract of a Shape."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from subscribers.http import problems
from subscribers.models import Address
from subscribers.models.owned import Owned


def moment(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Shape(ABC):
    """One kind of resource: its rows, its fields, how it is shown and changed.

    `word` is the type on the wire, `part` the name of the inner object, `collection` the path segment.
    """

    model: type[Owned]
    word: str
    part: str
    collection: str
    fields: type[serializers.Serializer[Any]]
    filters: tuple[str, ...] = ()

    def rows(self, project_id: UUID) -> QuerySet[Any]:
        return self.model._default_manager.filter(project_id=project_id)

    def find(self, project_id: UUID, id: UUID) -> Any:
        """The row; 404 also where another project has it."""
        row = self.rows(project_id).filter(pk=id).first()
        if row is None:
            raise problems.NotFound()
        return row

    def render(self, row: Any) -> dict[str, Any]:
        """SignalWire's envelope around the resource's own object."""
        return {
            "id": str(row.pk),
            "project_id": str(row.project_id),
            "display_name": self.title(row),
            "type": self.word,
            "created_at": moment(row.created_at),
            "updated_at": moment(row.updated_at),
            self.part: self.inner(row),
        }

    def title(self, row: Any) -> str:
        return str(row)

    def inner(self, row: Any) -> dict[str, Any]:
        """The resource's own object; a shape that has none renders all of itself."""
        return {}

    @abstractmethod
    def create(self, project_id: UUID, data: dict[str, Any]) -> Any:
        """A new row of these checked fields."""

    def created(self, row: Any) -> dict[str, Any]:
        """What the 201 shows; secrets shown once are added here."""
        return self.render(row)

    @abstractmethod
    def change(self, row: Any, data: dict[str, Any]) -> Any:
        """The row with those checked fields changed."""

    def remove(self, row: Any) -> None:
        row.delete()

    def addresses(self, row: Any) -> QuerySet[Address]:
        return Address.objects.filter(project_id=row.project_id, resource_id=row.pk)


def clean(fields: type[serializers.Serializer[Any]], body: Any, partial: bool = False) -> dict[str, Any]:
    """The checked fields of a JSON object; 422 naming each wrong one. Unknown fields are ignored."""
    if not isinstance(body, dict):
        raise problems.Unprocessable("invalid_parameter", "The body must be a JSON object.")
    serializer = fields(data=body, partial=partial)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
