"""Fields that the token endpoints share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tokens.expiry import moment_of


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string", "format": "date-time"}]})
class Ends(serializers.Field):  # type: ignore[type-arg]
    """Unix seconds or RFC 3339; null is the default of two hours."""

    def __init__(self) -> None:
        super().__init__(required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> datetime:
        try:
            return moment_of(data, timezone.now())
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class Listed(serializers.Field):  # type: ignore[type-arg]
    """`allowed_addresses`; checked by `tokens.binding`, which needs the project."""

    def __init__(self, required: bool) -> None:
        super().__init__(required=required, allow_null=not required)

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value
