"""Fields that the token endpoints share."""

from __future__ import annotations

from datetime import datetime

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

import clock
from subscribers.api.fields import AsStored
from tokens.expiry import moment_of


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string", "format": "date-time"}]})
class Ends(AsStored[datetime]):
    """Unix seconds or RFC 3339; null is the default of two hours."""

    def __init__(self) -> None:
        super().__init__(required=False, allow_null=True)

    def to_internal_value(self, data: object) -> datetime:
        try:
            return moment_of(data, clock.now())
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class Listed(AsStored[object]):
    """`allowed_addresses`; checked by `tokens.allowed_addresses`, which needs the project."""

    def __init__(self, required: bool) -> None:
        super().__init__(required=required, allow_null=not required)

    def to_internal_value(self, data: object) -> object:
        return data
